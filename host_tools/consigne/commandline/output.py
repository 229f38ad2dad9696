"""Standard output whose reader may go, or whose disk may be full: printing never raises.

``consigne sim .. | head -3`` ends when ``head`` has, as other programs do.  Python ignores SIGPIPE, since a
socket raises it too: so a write after the reader has gone is an error in the thread that printed, and the
program goes on.  Here such a write is dropped and the main thread is interrupted as by Ctrl+C, so everything
is shut down in order, without a message.

On a full disk the command goes on: its work on a board or a database does not depend on its output.  The
error is reported once, at the end.
"""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

ENDED = 128 + signal.SIGPIPE
"""The exit status that a shell gives for a program ended by SIGPIPE."""


class _Pipe(io.FileIO):
    """A file descriptor; ``is_gone`` once its reader has gone, ``error`` says why a write failed."""

    is_gone = False
    error: OSError | None = None
    is_last = False  # the program is ending

    def write(self, data: "Buffer", /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            if not self.is_gone:
                self._end()
        except OSError as error:
            self.error = self.error or error
        return memoryview(data).nbytes

    def _end(self) -> None:
        self.is_gone = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        main = threading.main_thread().ident
        if main is not None and not self.is_last:
            signal.pthread_kill(main, signal.SIGINT)


_pipes: list[_Pipe] = []  # the watched one, if any


def is_gone() -> bool:
    """Whether the output had a reader, who has gone."""
    return any(pipe.is_gone for pipe in _pipes)


@contextmanager
def watched() -> Iterator[None]:
    """In this context the program ends when its output's reader goes: ``SystemExit`` with ``ENDED``.

    If the output could not be written, it ends with status 1 and a sentence.
    """
    before = sys.stdout
    if before is not sys.__stdout__ or not isinstance(before, io.TextIOWrapper) or before.isatty():
        yield
        return
    before.flush()
    pipe = _Pipe(before.fileno(), "w", closefd=False)
    text = io.TextIOWrapper(io.BufferedWriter(pipe), before.encoding, before.errors)
    text.reconfigure(line_buffering=before.line_buffering, write_through=before.write_through)
    _pipes.append(pipe)
    sys.stdout = text
    try:
        yield
    finally:
        pipe.is_last = True
        text.flush()
        sys.stdout = before
        _pipes.remove(pipe)
        if pipe.is_gone:
            raise SystemExit(ENDED)
        if pipe.error is not None:
            print(f"standard output cannot be written: {pipe.error.strerror}", file=sys.stderr)
            raise SystemExit(1)
