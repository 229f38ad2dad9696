"""What a file that a technician names holds."""

from pathlib import Path

from consigne.commandline import infile

from .errors import DeviceError

BYTES_MAX = 0x200_0000  # the largest flash of an ESP32


def content(file: Path) -> bytes:
    """The file's bytes.  Raises ``DeviceError``."""
    try:
        return infile.read_bytes(file, BYTES_MAX)
    except infile.InFileError as error:
        raise DeviceError(str(error)) from None
