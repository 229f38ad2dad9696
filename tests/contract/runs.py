"""Does what the rows say on each ground, and tells where a stand-in does otherwise than the port.

A ground runs one program for each part of the table: the part's set-up, then check after check, each with
what came of it as one line of JSON.  So the same lines run under CPython, on the unix port, and at the
virtual board's prompt.
"""

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import serial
from consigne import sim
from consigne.sim.locker import SimLocker
from consigne.sim.virtualboard.board import VirtualBoard, install
from table import GROUNDS, KINDS, Check, Part, read

BOARDS: Mapping[str, tuple[str, str]] = {
    "esp32": ("esp32", ""),
    "esp32-lan": ("esp32", ""),
    "esp32-spiram": ("esp32", "quad"),
    "esp32s3": ("esp32s3", "quad"),
    "esp32s3-octal": ("esp32s3", "octal"),
    "esp32c3": ("esp32c3", ""),
}
"""Board of a check -> chip, and how PSRAM hangs on it."""

_LAN = {
    "kind": "ethernet", "phy": "lan8720", "phy_addr": 0, "mdc": 23, "mdio": 18, "power": -1,
    "ref_clk": 0, "ref_clk_out": False, "broker": "10.0.0.2", "port": 1883, "tls": False,
}  # fmt: skip
_DONE = "rows done"
_PATIENCE_S = 300.0
_PROGRAM = """
import json
space = {}
def row(number, before, expression):
    try:
        exec(before, space)
        value = eval(expression, space)
        found = ["value", type(value).__name__, repr(value)]
    except BaseException as error:
        args = error.args
        name = "OSError" if isinstance(error, OSError) else type(error).__name__
        code = getattr(error, "errno", None) or (args[0] if args and isinstance(args[0], int) else None)
        found = ["error", name, code, str(args[0]) if args else ""]
    print("row " + json.dumps([number] + found))
"""


class _Device:
    """On I2C at 39: takes anything but a first byte of 0xEE, reads 7 for ever."""

    def write(self, data: bytes) -> bool:
        return data[:1] != b"\xee"

    def read(self, count: int) -> bytes:
        return b"\x07" * count


def _wire(locker: SimLocker) -> None:
    """What the rows expect to be there: a device on bus 0, and a bus 1 whose data line is held low."""
    board = locker.board
    board.i2c(0).wire(scl=22, sda=21)
    board.i2c(0).attach(39, _Device())
    board.i2c(1).wire(scl=25, sda=26)
    board.i2c(1).stuck = True


def program(setup: str, checks: list[Check]) -> str:
    """What runs on a ground."""
    lines = [_PROGRAM, f"exec({setup!r}, space)"]
    for number, check in enumerate(checks):
        before, expression = check.parts
        lines.append(f"row({number}, {before!r}, {expression or 'None'!r})")
    return "\n".join([*lines, f"print({_DONE!r})", ""])


def _config(board: str) -> dict[str, Any]:
    return {"doors": [], "board": BOARDS[board][0], "network": _LAN if board == "esp32-lan" else {}}


def _simulated(ground: str, board: str, text: str) -> list[str]:
    """Run it as the firmware of a simulated board; what it printed."""
    with tempfile.TemporaryDirectory(prefix="consigne-rows-") as folder:
        firmware = Path(folder, "firmware")
        firmware.mkdir()
        (firmware / "main.py").write_text(text)
        kind = "micropython" if ground == "unix" else "virtual"
        device = Path(folder, "device")
        locker = SimLocker(_config(board), None, device, kind, firmware=firmware, psram=BOARDS[board][1])
        try:
            if board == "esp32":
                locker.call(lambda: _wire(locker))
            locker.start()
            locker.wait_for(lambda: _DONE in locker.output() or bool(locker.ends), _PATIENCE_S)
            return locker.output()
        finally:
            locker.stop()


def _plainly(text: str) -> list[str]:
    """Run it in a CPython that imports the firmware's core; what it printed."""
    shim = str(Path(sim.__file__).with_name("pyshim"))
    done = subprocess.run(
        [sys.executable, "-c", "import micropython\n" + text],
        check=False,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        env={**os.environ, "PYTHONPATH": shim},
    )
    return (done.stdout + done.stderr).splitlines()


def _at_prompt(kind: str, text: str) -> list[str]:
    """Run it at the raw prompt of a virtual board with that image; what it printed."""
    with tempfile.TemporaryDirectory(prefix="consigne-rows-") as folder:
        flash = Path(folder, "flash.bin")
        install(flash, kind=kind)
        with VirtualBoard(flash) as board, serial.Serial(board.port, 115_200, timeout=_PATIENCE_S) as port:
            board.call(lambda: _wire(board))
            port.write(b"\r\x01")  # no Ctrl-C: nothing runs that it could interrupt but the board's start
            port.read_until(b"raw REPL; CTRL-B to exit\r\n>")
            port.write(text.encode() + b"\x04")
            out = port.read_until(b"\x04>").decode(errors="replace")
    return out.removeprefix("OK").replace("\x04", "\n").splitlines()


def _told(printed: list[str]) -> dict[int, list[Any]]:
    rows = [json.loads(line[4:]) for line in printed if line.startswith("row ")]
    return {number: found for number, *found in rows}


def _same(found: list[Any], check: Check) -> bool:
    """Whether a ground's answer is what the row wants."""
    how, text = check.wanted
    if how == "raises":
        name, _, detail = text.partition(" ")
        if found[0] != "error" or found[1] != name.rstrip(":"):
            return False
        if not detail:
            return True
        return found[2] == int(detail) if re.fullmatch(r"-?\d+", detail) else found[3] == detail
    if found[0] != "value":
        return False
    return found[1] == text if how == "type" else _plain(found[2]) == _plain(text)


def _plain(text: str) -> Any:
    """A ``repr`` without its interpreter's taste in quotation marks."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def differences(ground: str, parts: list[Part] | None = None) -> Iterator[str]:
    """One line for each check that a ground does not pass, of those where it is not known to be limited."""
    for part in read() if parts is None else parts:
        checks = [(row, check) for row in part.rows for check in row.checks]
        for board, kind in _places(ground, [check for _, check in checks]):
            wanted = [
                check
                for row, check in checks
                if check.board == board and check.kind in ("", kind) and not row.is_limited(check, ground)
            ]
            if wanted:
                yield from _differing(ground, board, kind, part.setup, wanted)


def _places(ground: str, checks: list[Check]) -> list[tuple[str, str]]:
    """Boards and images on which a ground does them; an image is the virtual board's only."""
    if ground == "board":
        return [("esp32", kind) for kind in KINDS]
    return [(board, "") for board in BOARDS if any(check.board == board for check in checks)]


def _differing(ground: str, board: str, kind: str, setup: str, wanted: list[Check]) -> Iterator[str]:
    text = program(setup, wanted)
    if ground == "board":
        printed = _at_prompt(kind, text)
    else:
        printed = _plainly(text) if ground == "plain" else _simulated(ground, board, text)
    told = _told(printed)
    where = f"{ground}, {kind or board}"
    if _DONE not in printed:
        yield f"{where}: it did not come to its end: {printed[-5:]}"
    for number, check in enumerate(wanted):
        found = told.get(number, ["nothing"])
        if not _same(found, check):
            yield f"{where}: {check.row}: {check.do}: {' '.join(check.wanted)}, not {found}"


def all_differences() -> list[str]:
    """Over all grounds: what ``contract.stand_in_differences`` counts."""
    return [line for ground in GROUNDS for line in differences(ground)]
