"""How a board is brought to its raw REPL: while it starts, while it serves, past a closed console."""

import secrets
import time
from collections.abc import Callable

from . import errors
from .serialline import READ_S, SerialLine

ANSWER_S = 3.0
"""How long one question may take."""
CODE_S = 15.0
"""How long a closed console may take over a code: what was refused meanwhile would be a try lost."""
PATIENCE_S = 9.0
"""How long a console is asked before nobody is there: a board that was just plugged in starts first."""
START_S = 15.0
"""From a reset to the interpreter's prompt, at most; the checks of both slots included."""
QUIET_S = 6.0
"""From a reset on: what has not given the prompt by then is a program of somebody else's that hangs, not the
check of a slot, and is interrupted."""
CLOCK_S = 15.0
"""How long the host may take to tell a started board the time; before that no code of the hour counts."""
_HUSH_S = 3.5
"""Longer than ``onboard/receive.py`` bears silence: then it gives the board back."""
_ASKS_BEFORE_HUSH = 8
_ASK_S = 0.25
_RAW_REPL = b"raw REPL; CTRL-B to exit\r\n"
CLOSED = b"technician's code"
"""Part of what a closed console answers to anything; see ``firmware/locker/console.py``."""
_WAITS_FOR_TIME = b"clock not set", b"serving"
"""Both in its answer to ``?``: it may come online yet, where one that did not start never knows the time."""


def enter(line: SerialLine, code: str | None, patience_s: float = PATIENCE_S) -> None:
    """Have the raw REPL, whatever the board does.  ``LockedError``: it is closed and ``code`` is None."""
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
    """None when the raw REPL answers, else what was heard instead.

    A port that goes away meanwhile may be that of a chip that was reset just before.
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
    """Have the raw REPL of a board that was just reset for service.

    Its ``main.py`` may be another one than ours, which does not know what a start for service is.
    """
    began = time.monotonic()
    until = began + START_S
    heard = b""
    while time.monotonic() < until:
        answer = bytearray()
        try:
            if _ask(line, ANSWER_S, answer, interrupts=time.monotonic() > began + QUIET_S):
                return
        except errors.CableError:  # a chip with USB of its own takes its port along
            line.reopen(until)
        heard += answer
    raise errors.no_micropython(line.port, heard)


def _ask(line: SerialLine, wait_s: float, heard: bytearray, *, interrupts: bool) -> bool:
    """Whether the raw REPL answers; what was heard instead is added to ``heard``.

    ``interrupts``: a program may be running.  Else Ctrl-C could only stop ``boot.py``, and is not sent.

    Asked again and again: what arrives while a chip starts is lost.  mpremote's own
    ``enter_raw_repl`` asks once, and prints what it did not understand; here that decides.
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
            with (
                line.device_errors()
            ):  # it may be taking our questions for the rest of an update that broke off
                heard += line.transport.read_until(1, CLOSED, timeout=_HUSH_S, timeout_overall=_HUSH_S)
    return False


def _in_step(line: SerialLine) -> bool:
    """Hear out what earlier questions are answered yet, up to what only this one can be."""
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
    """Give a board that has just been started its time; a code typed before that would be a try lost."""
    until = now_s() + CLOCK_S
    while now_s() < until:
        line.transport.read_until(1, CLOSED, timeout=_ASK_S, timeout_overall=_ASK_S)  # earlier prompts
        line.transport.serial.write(b"?")
        told = line.transport.read_until(1, b"serving", timeout=_ASK_S, timeout_overall=ANSWER_S)
        line.transport.read_until(1, b"\n", timeout=_ASK_S, timeout_overall=_ASK_S)
        if not all(words in told for words in _WAITS_FOR_TIME):
            return


def type_code(line: SerialLine, code: str, now_s: Callable[[], float] = time.monotonic) -> None:
    """Give a closed console a code; it restarts for service then.  ``LockedError``: it took it not."""
    port = line.transport.serial
    with line.device_errors():
        port.write(b"\r")
        line.transport.read_until(1, CLOSED, timeout_overall=CODE_S)
        _await_clock(line, now_s)
        port.write(code.encode() + b"\r")
        answer = line.transport.read_until(1, b"\n", timeout_overall=CODE_S)
        answer += line.transport.read_until(1, b"\n", timeout_overall=CODE_S)
    if b"service" not in answer:
        told = answer.decode(errors="replace").strip().splitlines()
        raise errors.LockedError(f"{line.port}: {told[-1] if told else 'the code was not taken'}")
