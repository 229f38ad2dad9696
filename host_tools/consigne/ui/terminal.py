"""What every command needs of the terminal it was given in, whatever that is."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Buffer


class NoFolder(OSError):
    """The current folder is gone; the text is one sentence."""


def prepare() -> None:
    """Have letters that the output's encoding has not printed as question marks.

    Raises ``NoFolder`` where the current folder was removed: no path that is given leads anywhere.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        os.getcwd()
    except FileNotFoundError:
        raise NoFolder("the folder that this is run in was removed: change to another one") from None


class _Whole(io.RawIOBase):
    """Writes to another; what that does not take is dropped, and ``error`` says why."""

    def __init__(self, raw: io.RawIOBase) -> None:
        super().__init__()
        self._raw = raw
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def write(self, data: "Buffer", /) -> int | None:
        try:
            return self._raw.write(data)
        except BrokenPipeError:  # its reader has gone: no fault of the place
            raise
        except OSError as error:
            self.error = self.error or error
            return memoryview(data).nbytes


@contextmanager
def whole() -> Iterator[None]:
    """Standard output that cannot be written, on a full disk, is told once, at the end: exit status 1.

    The command itself goes on: what it does to a board or a database does not depend on who reads of it.
    """
    before = sys.stdout
    buffered = getattr(before, "buffer", None)
    raw = getattr(buffered, "raw", buffered)  # unbuffered there is but one
    if not isinstance(before, io.TextIOWrapper) or not isinstance(raw, io.RawIOBase) or before.isatty():
        yield
        return
    before.flush()
    out = _Whole(raw)
    binary: Any = out if buffered is raw else io.BufferedWriter(out)
    sys.stdout = io.TextIOWrapper(
        binary,
        before.encoding,
        before.errors,
        line_buffering=before.line_buffering,
        write_through=before.write_through,
    )
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stdout = before
        if out.error is not None:
            print(f"standard output cannot be written: {out.error.strerror}", file=sys.stderr)
            raise SystemExit(1)
