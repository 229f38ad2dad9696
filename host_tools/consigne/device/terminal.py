"""A board's console for a person: its lines as they come, or its prompt in this terminal."""

import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace

from mpremote.console import Console
from mpremote.repl import do_repl_main_loop

from . import errors
from .serialline import SerialLine


def lines(line: SerialLine, until: float | None) -> Iterator[str]:
    """The board's output, line by line, until ``time.monotonic()`` is past ``until``; None: for ever."""
    rest = b""
    port = line.transport.serial
    while until is None or time.monotonic() < until:
        with line.device_errors():
            rest += port.read(port.in_waiting or 1)
        *whole, rest = rest.split(b"\n")
        yield from (one.decode(errors="replace").rstrip("\r") for one in whole)


def attach(line: SerialLine) -> None:
    """Connect this terminal to the board's prompt, with mpremote's console, until Ctrl-]."""
    if not sys.stdin.isatty():
        raise errors.DeviceError("console needs a terminal; use `consigne device logs` in a pipe")
    terminal = Console()
    line.transport.exit_raw_repl()
    terminal.enter()
    try:
        gone = do_repl_main_loop(
            SimpleNamespace(transport=line.transport),
            terminal,
            terminal.write,
            escape_non_printable=False,
            code_to_inject=None,
            file_to_inject=None,
        )
    finally:
        terminal.exit()
    if gone:
        raise errors.cable_pulled(line.port)
