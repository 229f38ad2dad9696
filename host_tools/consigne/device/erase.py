"""``consigne device erase``: a board forgets whose locker it was, and the chip confirms it.

Removing files is not enough: littlefs writes elsewhere and leaves the old bytes where they were.  So
every sector that ever held a secret is erased: settings, the radio's own store (it keeps the Wi-Fi
password), the journal.  It is checked before the chip starts again, and the interpreter makes itself a new
file system: the chip reckons the MD5 of what it reads back, and it must be that of erased flash.
Interpreter and application stay.
"""

from consigne.device import layout
from consigne.device.image import Part
from consigne.device.rombootloader import Progress, RomBootLoader

SECRET_PARTITIONS = ("nvs", "vfs", "journal")


def erase(loader: RomBootLoader, progress: Progress) -> None:
    """Erase, and have the chip read it back.  Raises ``DeviceError`` when a region still holds anything."""
    parts = [
        Part(label, layout.partition(label).offset, b"\xff" * layout.partition(label).size)
        for label in SECRET_PARTITIONS
    ]
    loader.write(parts, progress)
