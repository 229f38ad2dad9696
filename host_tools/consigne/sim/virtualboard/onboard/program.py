"""Runs code of the prompt and of the board's files, as MicroPython's ``pyexec.c`` does; prints errors.

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
        """Ctrl-C is a character again; one that came just before is discarded."""
        while True:
            try:
                return self.interrupts(-1)
            except KeyboardInterrupt:
                continue


def run_file(terminal, names, path):
    """Run a file of the board; a missing one counts as done."""
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

    ``end`` is sent after the program's output, and again after the traceback.
    """
    error = None
    held = open_files(names)
    try:
        code = compile(source if isinstance(source, str) else str(source, "utf8"), name, kind)
        source = None
        gc.collect()  # garbage of reading blocks in Python, which would fragment the heap: a board uses C
        terminal.interrupts(3)
        exec(code, names)
        code = None
        terminal.interrupts(-1)
    except BaseException as caught:  # noqa: BLE001 - whatever a program raises ends here
        error = caught
        terminal.quiet()
    let_go(held, names)
    if end:
        terminal.out(end)
    wants_exit = isinstance(error, SystemExit)
    if error is not None and not wants_exit:
        tell(error)
    if end:
        terminal.out(end)
    return EXIT if wants_exit else DONE if error is None else FAILED


def open_files(names):
    """The files among a program's names; on a board the collector closes files that no variable refers to."""
    return [value for value in names.values() if type(value).__name__ in ("FileIO", "TextIOWrapper")]


def let_go(files, names=None):
    """Close those of ``files`` that are not among ``names`` any more.

    The collector could not: closing one programs the flash, which is Python here, and needs memory.
    """
    kept = () if names is None else open_files(names)
    for file in files:
        if file not in kept:
            try:
                file.close()
            except OSError as error:
                print(error)


def tell(error):
    """Print the traceback without its outermost frame, this file's, which a board does not have."""
    text = io.StringIO()
    sys.print_exception(error, text)
    ours = '  File "program'
    for line in text.getvalue().split("\n"):
        if ours and line.startswith(ours):
            ours = ""
        elif line:
            print(line)
