"""``make bench``: run every measurement, print a table, write ``build/bench.json``.

A measurement is a module of this package with ``run() -> dict[str, float]`` (flat keys) and ``GOALS:
dict[str, str]``, what the key should be, such as ``"<= 2"``.  Every module compares values of the same run;
none is compared with an earlier run.

Each part runs in a process of its own (``part``), one after another; the file is written anew after each.  A
part that fails is named, and ``bench.failed.<part>`` is 1; the others are still measured.  ``bench.*``
describes the machine before the measurements, and how long each part took.
"""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from . import machine
from .goals import meets
from .part import LIMIT_S, Measured, measure, write_whole

PARTS = {
    "latency": "from the last key to the relay",
    "locker": "from power to ready",
    "boot": "from the application's slot to ready",
    "heap": "the smallest heap that serves",
    "journal": "ten years of flash, and its speed",
    "access": "deciding codes, and guessing them",
    "mqtt": "events to a broker and to the database",
    "replay": "ten thousand recorded commands",
    "tls": "online without a clock",
    "clocks": "a host or a clock chip that was wrong",
    "sync": "events through a network that loses and repeats",
    "holes": "events that are lost, told and gone past",
    "takeover": "a second host that takes over",
    "hardware": "rules of wiring, configuration, wizard",
    "cabinets": "every shipped cabinet file, played",
    "doors": "coils, keys, lock boards",
    "cycles": "doors with faults at random",
    "grants": "what waited for a locker at its first connection",
    "panel": "keys while the display is written",
    "server": "events a second into SQLite and PostgreSQL",
    "herd": "2,000 lockers that all come at once",
    "pages": "open pages over a slow database",
    "retention": "ten years of housekeeping",
    "fleet": "the list of 3,000 lockers, and its pages",
    "house": "imports and types of the host",
    "contract": "stand-ins against the port's source",
    "push": "an application over the wire",
    "cuts": "updates that break off",
}
"""Parts that need a quiet machine come first."""


class Bench:
    """One run: the numbers so far, on the terminal and in the file."""

    def __init__(self, console: Console, out: Path) -> None:
        self.numbers: dict[str, float] = {}
        self.goals: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self._console = console
        self._out = out

    def keep(self, numbers: dict[str, float], goals: dict[str, str]) -> None:
        """Add numbers: print a line for each, and write the file again."""
        self.numbers.update(numbers)
        self.goals.update(goals)
        write_whole(self._out, self.numbers)
        for key, value in sorted(numbers.items()):
            self._console.print(f"  {key} {_shown(value)} {self.verdict(key)}", highlight=False)

    def measure(self, part: str, limit_s: float) -> None:
        """Measure a part, and print the result."""

        def said(text: str) -> None:
            self._console.print(f"  [dim]{escape(text)}[/dim]", highlight=False, soft_wrap=True)

        done: Measured = measure(part, said, limit_s)
        if done.failed:
            self.failed[part] = done.failed
            self._console.print(f"  [red]{part} failed: {escape(done.failed)}[/red]")
        state = {f"bench.failed.{part}": 1.0} if done.failed else {}
        self.keep({**done.numbers, **state, f"bench.seconds.{part}": round(done.seconds, 1)}, done.goals)

    def verdict(self, key: str) -> str:
        """A number's goal and whether it is met, in colour; "" without a goal."""
        goal = self.goals.get(key, "")
        if not goal:
            return ""
        return f"[dim]{goal}[/dim] " + (
            "[green]ok[/green]" if meets(self.numbers[key], goal) else "[red]missed[/red]"
        )

    def missed(self) -> list[str]:
        """The keys whose goals are missed."""
        return [
            key
            for key, goal in sorted(self.goals.items())
            if key in self.numbers and not meets(self.numbers[key], goal)
        ]

    def table(self) -> Table:
        """All numbers that have a goal."""
        names = ("number", "value", "goal", "")
        table = Table(*(Column(name, no_wrap=True) for name in names), box=None)  # fits into 80 columns
        for key, value in sorted(self.numbers.items()):
            if key in self.goals:
                mark = "[green]ok" if meets(value, self.goals[key]) else "[red]missed"
                table.add_row(key, _shown(value), self.goals[key], mark)
        return table


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.6g}"


def _bar(console: Console) -> Progress:
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True, refresh_per_second=1)


def main(
    only: Annotated[list[str] | None, typer.Argument(help=f"Parts to measure: {', '.join(PARTS)}")] = None,
    out: Annotated[Path, typer.Option(help="Where the numbers go")] = Path("build/bench.json"),
    limit: Annotated[float, typer.Option(help="Seconds that one part may take")] = LIMIT_S,
) -> None:
    """Measure, print, write.  Says which goals are missed; exits with 1 when a part fails."""
    console = Console(stderr=True)
    chosen = list(only or PARTS)
    if unknown := [part for part in chosen if part not in PARTS]:
        raise typer.BadParameter(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    out.parent.mkdir(parents=True, exist_ok=True)
    bench = Bench(console, out)
    console.print("[bold]machine[/bold]: how quiet it is")
    bench.keep(machine.run(), machine.GOALS)
    started_s = time.monotonic()
    with _bar(console) as bar:
        whole = bar.add_task("bench", total=len(chosen))
        for number, part in enumerate(chosen, start=1):
            console.print(f"[bold]{number}/{len(chosen)} {part}[/bold]: {PARTS[part]}")
            now = bar.add_task(part, total=None)
            bench.measure(part, limit)
            bar.remove_task(now)
            bar.advance(whole)
    bench.keep({"bench.seconds": round(time.monotonic() - started_s, 1)}, {})
    Console().print(bench.table())
    missed = bench.missed()
    if missed:
        console.print(f"[red]missed: {', '.join(missed)}")
    for part, why in bench.failed.items():
        console.print(f"[red]{part} failed: {escape(why)}")
    sys.exit(1 if bench.failed else 0)


if __name__ == "__main__":
    typer.run(main)
