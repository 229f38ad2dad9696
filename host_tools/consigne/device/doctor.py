"""``consigne device doctor``: every part of a locker looked at through the firmware's own drivers.

The board runs the checks (``onboard/doctor.py``) without the application; this module orders them, gives
advice on each, and prints the table.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.table import Table

from . import fitness, hostapi, interpreter, push
from .board import Board, Survey
from .errors import DeviceError
from .memory import Memory
from .scripts import script

REST_MS = 3_000
HANDS_S = 60
NETWORK_S = 30
PASS, WARN, FAIL = "pass", "warn", "fail"
INTERNAL_LEAST_BYTES = 8_000
"""Least free bytes of ESP-IDF's heaps since the start: with 8,400 an emulated ESP32 kept Wi-Fi and TLS."""
PYTHON_LEAST_BYTES = 16_000
"""Bytes that Python had free or could still take: our choice, a seventh of all it has without PSRAM."""
_COLOURS = {PASS: "green", WARN: "yellow", FAIL: "red"}

_ADVICE = {
    "MicroPython": "flash a newer one with `consigne device flash`",
    "application": "`consigne device push`",
    "memory": "this board has little memory left: report it with the cabinet file",
    "internal memory": "Wi-Fi and TLS have no room to connect again: fewer grants, or a board with PSRAM",
    "Python's memory": "too little for a busy hour: take a board with PSRAM, or fewer doors and grants",
    "PSRAM": "the board is broken, or has none: `consigne device flash` says which image it takes then",
    "network memory": "take a board with PSRAM and its official image, or a cabinet file without [network]",
    "console": "provision with --production before it serves customers",
    "webrepl": "remove webrepl_cfg.py: whoever is on the network can take the board over",
    "files": "remove what is not Consigne's with `mpremote fs rm`",
    "config.json": "`consigne device provision` with this cabinet's file",
    "identity.json": "`consigne device provision`, with --replace if this locker has served before",
    "journal": "`consigne device journal dump`; not proven: `consigne device journal prove`; "
    "another locker's: put it back into its own board, or flash this one with --fresh, then "
    "`consigne device provision --replace`",
    "drivers": "the configuration does not fit this board: check the cabinet file",
    "keypad": "free the key, or look for water under the foil; check the ribbon cable",
    "display": "check its supply, SDA and SCL, and the address on the back",
    "scanner": "check its supply, TX and RX (they cross), and the baud rate",
    "network": "check the name and password of the Wi-Fi, the aerial, the cable",
    "broker's name": "a board asks a name server, this computer's hosts file does not count: have the "
    "network's name server know it, or write the broker's address into the cabinet file and provision again",
    "broker": "does it run, at this address and port? if so `consigne device provision` again with --broker",
    "certificate": "its dates were taken as they are: report it with the broker's certificate",
    "clock": "check SDA, SCL and the battery; `consigne device provision` sets it",
    "provisional time": "it serves by it, and believes it when the host says the same an hour later; if it "
    "is wrong: mend the host's clock or the chip, then `consigne clock set` at the host",
    "sensor": "check this reed switch, its magnet and its wire",
    "lock": "check the latch, its plug, the supply under load; is the parcel pressing on the door?",
    "expander": "check its wires, its supply, and the address that its pins set",
    "rs485": "check A and B, the terminator, and the boards' addresses",
    "keys": "these keys make no contact: check the ribbon cable, then the keypad",
    "barcode": "check that the scanner lights up, and its wiring",
}


@dataclass(frozen=True, slots=True)
class Finding:
    part: str
    state: str
    told: str

    @property
    def advice(self) -> str:
        """What to do, empty when it passed."""
        if self.state == PASS:
            return ""
        last = self.part.rsplit(" ", 1)[-1]
        return (
            _ADVICE.get(self.part)
            or _ADVICE.get(last)
            or _ADVICE.get(self.part.split(" ")[0], "see ASSEMBLY.md")
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """``may_open(name)`` is called before a door is opened; None: no door is opened."""

    may_open: Callable[[str], bool] | None = None
    hands: bool = False
    network: bool = True


def examine(board: Board, scope: Scope, tell: Callable[[str], None]) -> list[Finding]:
    """All findings on a board after ``Board.enter_service``; ``tell`` gets the progress in words."""
    hostapi.check_sane(time.time())
    found = board.survey()
    memory = board.memory()
    out = [_interpreter(found), *memory_left(found["machine"], memory, board.served)]
    board.run(script("doctor"))
    if not board.call_loaded("print(json.dumps([bool(is_plain())]))")[0][0]:
        push.check_board(board.port, found)
    out += _ask(board, "software()") + _ask(board, "openness()")
    if any(finding.part == "application" and finding.state == FAIL for finding in out):
        return out
    tell("settings and journal")
    settings = _ask(board, "settings()")
    out += settings + _ask(board, "journal()")
    if any(finding.state == FAIL for finding in settings):
        return out
    wanted = board.call_loaded("print(json.dumps([bool(patient.raw['network'])]))")[0][0]
    out += network_memory(memory, wanted) + [_clock(board)]
    tell("parts at rest: please do not touch anything")
    out += _ask(board, "wiring()") + _ask(board, f"rest({REST_MS})")
    if scope.hands:
        tell("press every key once, then show the scanner a barcode")
        out += _ask(board, f"hands({HANDS_S})")
    if scope.may_open is not None:
        out += _locks(board, scope.may_open, tell)
    if scope.network:
        tell("network")
        out += _ask(board, f"network({NETWORK_S})")
    return out


def _interpreter(found: Survey) -> Finding:
    version = ".".join(str(part) for part in found["version"])
    try:
        interpreter.require("", tuple(found["version"]))
    except DeviceError:
        return Finding("MicroPython", FAIL, version)
    return Finding("MicroPython", PASS, f"{version}, {found['machine']}")


def memory_left(machine: str, now: Memory | None, served: Memory | None) -> list[Finding]:
    """Memory left while the board served; if it did not (``served`` None), only whether it has PSRAM.

    ``machine`` as MicroPython names it: official images with PSRAM, for an ESP32 or an octal S3, say so in
    it.
    """
    if now is None:
        return []
    if now.psram_bytes:
        out = [Finding("PSRAM", PASS, f"{now.psram_bytes / (1 << 20):.1f} MB")]
    else:
        out = [Finding("PSRAM", FAIL if "SPIRAM" in machine else PASS, "none found")]
    if served is None:
        return out
    least = INTERNAL_LEAST_BYTES
    state = PASS if served.internal_least >= least else WARN
    told = f"{served.internal_free} bytes free, {served.internal_largest} in one piece"
    out.append(Finding("internal memory", state, f"{told}, {served.internal_least} at the least"))
    state = PASS if served.python_free >= PYTHON_LEAST_BYTES else WARN
    told = f"{served.python_used} bytes used while it served, {served.python_free} more to be had"
    out.append(Finding("Python's memory", state, told))
    return out


def network_memory(now: Memory | None, wanted: bool) -> list[Finding]:
    """Whether a board has the memory for a network, where its settings want one."""
    if now is None or now.psram_bytes or not wanted:
        return []
    told = (
        f"no PSRAM: beside Wi-Fi and TLS Python has {fitness.HEAP_ONLINE_BYTES:,} bytes, "
        f"and 12 doors take {fitness.HEAP_12_DOORS_ONLINE_BYTES:,}"
    )
    return [Finding("network memory", WARN, told)]


def _clock(board: Board) -> Finding:
    shown = board.call("clockchip", "read()")[0]
    if shown is None:
        return Finding("clock", PASS, "no chip in the cabinet file: the host tells the time")
    if shown < 0:
        return Finding("clock", FAIL, "the chip does not answer")
    if not shown:
        return Finding("clock", FAIL, "the chip has stopped since it was set")
    off_s = round(shown - time.time())
    return Finding(
        "clock", PASS if abs(off_s) <= hostapi.CLOCK_OFF_MAX_S else FAIL, f"{off_s} s off this laptop"
    )


def _locks(board: Board, may_open: Callable[[str], bool], tell: Callable[[str], None]) -> list[Finding]:
    out = []
    names = board.call_loaded("print(json.dumps([door['name'] for door in patient.raw['doors']]))")[0]
    for number, name in enumerate(names):
        if may_open(name):
            tell(f"door {name}")
            out += _ask(board, f"pulse({number})")
        else:
            out.append(Finding(f"door {name} lock", WARN, "not tried"))
    return out


def _ask(board: Board, call: str) -> list[Finding]:
    lines = board.call_loaded(call, timeout_s=HANDS_S + NETWORK_S)
    return [Finding(*line) for line in lines if isinstance(line, list) and len(line) == 3]


def table(port: str, findings: list[Finding]) -> Table:
    """For the terminal."""
    out = Table("part", "", "seen", "what to do", title=port)
    for finding in findings:
        state = f"[{_COLOURS[finding.state]}]{finding.state}"
        out.add_row(finding.part, state, finding.told, finding.advice)
    return out
