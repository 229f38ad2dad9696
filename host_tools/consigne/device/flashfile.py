"""A file with the contents of a board's flash: the whole of it, or one partition."""

from pathlib import Path

from consigne.firmware import layout

from .errors import DeviceError


def partition_in(file: Path, label: str) -> bytes:
    """The bytes of one partition in a file read off a board.

    A whole flash is found by its partition table, wherever that puts the partition; a file exactly as
    long as the partition, or one that holds no table, is taken for the partition itself.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DeviceError(f"{file} cannot be read: {error.strerror}") from None
    wanted = layout.partition(label)
    if len(data) <= max(wanted.size, layout.TABLE_OFFSET + layout.TABLE_BYTES):
        return data
    try:
        table = layout.parse(data[layout.TABLE_OFFSET : layout.TABLE_OFFSET + layout.TABLE_BYTES])
        wanted = layout.partition(label, table)
    except layout.LayoutError as error:
        raise DeviceError(f"{file}: {error}") from None
    found = data[wanted.offset : wanted.end]
    if len(found) < wanted.size:
        raise DeviceError(
            f"{file} ends at byte {len(data)}, within the partition '{label}'; "
            f"read it again from 0x{wanted.offset:x}, 0x{wanted.size:x} bytes long"
        )
    return found
