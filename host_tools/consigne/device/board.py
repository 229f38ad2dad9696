"""A board on a serial port, through mpremote: its console opened, our scripts run, its files written.

Before anything is done to a board that serves, it is started for service: without the application, so
without its watchdog, which nothing can stop once it runs, and with every relay line at rest.  See
``firmware/boot.py``.
"""

import contextlib
import hashlib
import json
import secrets
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Self

import serial
from mpremote.console import Console
from mpremote.repl import do_repl_main_loop
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from consigne.device import troubles
from consigne.device.scripts import script

BAUD = 115_200
ANSWER_S = 3.0
"""How long one question may take."""
PATIENCE_S = 9.0
"""How long a console is asked before nobody is there: a board that was just plugged in starts first."""
HUSH_S = 3.5
"""Longer than ``onboard/receive.py`` bears silence: then it gives the board back."""
_ASKS_BEFORE_HUSH = 8
START_S = 15.0
"""From a reset to the interpreter's prompt, at most; the checks of both slots included."""
_READ_S = 2.0
_ASK_S = 0.25
_RESETS = "consigne: reset"
_RAW_REPL = b"raw REPL; CTRL-B to exit\r\n"
_FILE_CHUNK_BYTES = 512
_JSON_BEGINS = tuple("[{") + ("n", *"0123456789")
PROMPT = b"technician's code"
"""Part of what a closed console answers to anything; see ``firmware/locker/console.py``."""


class Board:
    """One board.  Use it as a context manager; every method may raise ``DeviceError``."""

    def __init__(self, port: str, code: str | None = None, patience_s: float = PATIENCE_S) -> None:
        self.port = port
        self._patience_s = patience_s
        self._code = code
        self._transport: SerialTransport | None = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the line ------------------------------------------------------------------------------------

    def _open(self) -> None:
        try:
            self._transport = SerialTransport(self.port, baudrate=BAUD, timeout=_READ_S)
        except TransportError:
            raise self._why_not() from None
        except OSError as error:
            raise troubles.port_trouble(self.port, error) from None

    def _why_not(self) -> troubles.DeviceError:
        """mpremote only says that a port failed; ask the system why."""
        try:
            serial.serial_for_url(self.port, baudrate=BAUD, exclusive=True).close()
        except OSError as error:
            return troubles.port_trouble(self.port, error)
        return troubles.DeviceError(f"{self.port} could not be opened just now; try again")

    def close(self) -> None:
        if self._transport is not None:
            with contextlib.suppress(OSError):
                self._transport.close()
            self._transport = None

    @property
    def transport(self) -> SerialTransport:
        """mpremote's own object for the open port."""
        if self._transport is None:
            raise troubles.cable_pulled(self.port)
        return self._transport

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What mpremote and pyserial raise becomes one sentence."""
        try:
            yield
        except TransportExecError as error:
            raise troubles.from_board(self.port, error.error_output) from None
        except (TransportError, OSError) as error:  # serial.SerialException is an OSError
            if isinstance(error, troubles.DeviceError):
                raise
            raise troubles.cable_pulled(self.port) from error

    # --- its console -----------------------------------------------------------------------------------

    def enter(self) -> None:
        """Have the raw REPL.  ``LockedError`` when the console is closed and no code was given."""
        heard = self._ask_for_repl(self._patience_s, interrupts=True)
        if heard is None:
            return
        if PROMPT not in heard:
            raise troubles.no_micropython(self.port)
        if self._code is None:
            raise troubles.locked(self.port)
        self._type_code(self._code)

    def _ask_for_repl(self, wait_s: float, *, interrupts: bool) -> bytes | None:
        """None when the raw REPL answers, else what was heard instead.

        ``interrupts``: a program may be running.  Else Ctrl-C could only stop ``boot.py``, and is not sent.

        Asked again and again: what arrives while a chip starts is lost.  mpremote's own
        ``enter_raw_repl`` asks once, and prints what it did not understand; here that decides.
        """
        until = time.monotonic() + wait_s
        heard = b""
        asked = 0
        while time.monotonic() < until and PROMPT not in heard:
            heard += self._ask_once(interrupts)
            asked += 1
            if heard.endswith(_RAW_REPL) and self._in_step():
                self.transport.in_raw_repl = True
                return None
            if interrupts and asked % _ASKS_BEFORE_HUSH == 0:
                with self._told():  # it may be taking our questions for the rest of an update that broke off
                    heard += self.transport.read_until(1, PROMPT, timeout=HUSH_S, timeout_overall=HUSH_S)
        return heard

    def _in_step(self) -> bool:
        """Hear out what earlier questions are answered yet, up to what only this one can be."""
        token = secrets.token_hex(4)
        expected = f"{token}\r\n\x04\x04".encode()
        with self._told():
            self.transport.serial.write(f"print('{token}')\x04".encode())
            heard: bytes = self.transport.read_until(1, expected, timeout_overall=ANSWER_S)
        return heard.endswith(expected)

    def _ask_once(self, interrupts: bool) -> bytes:
        line = self.transport.serial
        try:
            line.write(b"\r\x03" if interrupts else b"")
            line.reset_input_buffer()
            line.write(b"\r\x01")
            line.timeout = _ASK_S
            heard: bytes = self.transport.read_until(1, _RAW_REPL, timeout=_ASK_S, timeout_overall=_ASK_S)
            line.timeout = _READ_S
        except OSError as error:
            raise troubles.cable_pulled(self.port) from error
        return heard

    def _type_code(self, code: str) -> None:
        line = self.transport.serial
        with self._told():
            line.write(b"\r")
            self.transport.read_until(1, PROMPT, timeout_overall=ANSWER_S)
            line.write(code.encode() + b"\r")
            answer = self.transport.read_until(1, b"\n", timeout_overall=ANSWER_S)
            answer += self.transport.read_until(1, b"\n", timeout_overall=ANSWER_S)
        if b"service" not in answer:
            told = answer.decode(errors="replace").strip().splitlines()
            raise troubles.LockedError(f"{self.port}: {told[-1] if told else 'the code was not taken'}")
        self._wait_for_start()

    def enter_service(self) -> dict[str, Any]:
        """Have the raw REPL of a board that does not serve; what ``survey`` said of it."""
        self.enter()
        found = self.survey()
        if found["ours"] and not (found["started"] and found["started"][0]):
            self.restart(service=True)
            found = self.survey()
            if not (found["started"] and found["started"][0]):
                raise troubles.DeviceError(f"{self.port}: the board did not start for service; try again")
        return found

    def restart(self, *, service: bool = False) -> None:
        """Reset the board: to serve, or for service and back into its raw REPL."""
        # Ctrl-C off first: what is sent to ask for the prompt again must not stop the reset.
        order = "import machine, micropython\nmicropython.kbd_intr(-1)\n"
        if service:
            order += "open('/service', 'w').close()\n"
        with self._told():
            self.transport.exec_raw_no_follow(f"{order}print({_RESETS!r})\nmachine.reset()")
            if not self.transport.read_until(1, _RESETS.encode(), timeout=ANSWER_S).endswith(
                _RESETS.encode()
            ):
                raise TransportError("the board does not reset")
        self.transport.in_raw_repl = False
        if service:
            self._wait_for_start()

    def _wait_for_start(self) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            try:
                if self._ask_for_repl(ANSWER_S, interrupts=False) is None:
                    return
            except troubles.CableError:  # a chip with USB of its own takes its port along
                self._reopen(until)
        raise troubles.no_micropython(self.port)

    def _reopen(self, until: float) -> None:
        self.close()
        while True:
            try:
                return self._open()
            except troubles.DeviceError as error:
                if time.monotonic() > until:
                    raise troubles.cable_pulled(self.port) from error
                time.sleep(0.1)

    def lines(self, until: float | None) -> Iterator[str]:
        """What the board prints, line by line, until ``time.monotonic()`` is past ``until``."""
        line = b""
        while until is None or time.monotonic() < until:
            try:
                waiting = self.transport.serial.in_waiting
                line += self.transport.serial.read(waiting or 1)
            except OSError as error:
                raise troubles.cable_pulled(self.port) from error
            *whole, line = line.split(b"\n")
            yield from (one.decode(errors="replace").rstrip("\r") for one in whole)

    def attach(self) -> None:
        """Give the terminal to the board's prompt, by mpremote's own console, until Ctrl-]."""
        if not sys.stdin.isatty():
            raise troubles.DeviceError("console needs a terminal; use `consigne device logs` in a pipe")
        terminal = Console()
        self.transport.exit_raw_repl()
        terminal.enter()
        try:
            gone = do_repl_main_loop(
                SimpleNamespace(transport=self.transport),
                terminal,
                terminal.write,
                escape_non_printable=False,
                code_to_inject=None,
                file_to_inject=None,
            )
        finally:
            terminal.exit()
        if gone:
            raise troubles.cable_pulled(self.port)

    # --- running scripts ---------------------------------------------------------------------------------

    def run(self, code: str, timeout_s: float = 30) -> str:
        """Run code in the raw REPL; what it printed."""
        with self._told():
            out, wrong = self.transport.exec_raw(code, timeout=timeout_s)
            if wrong:
                raise TransportExecError(out, wrong.decode(errors="replace"))
        return str(out.decode(errors="replace"))

    def call(self, name: str, call: str, timeout_s: float = 30) -> list[Any]:
        """Run ``onboard/<name>.py`` and a call of it; its lines, read as JSON."""
        return self.call_loaded(script(name) + call, timeout_s)

    def call_loaded(self, call: str, timeout_s: float = 30) -> list[Any]:
        """Run a call of a script that ``run`` has loaded; its lines of JSON (others are let pass)."""
        out = self.run(call + "\n", timeout_s)
        try:
            return [json.loads(line) for line in out.splitlines() if line.strip()[:1] in _JSON_BEGINS]
        except ValueError:
            raise troubles.DeviceError(
                f"{self.port}: the board's answer came garbled; check the cable, then try again"
            ) from None

    def survey(self) -> dict[str, Any]:
        """What the board is; see ``onboard/survey.py``."""
        found: dict[str, Any] = self.call("survey", "survey()")[0]
        return found

    # --- its files ------------------------------------------------------------------------------------------

    def read_file(self, name: str) -> bytes | None:
        """A file of the board's file system, None when there is none."""
        with self._told():
            try:
                data: bytes = self.transport.fs_readfile(name)
            except FileNotFoundError:
                return None
            except OSError as error:
                raise troubles.from_board(self.port, f"OSError: {error.errno}") from None
        return data

    def write_file(self, name: str, data: bytes) -> None:
        """Put a file in place whole: written beside it, read back by hash, then renamed over it."""
        beside = name + "~"
        with self._told():
            try:
                self.transport.fs_writefile(beside, data, chunk_size=_FILE_CHUNK_BYTES)
                held = self.transport.fs_hashfile(beside, "sha256")
            except OSError as error:
                if isinstance(error, serial.SerialException):
                    raise
                self.run("try:\n f.close()\nexcept OSError:\n pass")
                self.remove_file(beside)
                code = error.errno or 0
                raise troubles.from_board(self.port, "ENOSPC" if code == 28 else f"OSError: {code}") from None
        if held != hashlib.sha256(data).digest():
            raise troubles.DeviceError(f"{self.port}: {name} came garbled; check the cable, then try again")
        self.run(f"import os\nos.rename({beside!r}, {name!r})")

    def remove_file(self, name: str) -> None:
        """Remove a file if it is there."""
        self.run(f"import os\ntry:\n os.remove({name!r})\nexcept OSError:\n pass")
