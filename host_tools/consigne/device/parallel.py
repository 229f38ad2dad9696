"""One job on several ports at once, each with its bar; what came of each at the end."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from serial.tools import list_ports

from .errors import DeviceError

console = Console()
errors = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Bar:
    """The line of one port: what it is doing, how far it is."""

    _progress: Progress
    _task: TaskID

    def say(self, text: str) -> None:
        """What is being done now."""
        self._progress.update(self._task, now=text)

    def advance(self, done: int, total: int) -> None:
        """Bytes, sectors or the like done, of how many."""
        self._progress.update(self._task, completed=done, total=total)


Job = Callable[[str, Bar], str]
"""Called with the port; returns what to say of it at the end."""


def on_each(ports: list[str], job: Job) -> int:
    """Run the job for each port at once, print one line for each; how many failed."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[port]}"),
        BarColumn(),
        TextColumn("{task.fields[now]}"),
        TimeElapsedColumn(),
    )
    failed = 0
    with Progress(*columns, console=errors, transient=True) as progress:
        bars = {
            port: Bar(progress, progress.add_task("", total=None, port=port, now="connecting"))
            for port in ports
        }
        with ThreadPoolExecutor(max_workers=len(ports)) as pool:
            running = {port: pool.submit(job, port, bars[port]) for port in ports}
        told = []
        for port, future in running.items():
            error = future.exception()
            if isinstance(error, DeviceError):
                failed += 1
                told.append((errors, f"[red]failed[/red] {_escaped(str(error))}"))
            elif error is not None:
                raise error
            else:
                told.append((console, f"[green]done[/green]   {port}: {_escaped(future.result())}"))
    for where, line in told:
        where.print(line, soft_wrap=True, highlight=False)
    return failed


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
