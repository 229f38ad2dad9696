"""A file that a command is given to read: a regular one, and no larger than a person would write it."""

import os
import stat
from pathlib import Path


class InFileError(ValueError):
    """A file that cannot be read; the text is one sentence that begins with its name."""


def read_bytes(file: Path, bytes_max: int) -> bytes:
    """What is in ``file``.  Raises ``InFileError``.

    A pipe or a device may never end, and even to open one may wait or do something: neither is opened.
    """
    try:
        mode = os.stat(file).st_mode
        if stat.S_ISDIR(mode):
            raise InFileError(f"{file} is a folder: give the path of a file")
        if not stat.S_ISREG(mode):
            raise InFileError(f"{file} is a pipe or a device: give the path of a file")
        with open(file, "rb", opener=_open) as opened:
            data: bytes | None = opened.read(bytes_max + 1)
    except OSError as error:
        raise InFileError(f"{file} cannot be read: {error.strerror}") from None
    if data is None:  # nothing is there yet, as in /proc/kmsg
        raise InFileError(f"{file} has no end: give the path of a file")
    if len(data) > bytes_max:
        raise InFileError(f"{file} has more than {bytes_max} bytes: is it the right file?")
    return data


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
