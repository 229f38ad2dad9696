"""``consigne device virtual``: a virtual board to practise on, until Ctrl-C."""

import json
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from .board import VirtualBoard, install
from .chips import CHIPS


def virtual(
    flash: Annotated[Path, typer.Argument(help="The chip's flash image; made when it is not there.")],
    cabinet: Annotated[
        Path | None,
        typer.Option(help="config.json of a cabinet to wire to the board; without it, a bare board."),
    ] = None,
    chip: Annotated[str, typer.Option(help=f"One of {', '.join(CHIPS)}.")] = "esp32",
    link: Annotated[
        Path | None, typer.Option(help="A path that always leads to the port, also after a restart.")
    ] = None,
    micropython: Annotated[
        str,
        typer.Option(help="Install MicroPython of this version first, e.g. v1.28.0; the flash is new then."),
    ] = "",
    paced: Annotated[
        bool, typer.Option(help="Serial line and flash take the time they take on a board.")
    ] = False,
) -> None:
    """Run a virtual board; prints the serial port that mpremote and esptool can use, and what happens."""
    console = Console(highlight=False)
    if chip not in CHIPS:
        raise typer.BadParameter(f"there is no chip '{chip}'; choose one of {', '.join(CHIPS)}")
    config = json.loads(cabinet.read_text()) if cabinet else None
    if micropython:
        flash.unlink(missing_ok=True)
        install(flash, micropython, chip)
    stopped = threading.Event()
    signal.signal(signal.SIGINT, lambda number, frame: stopped.set())
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.set())
    with VirtualBoard(flash, config, chip=chip, link=link, paced=paced) as board:
        console.print(f"[bold]{board.port}[/bold]")
        board.listeners.append(
            lambda line: console.print(f"[dim]{line[0] / 1e6:9.3f}[/dim] {line[1]} {escape(line[2])}")
        )
        stopped.wait()
