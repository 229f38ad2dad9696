"""A board on a serial port, through mpremote: made ready, our scripts run on it, its files written.

Before anything is done to a board that serves, it is started for service: without the application, so
without its watchdog, which nothing can stop once it runs, and with every relay line at rest.  See
``firmware/boot.py``.  However the work ends, the board is reset so that it serves again.
"""

import hashlib
import json
import time
from typing import Any, Self, TypedDict

import serial
from mpremote.transport import TransportExecError
from mpremote.transport_serial import SerialTransport

from . import errors, memory, prompt
from .memory import Memory
from .scripts import script
from .serialline import RETURN_S, SerialLine

_RESETS = "consigne: reset"
_FILE_CHUNK_BYTES = 512
_JSON_BEGINS = tuple("[{") + ("n", *"0123456789")
_SERVES = """
import gc
gc.collect()
started = globals().get('consigne') or globals().get('plain')
print(bool(started) and not started[0], isinstance(globals().get('why'), KeyboardInterrupt))
"""
"""Prints whether it was started to serve, and whether it did: in ``why`` ``main.py`` keeps the error.

``plain`` has what ``boot.py`` would have left, on a board whose application lies as files in ``/lib``.  A
question of its own, because a board that serves 96 doors may have too little heap left for the survey.
"""


class Survey(TypedDict):
    """What ``onboard/survey.py`` says of a board.

    ``rom_bytes``: size of the partition of the slots, 0 without; ``started``: what ``boot.py`` left, the slot
    in its third place; ``files``: SHA-256 in hex by name, None where there is none.
    """

    version: list[int]
    machine: str
    platform: str
    rom_bytes: int
    ours: bool
    started: list[Any] | None
    free_bytes: int
    files: dict[str, str | None]


class Board:
    """One board.  Use it as a context manager; every method may raise ``DeviceError``."""

    def __init__(
        self,
        port: str,
        code: str | None = None,
        patience_s: float = prompt.PATIENCE_S,
        *,
        resets: bool = False,
        who: str = "",
    ) -> None:
        """``resets``: the chip was reset just now, so its port may be away; ``who`` had it then."""
        self.line = SerialLine(port, who)
        self._code = code
        self._patience_s = patience_s
        self._resets = resets
        self.served: Memory | None = None
        """What was left when ``enter_service`` interrupted a serving board; None when it did not serve."""
        self._is_stopped = False

    def __enter__(self) -> Self:
        self.line.open(time.monotonic() + RETURN_S if self._resets else 0.0)
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> None:
        self.close(error)

    def close(self, error: BaseException | None = None) -> None:
        """Let a stopped board serve again, and close its port; ``error``: what ended the work, if anything.

        Raises ``DeviceError``, with what ``error`` says, when the board stands still.
        """
        serves = True
        try:
            if self._is_stopped:
                serves = self._serve_again(error)
        finally:
            self.line.close()
        if not serves and isinstance(error, errors.DeviceError) and not isinstance(error, errors.CableError):
            raise errors.stands_still(error) from None

    def _serve_again(self, error: BaseException | None) -> bool:
        """Restart it in any state of its console; False on failure.  A port that is gone is not awaited."""
        self._is_stopped = False
        try:
            if isinstance(error, errors.CableError):
                self.line.reopen(0.0)
            prompt.enter(self.line, None, self._patience_s)
            self.restart()
        except errors.DeviceError:
            return False
        return True

    @property
    def port(self) -> str:
        return self.line.port

    @property
    def transport(self) -> SerialTransport:
        """mpremote's own object for the open port."""
        return self.line.transport

    # --- ready to be worked on -------------------------------------------------------------------------

    def enter(self) -> None:
        """Enter the raw REPL.  ``LockedError`` when the console is closed and no code was given."""
        prompt.enter(self.line, self._code, self._patience_s)

    def enter_service(self) -> Survey:
        """Stop a board from serving and enter its raw REPL; returns its ``survey``.

        The board stays so until it is restarted to serve, by ``close`` at the latest.
        """
        self._is_stopped = True
        try:
            self.enter()
        except errors.DeviceError:
            self._is_stopped = False  # closed console or no board: nothing was stopped
            raise
        left = self.memory()
        to_serve, did = self.run(_SERVES).split()[-2:]
        if to_serve == "True":
            self.served = left if did == "True" else None
            self.restart(service=True)
        found = self.survey()
        if found["ours"] and not (found["started"] and found["started"][0]):
            self.restart(service=True)  # boot.py is new or was interrupted: it has not run yet
            found = self.survey()
            if not (found["started"] and found["started"][0]):
                raise errors.DeviceError(f"{self.port}: the board did not start for service; try again")
        return found

    def restart(self, *, service: bool = False) -> None:
        """Reset the board: to serve, or for service, and then enter its raw REPL."""
        # Ctrl-C off first: the bytes that ask for the prompt again must not stop the reset.
        order = "import machine, micropython\nmicropython.kbd_intr(-1)\n"
        if service:
            order += "open('/service', 'w').close()\n"
        with self.line.device_errors():
            self.transport.exec_raw_no_follow(f"{order}print({_RESETS!r})\nmachine.reset()")
            heard: bytes = self.transport.read_until(1, _RESETS.encode(), timeout=prompt.ANSWER_S)
        if not heard.endswith(_RESETS.encode()):
            raise errors.no_restart(self.port)
        self.transport.in_raw_repl = False
        self._is_stopped = service
        if service:
            prompt.await_start(self.line)

    # --- running scripts ---------------------------------------------------------------------------------

    def run(self, code: str, timeout_s: float = 30) -> str:
        """Run code in the raw REPL; what it printed."""
        with self.line.device_errors():
            out, wrong = self.transport.exec_raw(code, timeout=timeout_s)
            if wrong:
                raise TransportExecError(out, wrong.decode(errors="replace"))
        return str(out.decode(errors="replace"))

    def call(self, name: str, call: str, timeout_s: float = 30) -> list[Any]:
        """Run ``onboard/<name>.py`` and a call of it; its lines, read as JSON."""
        return self.call_loaded(script(name) + call, timeout_s)

    def call_loaded(self, call: str, timeout_s: float = 30) -> list[Any]:
        """Run a call of a script that ``run`` has loaded; returns its lines of JSON, without other lines."""
        out = self.run(call + "\n", timeout_s)
        try:
            return [json.loads(line) for line in out.splitlines() if line.strip()[:1] in _JSON_BEGINS]
        except ValueError:
            raise errors.DeviceError(
                f"{self.port}: the board's answer came garbled; check the cable, then try again"
            ) from None

    def memory(self) -> Memory | None:
        """What memory is left now; None when the board cannot tell."""
        return Memory.parsed(self.run(memory.ASK))

    def survey(self) -> Survey:
        """What the board is."""
        found: Survey = self.call("survey", "survey()")[0]
        return found

    # --- its files ------------------------------------------------------------------------------------------

    def read_file(self, name: str) -> bytes | None:
        """A file of the board's file system, None when there is none."""
        with self.line.device_errors():
            try:
                data: bytes = self.transport.fs_readfile(name)
            except FileNotFoundError:
                return None
            except OSError as error:
                raise errors.from_board(self.port, f"OSError: {error.errno}") from None
        return data

    def write_file(self, name: str, data: bytes) -> None:
        """Put a file in place whole: written beside it, read back by hash, then renamed over it."""
        beside = name + "~"
        with self.line.device_errors():
            try:
                self.transport.fs_writefile(beside, data, chunk_size=_FILE_CHUNK_BYTES)
                held = self.transport.fs_hashfile(beside, "sha256")
            except OSError as error:
                if isinstance(error, serial.SerialException):
                    raise
                self.run("try:\n f.close()\nexcept OSError:\n pass")
                self.remove_file(beside)
                code = error.errno or 0
                raise errors.from_board(self.port, "ENOSPC" if code == 28 else f"OSError: {code}") from None
        if held != hashlib.sha256(data).digest():
            raise errors.DeviceError(f"{self.port}: {name} came garbled; check the cable, then try again")
        self.run(f"import os\nos.rename({beside!r}, {name!r})")

    def remove_file(self, name: str) -> None:
        """Remove a file if it is there."""
        self.run(f"import os\ntry:\n os.remove({name!r})\nexcept OSError:\n pass")
