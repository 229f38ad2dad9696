"""``consigne device virtual``: a virtual board to practise on, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.panel import Panel

from consigne.commandline.screen import Screen
from consigne.commandline.tell import echo
from consigne.sim.grounds.process import PROMPT, NoInterpreter, interpreter

if TYPE_CHECKING:
    from consigne.cabinet.deviceconfig import WiredConfig

    from .board import VirtualBoard

GLASS_S = 0.25  # between two looks at the display


def virtual(
    flash: Annotated[Path, typer.Argument(help="The chip's flash image; made when it is not there.")],
    cabinet: Annotated[
        Path | None, typer.Option(help="A cabinet file: its parts are wired to the board. Else a bare board.")
    ] = None,
    chip: Annotated[str, typer.Option(help="esp32, esp32s3 or esp8266; else the cabinet's, or esp32.")] = "",
    link: Annotated[
        Path | None, typer.Option(help="A path that always leads to the port, also after a restart.")
    ] = None,
    micropython: Annotated[
        str, typer.Option(help="Begin with a new flash that holds MicroPython of this version, e.g. v1.28.0.")
    ] = "",
    image: Annotated[
        str,
        typer.Option(
            help="Which build of it: official-psram, as downloaded for a board with PSRAM, or official, for "
            "one without; romfs, one's own, which executes in place."
        ),
    ] = "official-psram",
    paced: Annotated[
        bool, typer.Option(help="Serial line and flash take the time they take on a board.")
    ] = False,
) -> None:
    """A board of no hardware: prints the serial port that mpremote and esptool can use, and what happens.

    With a cabinet, a line typed here is typed on its keypad, and its display is shown; the line
    `scan TEXT` holds a label before its scanner, `shut` pushes every open door shut.
    """
    _look_at_machine()
    from consigne.cabinet.deviceconfig import keys_of

    from .board import VirtualBoard, install
    from .chips import CHIPS
    from .flash import NoFlash, check_file, check_link, claimed, open_flash
    from .image import KINDS, OFFICIAL_PSRAM, RELEASES
    from .psram import Psram

    claims = ExitStack()
    try:
        check_file(flash)
        check_link(link)
        if flash.exists():
            claims.enter_context(claimed(flash))
    except NoFlash as error:
        raise typer.BadParameter(str(error)) from None
    config = _wired(cabinet) if cabinet else None
    chip = chip or (config["board"] if config else "esp32")
    _choose("chip", chip, CHIPS)
    _choose("image", image, KINDS)
    if micropython:
        _choose("MicroPython", micropython, RELEASES)
        flash.unlink(missing_ok=True)
        install(flash, micropython, chip, image)
        claims.enter_context(claimed(flash))
    elif not flash.exists():
        open_flash(flash).close()
        claims.enter_context(claimed(flash))
    psram = None if image == OFFICIAL_PSRAM else Psram()  # the others are for boards without
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    console = Screen(highlight=False)
    with claims, VirtualBoard(flash, config, chip=chip, link=link, paced=paced, psram=psram) as board:
        board.listeners.append(lambda line: _show(console, line))
        if config is not None:
            keys = keys_of(config["keypad"])
            threading.Thread(target=by_hand, args=(board, keys, console, sys.stdin), daemon=True).start()
        _watch(board, console, stopped)


def _watch(board: VirtualBoard, console: Screen, stopped: threading.Event) -> None:
    """Print the port and the display whenever they change."""
    port = ""
    glass: list[str] = []
    while True:
        if board.port != port:  # the chip's own USB after a reset
            port = board.port
            console.print(f"[bold]{escape(port)}[/bold]")
        if stopped.wait(GLASS_S):
            return
        shown = board.display()
        if shown != glass and any(line.strip() for line in shown):
            console.print(Panel(escape("\n".join(shown)), expand=False))
        glass = shown


def _choose(what: str, wanted: str, known: Iterable[str]) -> None:
    if wanted not in known:
        raise typer.BadParameter(f"there is no {what} '{wanted}'; choose one of {', '.join(known)}")


def _show(console: Screen, line: tuple[int, str, str]) -> None:
    """Print a line of the board's log; the traffic of the raw prompt may hold keys, so it is left out."""
    at_us, what, detail = line
    if what != PROMPT:
        console.print(f"[dim]{at_us / 1e6:9.3f}[/dim] {what} {escape(detail)}")


def _look_at_machine() -> None:
    """End with one sentence where no virtual board can run."""
    if sys.platform != "linux":
        echo("a virtual board needs Linux: take a real board, or run this in a container", err=True)
        raise typer.Exit(1)
    try:
        interpreter()
    except NoInterpreter as error:
        echo(str(error), err=True)
        raise typer.Exit(1) from None


def by_hand(board: VirtualBoard, keys: str, console: Screen, lines: Iterable[str]) -> None:
    """Carry out typed lines at the cabinet: keys, ``scan TEXT``, ``shut`` for every open door."""
    for line in lines:
        word, _, text = line.strip().partition(" ")
        try:
            if word == "shut":
                for number, door in enumerate(board.look()["doors"]):
                    if door["open"]:
                        board.push_shut(number)
            elif word == "scan":
                if not board.scan(text):
                    console.print("the scanner does not look now")
            elif wrong := sorted(set(word) - set(keys)):
                console.print(f"there is no key '{escape(wrong[0])}' on this cabinet")
            else:
                board.type(word)
        except LookupError as error:
            console.print(escape(str(error)))


def _wired(file: Path) -> WiredConfig:
    """The cabinet's wiring, as the simulator takes it; every problem of the file, and exit, otherwise."""
    from consigne.cabinet.compiler import compile_cabinet, open_cabinet, spelled_out
    from consigne.cabinet.problems import CabinetError, sentences

    try:
        cabinet = open_cabinet(file)
        return spelled_out(cabinet, compile_cabinet(cabinet)[0])
    except CabinetError as error:
        for line in sentences(error.problems):
            echo(line, err=True)
        raise typer.Exit(1) from None
