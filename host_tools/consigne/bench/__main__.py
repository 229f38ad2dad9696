"""``make bench``: run every measurement, print a table, write ``build/bench.json``.

A measurement is a module of this package with ``run() -> dict[str, float]`` (flat keys) and
``GOALS: dict[str, str]``, what the key should be, such as ``"<= 2"``.  Every module measures
against something in the same run; nothing is compared with yesterday's machine.
"""

import importlib
import json
import operator
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

PARTS = (
    "locker",
    "heap",
    "journal",
    "access",
    "mqtt",
    "replay",
    "sync",
    "hardware",
    "doors",
    "panel",
    "server",
    "device",
)
_COMPARE = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}


def meets(value: float, goal: str) -> bool:
    """Whether ``value`` is as ``goal`` (``"<= 2"``, ``">= 100"``, ``"== 0"``) wants it."""
    sign, limit = goal.split()
    return bool(_COMPARE[sign](value, float(limit)))


def main(
    only: Annotated[list[str] | None, typer.Argument(help=f"Parts to measure: {', '.join(PARTS)}")] = None,
    out: Annotated[Path, typer.Option(help="Where the numbers go")] = Path("build/bench.json"),
) -> None:
    """Measure, print, write.  Exits with 1 when a goal is missed."""
    console = Console(stderr=True)
    numbers: dict[str, float] = {}
    goals: dict[str, str] = {}
    for part in only or PARTS:
        module = importlib.import_module(f"consigne.bench.{part}")
        started = time.monotonic()
        with console.status(f"measuring {part}"):
            numbers.update(module.run())
        goals.update(module.GOALS)
        console.print(f"[dim]{part}: {time.monotonic() - started:.1f} s[/dim]")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(numbers, indent=1, sort_keys=True) + "\n")
    table = Table("number", "value", "goal", "")
    missed = 0
    for key, value in sorted(numbers.items()):
        goal = goals.get(key, "")
        good = not goal or meets(value, goal)
        missed += not good
        table.add_row(key, f"{value:,.6g}", goal, "" if not goal else "[green]ok" if good else "[red]missed")
    Console().print(table)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    typer.run(main)
