"""How a board is brought to its raw REPL: while it starts, while it serves, past a closed console."""

import secrets
import time
from collections.abc import Callable

from . import errors
from .serialline import READ_S, SerialLine

ANSWER_S = 3.0
"""How long one question may take."""
CODE_S = 15.0
"""How long a closed console may take to check a code: giving up earlier would waste a try."""
PATIENCE_S = 9.0
"""How long to ask a console before it counts as missing: a board just plugged in has to start."""
START_S = 15.0
"""From a reset to the interpreter's prompt, at most; the checks of both slots included."""
QUIET_S = 6.0
"""After this time from a reset without a prompt, a foreign program must be hanging, since checking a slot is
faster: it is interrupted."""
CLOCK_S = 15.0
"""How long the host may take to send a started board the time; until then no window code is accepted."""
_HUSH_S = 3.5
"""Longer than the silence after which ``onboard/receive.py`` gives up and resets the board."""
_ASKS_BEFORE_HUSH = 8
_ASK_S = 0.25
_RAW_REPL = b"raw REPL; CTRL-B to exit\r\n"
CLOSED = b"technician's code"
"""Part of what a closed console answers to anything; see ``firmware/locker/console.py``."""
_WAITS_FOR_TIME = b"clock not set", b"serving"
"""With both in its answer to ``?`` it may still get the time; a board that does not serve never does."""


def enter(line: SerialLine, code: str | None, patience_s: float = PATIENCE_S) -> None:
    """Enter the raw REPL, whatever the board does.  ``LockedError``: closed, and ``code`` is None."""
    heard = _ask_past_a_reset(line, patience_s)
    if heard is None:
        return
    if CLOSED not in heard:
        raise errors.no_micropython(line.port, heard)
    if code is None:
        raise errors.locked(line.port, heard)
    type_code(line, code)
    await_start(line)


def _ask_past_a_reset(line: SerialLine, wait_s: float) -> bytes | None:
    """Ask for the raw REPL; None when it answers, else what was received instead.

    A port that vanishes meanwhile may belong to a chip that was reset just before.
    """
    until = time.monotonic() + wait_s
    heard = bytearray()
    while True:
        try:
            there = _ask(line, until - time.monotonic(), heard, interrupts=True)
            return None if there else bytes(heard)
        except errors.CableError:
            line.reopen(until)


def await_start(line: SerialLine) -> None:
    """Enter the raw REPL of a board that was just reset for service.

    Its ``main.py`` may be a foreign one that does not know of a start for service.
    """
    began = time.monotonic()
    until = began + START_S
    heard = b""
    while time.monotonic() < until:
        answer = bytearray()
        try:
            if _ask(line, ANSWER_S, answer, interrupts=time.monotonic() > began + QUIET_S):
                return
        except errors.CableError:  # a chip with native USB resets its port too
            line.reopen(until)
        heard += answer
    raise errors.no_micropython(line.port, heard)


def _ask(line: SerialLine, wait_s: float, heard: bytearray, *, interrupts: bool) -> bool:
    """Whether the raw REPL answers; other bytes received are added to ``heard``.

    ``interrupts``: send Ctrl-C, since a program may be running.  Otherwise it could only stop ``boot.py``.

    It asks repeatedly, because bytes that arrive while a chip starts are lost. mpremote's own
    ``enter_raw_repl`` asks once, and prints an unknown answer; here that answer decides.
    """
    until = time.monotonic() + wait_s
    asked = 0
    while time.monotonic() < until and CLOSED not in heard:
        heard += _ask_once(line, interrupts)
        asked += 1
        if heard.endswith(_RAW_REPL) and _in_step(line):
            line.transport.in_raw_repl = True
            return True
        if interrupts and asked % _ASKS_BEFORE_HUSH == 0:
            with line.device_errors():  # it may take these bytes for the rest of an interrupted update
                heard += line.transport.read_until(1, CLOSED, timeout=_HUSH_S, timeout_overall=_HUSH_S)
    return False


def _in_step(line: SerialLine) -> bool:
    """Read past late answers to earlier questions, up to a random token that only this one prints."""
    token = secrets.token_hex(4)
    expected = f"{token}\r\n\x04\x04".encode()
    with line.device_errors():
        line.transport.serial.write(f"print('{token}')\x04".encode())
        heard: bytes = line.transport.read_until(1, expected, timeout_overall=ANSWER_S)
    return heard.endswith(expected)


def _ask_once(line: SerialLine, interrupts: bool) -> bytes:
    port = line.transport.serial
    with line.device_errors():
        port.write(b"\r\x03" if interrupts else b"")
        port.reset_input_buffer()
        port.write(b"\r\x01")
        port.timeout = _ASK_S
        heard: bytes = line.transport.read_until(1, _RAW_REPL, timeout=_ASK_S, timeout_overall=_ASK_S)
        port.timeout = READ_S
    return heard


def _await_clock(line: SerialLine, now_s: Callable[[], float]) -> None:
    """Wait until a board that has just started knows the time; an earlier code would waste a try."""
    until = now_s() + CLOCK_S
    while now_s() < until:
        line.transport.read_until(1, CLOSED, timeout=_ASK_S, timeout_overall=_ASK_S)  # earlier prompts
        line.transport.serial.write(b"?")
        told = line.transport.read_until(1, b"serving", timeout=_ASK_S, timeout_overall=ANSWER_S)
        line.transport.read_until(1, b"\n", timeout=_ASK_S, timeout_overall=_ASK_S)
        if not all(words in told for words in _WAITS_FOR_TIME):
            return


def type_code(line: SerialLine, code: str, now_s: Callable[[], float] = time.monotonic) -> None:
    """Type a code at a closed console: it restarts for service.  ``LockedError``: code refused."""
    port = line.transport.serial
    with line.device_errors():
        port.write(b"\r")
        line.transport.read_until(1, CLOSED, timeout_overall=CODE_S)
        _await_clock(line, now_s)
        port.write(code.encode() + b"\r")
        line.transport.read_until(1, b"*" * len(code), timeout_overall=CODE_S)  # behind late answers to "?"
        line.transport.read_until(1, b"\n", timeout_overall=CODE_S)
        answer = line.transport.read_until(1, b"\n", timeout_overall=CODE_S)
    if b"service" not in answer:
        told = answer.decode(errors="replace").strip().splitlines()
        raise errors.LockedError(f"{line.port}: {told[-1] if told else 'the code was not taken'}")
