"""``consigne device flash``: a bare board gets interpreter, partition table, application and boot files.

A board's own data is kept unless ``fresh``: a board that has a file system keeps its keys and its journal,
and its boot files are then brought up to date over the console.  A start file that hangs with Ctrl-C off is
renamed first: ``startfiles.py``.  Before anything is written, board and image are looked at: ``fitness.py``.
"""

from consigne.firmware import layout
from consigne.firmware.application import Application

from . import errors, fitness, image, interpreter, push, startfiles
from .board import Board
from .errors import DeviceError, LockedError, SilentError
from .interpreter import Interpreter
from .memory import Memory
from .parallel import Bar
from .rombootloader import RomBootLoader
from .serialline import owner

_SUPERBLOCKS_BYTES = 2 * layout.SECTOR_BYTES  # littlefs keeps its name in one of two blocks
_NAME_AT = 8


def flash(
    loader: RomBootLoader,
    micropython: Interpreter,
    built: Application,
    code: str | None,
    *,
    fresh: bool,
    psram: bool | None = None,
    bar: Bar,
) -> str:
    """Flash one board; what to say of it.

    ``psram`` is what the module's label says, for a chip that cannot know it.
    """
    bar.say("looking at the board")
    who = owner(loader.port)
    with loader.held():
        chip = fitness.told_by_label(loader.port, loader.look(), psram)
        serves = fitness.check(loader.port, micropython, chip)
        fresh = fresh or not has_file_system(loader)
        if fresh and micropython.closed:
            raise DeviceError(
                f"{loader.port}: this image has no console, so nobody could provision the board; "
                "flash it with the open image first, provision it, then flash this one"
            )
        parts = image.parts(micropython, built, fresh=fresh)
        bar.say("writing " + ", ".join(part.what for part in parts))
        loader.write(parts, bar.advance)
    told = f"MicroPython {micropython.version_text} and application, verified"
    if micropython.closed:
        return f"{told}, keys and journal kept; it has no console, so its start was not seen; {serves}"
    bar.say("starting")
    board = Board(loader.port, code, resets=True, who=who)
    renamed: list[str] = []
    try:
        try:
            done, memory = _start(board, built)
        except SilentError:
            if fresh:
                raise errors.still_silent(loader.port) from None
            renamed = _rename_programs(loader, built, bar)
            done, memory = _start(board, built)
    except LockedError:
        return told + "; its console is closed, so its boot files stay as they are"
    except SilentError:
        raise errors.silent_files(loader.port) from None
    fitness.started(loader.port, micropython, chip, memory)
    kept = "" if fresh else "; keys and journal kept"
    if renamed:
        kept += f"; {' and '.join(renamed)} gave no prompt, now {startfiles.OLD} stands behind the name"
    return f"{told}, starts (generation {done.generation}){kept}; {serves}"


def _start(board: Board, built: Application) -> tuple[push.Pushed, Memory | None]:
    """See it start, bring its boot files up to date over the console, and let it serve."""
    with board:
        found = board.enter_service()
        interpreter.require(board.port, tuple(found["version"]))
        memory = board.memory()
        done = push.push(board, built)
        board.restart()
    return done, memory


def _rename_programs(loader: RomBootLoader, built: Application, bar: Bar) -> list[str]:
    """Have what hangs on a silent board not start any more; the names.  Raises ``DeviceError``."""
    bar.say("it does not answer: looking at its files")
    place = layout.partition("vfs")
    names, parts = startfiles.renamed(loader.read(place.offset, place.size, restart=False), built.boot_files)
    if not parts:
        raise errors.silent_files(loader.port)
    loader.write(parts, bar.advance)
    return names


def has_file_system(loader: RomBootLoader) -> bool:
    """Whether littlefs lies in our ``vfs`` partition.

    Raises ``DeviceError`` when it lies where an earlier table of ours put it: it would be lost unasked.
    """
    if _moved(loader.read(layout.TABLE_OFFSET, layout.TABLE_BYTES, restart=False)):
        raise DeviceError(
            f"{loader.port}: this board has an earlier partition table of Consigne, so its keys and journal "
            "cannot be kept; collect what lies in its doors, then give --fresh and provision it again"
        )
    start = loader.read(layout.partition("vfs").offset, _SUPERBLOCKS_BYTES, restart=False)
    return any(
        start[at + _NAME_AT : at + _NAME_AT + 8] == b"littlefs"
        for at in range(0, len(start), layout.SECTOR_BYTES)
    )


def _moved(table: bytes) -> bool:
    """Whether a table of Consigne's, which alone has a journal, has its files or journal elsewhere."""
    try:
        found = {place.label: place for place in layout.parse(table)}
    except layout.LayoutError:
        return False
    ours = [found.get(label) for label in ("vfs", "journal")]
    return "journal" in found and ours != [layout.partition(label) for label in ("vfs", "journal")]
