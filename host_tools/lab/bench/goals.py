"""What a number should be, and whether it is."""

import operator

_COMPARE = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}


def meets(value: float, goal: str) -> bool:
    """Whether ``value`` is as ``goal`` (``"<= 2"``, ``">= 100"``, ``"== 0"``) wants it."""
    sign, limit = goal.split()
    return bool(_COMPARE[sign](value, float(limit)))
