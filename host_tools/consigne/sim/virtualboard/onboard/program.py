"""Runs what the prompt and the board's files hold, as MicroPython's ``pyexec.c`` does; tells what went wrong.

While a program runs, the harness turns Ctrl-C into KeyboardInterrupt, as the serial port's interrupt does on
a board; while the prompt waits, Ctrl-C is a character like another.
"""

import gc
import io
import os
import sys

CTRL_A, CTRL_B, CTRL_C, CTRL_D, CTRL_E = b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"
DONE, FAILED, EXIT = 0, 1, 2  # EXIT: a soft reset is wanted


class Terminal:
    """The serial port: bytes in and out as they are, and when Ctrl-C interrupts.

    ``out`` writes bytes, ``interrupts`` is ``micropython.kbd_intr``.
    """

    def __init__(self, out, interrupts):
        self.out = out
        self.interrupts = interrupts
        self._stdin = sys.stdin.buffer
        self._one = bytearray(1)

    def byte(self):
        """The next byte; waits for it."""
        if not self._stdin.readinto(self._one):
            raise SystemExit("the board is gone")
        return bytes(self._one)

    def quiet(self):
        """Ctrl-C is a character again; one that came just before is forgotten."""
        while True:
            try:
                return self.interrupts(-1)
            except KeyboardInterrupt:
                continue


def run_file(terminal, names, path):
    """Run a file of the board; one that is not there is done."""
    try:
        os.stat(path)
    except OSError:
        return DONE
    try:
        with open(path) as f:
            source = f.read()
    except (OSError, MemoryError) as error:
        print(error)
        return FAILED
    return execute(terminal, names, source, path, "exec")


def execute(terminal, names, source, name, kind, end=b""):
    """Compile and run ``source`` (str or bytes) with the globals ``names``.

    ``end`` is sent after what the program prints, and again after what is told of its error.
    """
    error = None
    try:
        code = compile(source if isinstance(source, str) else str(source, "utf8"), name, kind)
        source = None
        gc.collect()  # what reading blocks in Python left: on a board it is C, and the heap is in one piece
        terminal.interrupts(3)
        exec(code, names)
        code = None
        terminal.interrupts(-1)
    except BaseException as caught:  # noqa: BLE001 - whatever a program raises ends here
        error = caught
        terminal.quiet()
    if end:
        terminal.out(end)
    wants_exit = isinstance(error, SystemExit)
    if error is not None and not wants_exit:
        tell(error)
    if end:
        terminal.out(end)
    return EXIT if wants_exit else DONE if error is None else FAILED


def tell(error):
    """The traceback without its outermost line, which is this file's and on a board no Python."""
    text = io.StringIO()
    sys.print_exception(error, text)
    ours = '  File "program'
    for line in text.getvalue().split("\n"):
        if ours and line.startswith(ours):
            ours = ""
        elif line:
            print(line)
