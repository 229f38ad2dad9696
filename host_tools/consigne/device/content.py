"""What a file that a technician names holds."""

from pathlib import Path

from consigne.commandline import infile

from .errors import DeviceError

BYTES_MAX = 0x200_0000  # the largest flash of an ESP32


def content(file: Path) -> bytes:
    """The file's bytes.  Raises ``DeviceError``."""
    try:
        data = infile.read(file, BYTES_MAX)
    except OSError as error:
        raise DeviceError(f"{file} cannot be read: {error.strerror}") from None
    if len(data) > BYTES_MAX:
        raise DeviceError(f"{file} has more than {BYTES_MAX} bytes: no file for a board has")
    return data
