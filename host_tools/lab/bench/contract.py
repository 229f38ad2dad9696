"""Compares the code that runs on a board with MicroPython's source: ``tests/contract`` counts, this prints.

``contract.calls_without_row``: calls into the interpreter that have not been checked in the port's source, or
that it would refuse; ``contract.stand_in_differences``: checks in which a stand-in differs from the port, on
all grounds.
"""

import importlib
import sys

from consigne import firmware_dir

GOALS = {"contract.calls_without_row": "== 0", "contract.stand_in_differences": "== 0"}


def run() -> dict[str, float]:
    """Count; each finding is printed.  Raises ``FileNotFoundError`` outside a checkout."""
    folder = firmware_dir().parent / "tests" / "contract"
    if not folder.is_dir():
        raise FileNotFoundError(f"the table of calls is in a checkout only, not at {folder}")
    sys.path.insert(0, str(folder))
    table, runs = importlib.import_module("table"), importlib.import_module("runs")
    missing = list(table.without_row(table.uses(), table.read()))
    differing = list(runs.all_differences())
    for line in missing + differing:
        print(line)
    return {
        "contract.calls_without_row": len(missing),
        "contract.stand_in_differences": len(differing),
    }
