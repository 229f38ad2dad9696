"""``consigne device flash``: a bare board gets interpreter, partition table, application and boot files.

What a board knows of itself is kept unless ``fresh``: a board that has a file system keeps its keys and its
journal, and its boot files are then brought up to date over the console.
"""

from consigne.device import image, interpreter, layout, push
from consigne.device.application import Application
from consigne.device.board import Board
from consigne.device.interpreter import Interpreter
from consigne.device.rombootloader import RomBootLoader
from consigne.device.several import Bar
from consigne.device.troubles import LockedError

_SUPERBLOCKS_BYTES = 2 * layout.SECTOR_BYTES  # littlefs keeps its name in one of two blocks
_NAME_AT = 8


def flash(
    loader: RomBootLoader,
    micropython: Interpreter,
    built: Application,
    code: str | None,
    *,
    fresh: bool,
    bar: Bar,
) -> str:
    """Flash one board; what to say of it."""
    bar.say("looking at its file system")
    fresh = fresh or not has_file_system(loader)
    parts = image.parts(micropython, built, fresh=fresh)
    bar.say("writing " + ", ".join(part.what for part in parts))
    loader.write(parts, bar.advance)
    told = f"MicroPython {micropython.version_text} and application, verified"
    bar.say("starting")
    try:
        with Board(loader.port, code) as board:
            found = board.enter_service()
            interpreter.require(loader.port, tuple(found["version"]))
            done = push.push(board, built)
            board.restart()
    except LockedError:
        return told + "; its console is closed, so its boot files stay as they are"
    return f"{told}, starts (generation {done.generation})" + ("" if fresh else "; keys and journal kept")


def has_file_system(loader: RomBootLoader) -> bool:
    """Whether littlefs lies in our ``vfs`` partition."""
    start = loader.read(layout.partition("vfs").offset, _SUPERBLOCKS_BYTES, restart=False)
    return any(
        start[at + _NAME_AT : at + _NAME_AT + 8] == b"littlefs"
        for at in range(0, len(start), layout.SECTOR_BYTES)
    )
