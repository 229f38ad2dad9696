"""``consigne cabinet learn``: an unknown cabinet, by the controller's console, an adapter, or simulated."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from consigne.cabinet.compiler import open_cabinet
from consigne.cabinet.document import Document, Rs485
from consigne.cabinet.problems import CabinetError, sentences
from consigne.cabinet.profiles import profiles
from consigne.commandline.listening import PAGE_PORT
from consigne.commandline.screen import Screen
from consigne.commandline.tell import ask, confirm, echo
from consigne.words import counted

from .console import ReplConsole
from .file import usual_wiring, wiring_of
from .learned import NotOurs, Progress, in_words
from .run import Learning, NoDoorLearned, NoHardwareFound, simulated
from .serialwire import SerialWire
from .wizard import AGAIN, BACK, NONE, STOP, TWO, Stopped, Technician

_WORDS = {
    NONE: "no door opened", TWO: "several did", AGAIN: "open it once more",
    BACK: "my answer before was wrong", STOP: "enough for now",
}  # fmt: skip


class TerminalTechnician:
    """Asks the person at the terminal (``wizard.Technician``)."""

    def which_opened(self, place: str, note: str) -> str:
        if note:
            echo(f"  ({note})")
        answer = ask(f"{place}: number on the door that opened ('?': what else)")
        while answer == "?":
            for word, meaning in _WORDS.items():
                echo(f"  {word:6} {meaning}")
            answer = ask("number")
        return answer.strip()

    def number_before(self, place: str, number: str) -> str:
        echo(f"{place}: you said {number}.")
        answer = ask("The right number (Enter: open it again later)", default="")
        return answer.strip()

    def is_earlier_wrong(self, number: str, place: str) -> bool:
        return confirm(f"{number} was the door of {place} already. Was that wrong?")

    def unnamed(self, where: str) -> str:
        answer = ask(
            f"{where}: a door that stands open and was not asked for? Its number (Enter: none)", default=""
        )
        return answer.strip()

    def please(self, text: str) -> bool:
        return confirm(f"{text} Done?", default=True)

    def tell(self, text: str) -> None:
        echo(text, fg=typer.colors.YELLOW)


def learn(
    file: Annotated[Path, typer.Argument(help="The cabinet file to write.")],
    console: Annotated[
        str | None, typer.Option(help="Serial port of the controller, such as /dev/ttyUSB0.")
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="A technician's code of this hour, for a controller in production.")
    ] = None,
    port: Annotated[
        str | None, typer.Option(help="Serial port of an RS-485 adapter, in the controller's place.")
    ] = None,
    sim: Annotated[
        Path | None, typer.Option(help="Simulate the cabinet of this file; the wizard does not see it.")
    ] = None,
    headless: Annotated[bool, typer.Option(help="With --sim: a simulated technician answers.")] = False,
    wiring: Annotated[
        Path | None, typer.Option(help="A cabinet file with the controller's pins, buses and panel.")
    ] = None,
    board: Annotated[
        str, typer.Option(help="Controller board, where no --wiring says.")
    ] = "esp32-s3-devkitc-n8r8",
    addresses: Annotated[int, typer.Option(help="Highest address to look at.", min=1, max=254)] = 8,
    pins: Annotated[bool, typer.Option(help="Look for locks and sensors at free pins too.")] = False,
    prove: Annotated[bool, typer.Option(help="At the end open every door once more.")] = True,
    web_port: Annotated[
        int, typer.Option(help="Port of the page of --sim, 0: any.", min=0, max=65535)
    ] = PAGE_PORT,
) -> None:
    """Find lock boards and expanders, open each lock once, and write what was learned.

    Stand before the cabinet, all doors shut.  Who is interrupted starts the same command again.
    """
    if [console, port, sim].count(None) != 2:
        raise typer.BadParameter("give one of --console, --port and --sim")
    if board not in profiles():
        raise typer.BadParameter(f"no profile of a board '{board}': known are {', '.join(profiles())}")
    _look_at_place(file)
    try:
        source = wiring or sim
        known = usual_wiring(profiles()[board]) if source is None else wiring_of(source)
        if port is not None:
            known["rs485"] = _first_wire(known)
        progress = Progress.beside(file, known)
        if sim is not None and not headless:
            from .page import serve

            serve(sim, file, progress, addresses, pins, web_port)
            return
        with _reached(progress, console, code, port, sim) as (learning, technician):
            _run(learning, technician, file, addresses, pins, prove)
    except Stopped:
        echo(f"{_known(progress)} kept in {progress.file}: the same command goes on from there")
        raise typer.Exit(1) from None
    except (OSError, NotOurs, NoHardwareFound, NoDoorLearned, CabinetError) as error:
        lines = sentences(error.problems) if isinstance(error, CabinetError) else [str(error)]
        for line in lines:
            echo(line, err=True)
        if progress_kept(file):
            echo("what was learned is kept: the same command goes on from there", err=True)
        raise typer.Exit(1) from None


def _look_at_place(file: Path) -> None:
    """End with one sentence where no cabinet file can be made."""
    try:
        if file.exists():
            raise typer.BadParameter(f"{file} exists: give another name, or remove it")
        if not file.parent.is_dir():
            raise typer.BadParameter(f"{file} cannot be written: there is no folder {file.parent}")
        file.with_suffix(".learned.json").exists()  # the learned data lies beside it, under a longer name
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be written: {error.strerror}") from None


def _first_wire(wiring: Document) -> list[Rs485]:
    """The wire that an adapter replaces."""
    if not wiring["rs485"]:
        raise NotOurs("the wiring has no [[rs485]] that an adapter could be put to")
    return [wiring["rs485"][0]]


def progress_kept(file: Path) -> bool:
    return file.with_suffix(".learned.json").exists()


def _known(progress: Progress) -> str:
    return f"{counted(len(progress.numbered), 'door')} learned;"


@contextmanager
def _reached(
    progress: Progress, console: str | None, code: str | None, port: str | None, sim: Path | None
) -> Iterator[tuple[Learning, Technician]]:
    """The cabinet, and the technician who answers the questions."""
    if console is not None:
        with ReplConsole(console, code) as repl:
            yield Learning.over_console(progress, repl, echo), TerminalTechnician()
    elif port is not None:
        with SerialWire(port, progress.wiring["rs485"][0]["uart"]) as wire:
            yield Learning(progress, [wire], None, echo), TerminalTechnician()
    elif sim is not None:
        from .ground import SimTechnician, UnknownCabinet

        site = UnknownCabinet(simulated(sim), psram=open_cabinet(sim).psram)
        yield Learning.over_console(progress, site.console, echo), SimTechnician(site)


def _run(
    learning: Learning, technician: Technician, file: Path, addresses: int, pins: bool, prove: bool
) -> None:
    progress = learning.progress
    if progress.tried:
        echo(f"{_known(progress)} kept from before: going on")
    learning.find(technician, addresses, pins)
    learning.ask(technician)
    wrong = learning.prove(technician) if prove else []
    troubles = [*progress.troubles(), *wrong]
    if progress.doors():
        Screen().print(_table(progress))
        if troubles and (hint := learning.hint("")):
            troubles.append(hint)
    for text in troubles:
        echo(f"look: {text}", fg=typer.colors.YELLOW)
    learning.write(file)
    learned = f"{counted(len(progress.doors()), 'door')} after {counted(progress.opens, 'opening')}"
    echo(f"{file}: {learned}; correct sizes and places, then `consigne cabinet check {file}`")


def _table(progress: Progress) -> Table:
    table = Table("door", "lock", "sensor", "behind a closed door")
    for door in progress.doors():
        table.add_row(door.number, in_words(door.lock), in_words(door.reed), str(door.closed_level))
    return table
