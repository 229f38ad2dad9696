"""``consigne device erase``: a board forgets whose locker it was, and the chip confirms it.

Removing files is not enough: littlefs writes elsewhere and leaves the old bytes where they were.  So every
sector that ever held a secret is erased: settings, the radio's own store (it keeps the Wi-Fi password), the
journal.  It is checked before the chip starts again, when the interpreter would make a new file system: the
chip computes the MD5 of what it reads back, which must be that of erased flash.  Interpreter and application
stay.
"""

from consigne.firmware import layout

from .esptooljob import Progress
from .image import Part
from .rombootloader import RomBootLoader

SECRET_PARTITIONS = ("nvs", "vfs", "journal")


def erase(loader: RomBootLoader, progress: Progress) -> None:
    """Erase, and have the chip read it back.  Raises ``DeviceError`` when a region still holds anything."""
    with loader.held():
        parts = []
        end = 0
        for place in sorted(
            _secret(loader), key=lambda place: place.offset
        ):  # regions of the two tables may overlap
            if place.end > end:
                start = max(place.offset, end)
                end = place.end
                parts.append(Part(place.label, start, b"\xff" * (end - start)))
        loader.write(parts, progress)


def _secret(loader: RomBootLoader) -> list[layout.Partition]:
    """Regions with secrets by our partition table and by the board's: an older one of ours, or MicroPython's.

    The stock table of v1.26 and later has no ``vfs``: the interpreter adds one, from the last partition to
    the end of the flash (``ports/esp32/main.c``, boardctrl_startup).
    """
    ours = [layout.partition(label) for label in SECRET_PARTITIONS]
    try:
        table = layout.parse(loader.read(layout.TABLE_OFFSET, layout.TABLE_BYTES, restart=False))
    except layout.LayoutError:
        return ours
    found = [place for place in table if place.label in SECRET_PARTITIONS]
    if not any(place.label == "vfs" for place in found):
        end = max(place.end for place in table)
        size = loader.look().flash_bytes - end
        if size > 0:
            found.append(layout.Partition("vfs", layout.DATA, 0, end, size))
    return ours + found
