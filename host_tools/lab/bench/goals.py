"""Goals of numbers, and whether they are met."""

import operator

_COMPARE = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}


def meets(value: float, goal: str) -> bool:
    """Whether ``value`` meets ``goal`` (``"<= 2"``, ``">= 100"``, ``"== 0"``)."""
    sign, limit = goal.split()
    return bool(_COMPARE[sign](value, float(limit)))
