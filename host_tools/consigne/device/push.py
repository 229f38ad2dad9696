"""``consigne device push``: a new application into the slot that does not run, only what changed sent.

The order is what makes it safe to interrupt: the other slot's seal is erased, its sectors are written,
the board computes the SHA-256 of the whole image, and only then is the new seal written, with a higher
generation.  Until then every start takes the slot that ran, also when several are pushed without a start
between them.  A second try finds the sectors that are right already and goes on behind them.
"""

import base64
import hashlib
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from mpremote.transport import TransportError

from consigne.firmware import layout, slots
from consigne.firmware.application import Application

from . import errors, plan
from .board import Board, Survey
from .scripts import script

UNIT_BYTES = 128
WINDOW_BYTES = 256
"""Most bytes on their way; an ESP32 buffers 260 bytes while it is busy (``MICROPY_HW_UART_RXBUF``)."""
WRITTEN_S = 12.0
_SENT = 0xFFFF_FFFF
_WINDOW_BITS = 12
_NOT_STARTED = (False, False, -1, 0)  # as boot.py has it
_WRITE, _SEAL, _END = 1, 2, 3
_OF_A_LOCKER = ("identity.json", "config.json")

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did.  ``sent_bytes``: content sent, before it is deflated; 0 when nothing had changed."""

    slot: int
    generation: int
    sent_bytes: int
    sectors: int


def _ignore(done: int, total: int) -> None:
    """Default progress: do nothing."""


def push(board: Board, application: Application, progress: Progress = _ignore) -> Pushed:
    """Bring the application onto a board after ``Board.enter_service``."""
    found = board.survey()
    check_board(board.port, found)
    for name, data in application.boot_files.items():
        if found["files"].get(name) != _hex(data):
            board.write_file("/" + name, data)
    running, old, newest = running_slot(board, (found.get("started") or _NOT_STARTED)[2])
    digest = slots.seal(application.image, 0).digest
    if old is not None and old.digest == digest and old.generation == newest:
        return Pushed(running, old.generation, 0, 0)
    target = 0 if old is None else 1 - running
    generation = newest + 1
    sectors = len(plan.sectors_of(application.image))
    sums = board.call_loaded(f"sums({target}, {layout.SLOT_BYTES}, {sectors})")[0]
    steps = plan.plan(application.image, old, sums)
    seal = slots.seal(application.image, generation).binary()
    _Sender(board, target, running, progress).send(steps, seal)
    sent = sum(step.sent_bytes for step in steps) + len(seal)
    return Pushed(target, generation, sent, len(steps))


def told(done: Pushed, found: Survey) -> str:
    """What to say of it to a technician; ``found``: what was on the board, which may be nobody's yet."""
    text = f"generation {done.generation} in slot {done.slot}"
    text = f"{text}, {done.sent_bytes} bytes sent, verified" if done.sent_bytes else f"up to date, {text}"
    missing = [name for name in _OF_A_LOCKER if not found["files"].get(name)]
    if missing:
        text += f"; it does not serve without {' and '.join(missing)}: give `consigne device provision` next"
    return text


def check_board(port: str, found: Survey) -> None:
    """Raise ``DeviceError`` if this board cannot take the application at all."""
    if found["rom_bytes"] < layout.SLOT_COUNT * layout.SLOT_BYTES:
        raise errors.DeviceError(
            f"{port}: this board has no room for the application (partition 'romfs'); "
            "flash it with `consigne device flash`"
        )


def running_slot(board: Board, mounted: int) -> tuple[int, slots.Seal | None, int]:
    """The slot that the board started from, its seal, the newest generation; ``(0, None, 0)``: none whole.

    If it started from none, the newest slot counts.  A slot pushed since the start is newer than the running
    one and has never run, so the next push overwrites it.  ``onboard/survey.py`` must have been loaded, as
    ``Board.survey`` does.
    """
    call = f"slots({layout.SLOT_BYTES}, {layout.SLOT_COUNT}, {mounted})"
    generations, sealed = board.call_loaded(call)
    newest = max(generations)
    if newest < 0:
        return 0, None, 0
    running = mounted if mounted >= 0 and generations[mounted] >= 0 else generations.index(newest)
    return running, slots.parse(base64.b64decode(sealed[0])), newest


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _deflated(data: bytes) -> bytes:
    """Compress for MicroPython's ``deflate.DeflateIO``, with the window of ``onboard/receive.py``."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -_WINDOW_BITS)
    return packer.compress(data) + packer.flush() if data else b""


class _Sender:
    """The laptop's half of ``onboard/receive.py``."""

    def __init__(self, board: Board, target: int, source: int, progress: Progress) -> None:
        self._board = board
        self._line = board.transport.serial
        self._call = f"receive({target}, {source}, {layout.SLOT_BYTES})\n"
        self._progress = progress
        self._done = self._total = 0
        self._on_way = 0

    def send(self, steps: list[plan.SectorPlan], seal: bytes) -> None:
        self._total = len(seal) + sum(step.sent_bytes for step in steps)
        try:
            self._board.transport.exec_raw_no_follow(script("receive") + self._call)
            self._await_written()
            for step in steps:
                self._frame(_WRITE, step.sector, step.pieces)
                self._await_written()
            self._frame(_SEAL, 0, (plan.Piece(None, len(seal), seal),))
            self._await_written()
            self._write(struct.pack(">BBH", _END, 0, 0))
            self._board.transport.follow(timeout=WRITTEN_S)
        except (OSError, struct.error, TransportError):
            raise errors.cable_pulled(self._board.port) from None

    def _frame(self, what: int, sector: int, pieces: tuple[plan.Piece, ...]) -> None:
        head = struct.pack(">BBH", what, sector, len(pieces))
        for piece in pieces:
            head += struct.pack(">IH", _SENT if piece.source is None else piece.source, piece.length)
        data = b"".join(piece.data for piece in pieces)
        packed = _deflated(data)
        self._write(head + struct.pack(">H", len(packed)) + packed)
        self._done += len(data)
        self._progress(self._done, self._total)

    def _write(self, data: bytes) -> None:
        """Send as fast as the board takes it."""
        while data:
            room = WINDOW_BYTES - self._on_way
            if room <= 0:
                self._hear(b"a")
                continue
            self._line.write(data[:room])
            self._on_way += len(data[:room])
            data = data[room:]

    def _await_written(self) -> None:
        while not self._hear(b"ak"):
            pass

    def _hear(self, expected: bytes) -> bool:
        """Read a sign from the board; True for ``k``.  Any but ``a`` and ``k`` begins an exception's text."""
        sign = self._line.read(1)
        if sign == b"a" and sign in expected:
            self._on_way -= UNIT_BYTES
            return False
        if sign == b"k" and sign in expected:
            return True
        if not sign:
            raise errors.cable_pulled(self._board.port)
        rest = sign + self._board.transport.read_until(1, b"\x04>", timeout=_READ_MORE_S)
        raise errors.from_board(self._board.port, rest.decode(errors="replace").strip("\x04> \r\n"))


_READ_MORE_S = 1.0
