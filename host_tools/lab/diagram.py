"""The doors' behaviour as a page, made from ``core/doors.TABLE``, so that both always agree.

``python -m lab.diagram`` writes ``firmware/locker/core/DOORS.md``; a test compares the two.
"""

import ast
import inspect
from pathlib import Path

from consigne import firmware_dir
from locker.core import cabinet, doors

PAGE = Path("locker/core/DOORS.md")  # below the firmware's directory

HEAD = """# What a door does

Drawn from `TABLE` in [doors.py](doors.py) by `python -m lab.diagram`; do not edit. A pair of
phase and signal that is not here changes nothing. An action that the table names is a method of
[cabinet.py](cabinet.py); a phase in brackets is where that method sends the door instead.
"""


def rows() -> list[list[str]]:
    """``[phase, signal, next phase, action]`` of each row of the table."""
    return [row.split() for row in doors.TABLE.strip().splitlines()]


def other_phases(action: str) -> list[str]:
    """The phases that an action may return instead of the table's, read from its source."""
    source = inspect.getsource(getattr(cabinet.Cabinet, "_do_" + action))
    found = []
    for node in ast.walk(ast.parse("if True:\n" + source)):
        value = node.value if isinstance(node, ast.Return) else None
        if isinstance(value, ast.Attribute) and ast.unparse(value.value) == "doors":
            found.append(getattr(doors, value.attr))
    return sorted(found)


def arrows() -> list[tuple[str, str, str, str]]:
    """``(from, to, signal, action)`` for each row of the table and each phase an action may choose."""
    out = []
    for phase, signal, target, action in rows():
        out.append((phase, target, signal, action))
        out += [(phase, other, signal, action) for other in other_phases(action)]
    return out


def page() -> str:
    """The whole Markdown page: a state diagram and the table in words."""
    lines = [HEAD, "```mermaid", "stateDiagram-v2", f"    [*] --> {doors.UNKNOWN}"]
    lines += [f"    {start} --> {end}: {signal} / {action}" for start, end, signal, action in arrows()]
    lines += ["```", "", "| phase | signal | next phase | action |", "|---|---|---|---|"]
    for phase, signal, target, action in rows():
        others = "".join(f" ({other})" for other in other_phases(action))
        lines.append(f"| {phase} | {signal} | {target}{others} | {action} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    (firmware_dir() / PAGE).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
