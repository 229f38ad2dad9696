"""One job on several ports at once, each with its progress bar; the results at the end."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from serial.tools import list_ports

from consigne.commandline.screen import Screen
from consigne.protocol.untrusted import one_line

from .errors import DeviceError

console = Screen()
errors = Screen(stderr=True)


@dataclass(frozen=True, slots=True)
class Bar:
    """The line of one port: what it is doing, how far it is.

    A stopped job ends at its next step, by ``KeyboardInterrupt`` as in the main thread.
    """

    _progress: Progress
    _task: TaskID
    _stopped: threading.Event

    def say(self, text: str) -> None:
        """Show what is being done now."""
        self._go_on()
        self._progress.update(self._task, now=one_line(text))

    def advance(self, done: int, total: int) -> None:
        """Show how many bytes, sectors or the like are done, of how many."""
        self._go_on()
        self._progress.update(self._task, completed=done, total=total)

    def _go_on(self) -> None:
        if self._stopped.is_set():
            raise KeyboardInterrupt


Job = Callable[[str, Bar], str]
"""Called with the port; returns the text to print for it at the end."""


def on_each(ports: list[str], job: Job) -> int:
    """Run the job on all ports at once, print one line for each; returns how many failed."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[port]}"),
        BarColumn(),
        TextColumn("{task.fields[now]}"),
        TimeElapsedColumn(),
    )
    stopped = threading.Event()
    with Progress(*columns, console=errors, transient=True) as progress:
        bars = {
            port: Bar(
                progress, progress.add_task("", total=None, port=one_line(port), now="connecting"), stopped
            )
            for port in ports
        }
        if len(ports) == 1:  # in the main thread, since Ctrl-C interrupts only that one
            outcomes = {port: _outcome(job, port, bar) for port, bar in bars.items()}
        else:
            outcomes = _at_once(job, bars, stopped)
    for port, outcome in outcomes.items():
        if isinstance(outcome, DeviceError):
            where, line = errors, f"[red]failed[/red] {_escaped(one_line(str(outcome)))}"
        else:
            where, line = console, f"[green]done[/green]   {_escaped(one_line(f'{port}: {outcome}'))}"
        where.print(line, soft_wrap=True, highlight=False)
    return sum(isinstance(outcome, DeviceError) for outcome in outcomes.values())


def _outcome(job: Job, port: str, bar: Bar) -> str | DeviceError:
    try:
        return job(port, bar)
    except DeviceError as error:
        return error


def _at_once(job: Job, bars: dict[str, Bar], stopped: threading.Event) -> dict[str, str | DeviceError]:
    """Ctrl-C stops each job at its next step; the pool waits until every board serves again."""
    with ThreadPoolExecutor(max_workers=len(bars)) as pool:
        running = {port: pool.submit(_outcome, job, port, bar) for port, bar in bars.items()}
        try:
            return {port: future.result() for port, future in running.items()}
        except KeyboardInterrupt:
            stopped.set()
            raise


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")


def choose(given: list[str] | None) -> list[str]:
    """The ports asked for, else the only one there is.  Raises ``DeviceError``."""
    if given:
        return list(dict.fromkeys(given))
    there = [port.device for port in list_ports.comports() if port.vid is not None]
    if len(there) == 1:
        return there
    if not there:
        raise DeviceError("no board is plugged in; check the cable (some carry power only)")
    raise DeviceError(f"several boards are plugged in: say which with --port ({', '.join(sorted(there))})")
