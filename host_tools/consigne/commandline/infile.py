"""A file that a command is given to read: a regular one, and no larger than a person would write it."""

import errno
import os
import stat
from pathlib import Path


class InFileError(ValueError):
    """A file that cannot be read; the text is one sentence that begins with its name."""


def read(file: Path, bytes_max: int) -> bytes:
    """The file's bytes, ``bytes_max`` + 1 of them at most: then it is longer than allowed.

    Raises ``OSError``, also for a pipe or a device: it may never end, and even to open one may wait or do
    something.
    """
    mode = os.stat(file).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "it is a device or a pipe and no file", str(file))
    with open(file, "rb", opener=_open_at_once) as stream:
        return stream.read(bytes_max + 1) or b""  # None where a file of the kernel's has nothing to say yet


def read_bytes(file: Path, bytes_max: int) -> bytes:
    """What is in ``file``.  Raises ``InFileError``."""
    try:
        data = read(file, bytes_max)
    except OSError as error:
        raise InFileError(f"{file} cannot be read: {error.strerror}") from None
    if len(data) > bytes_max:
        raise InFileError(f"{file} has more than {bytes_max} bytes: is it the right file?")
    return data


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # should a pipe have taken its place meanwhile
