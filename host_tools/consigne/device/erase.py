"""``consigne device erase``: a board forgets whose locker it was, and the chip confirms it.

Removing files is not enough: littlefs writes elsewhere and leaves the old bytes where they were.  So
every sector that ever held a secret is erased: settings, the radio's own store (it keeps the Wi-Fi
password), the journal.  The chip then reckons each region's MD5 in a second run, which must be that of
erased flash; interpreter and application stay.
"""

from consigne.device import layout
from consigne.device.image import Part
from consigne.device.rombootloader import Progress, RomBootLoader

SECRET_PARTITIONS = ("nvs", "vfs", "journal")


def erase(loader: RomBootLoader, progress: Progress) -> None:
    """Erase and verify.  Raises ``DeviceError`` when a region still holds anything."""
    parts = [
        Part(label, layout.partition(label).offset, b"\xff" * layout.partition(label).size)
        for label in SECRET_PARTITIONS
    ]
    loader.write(parts, progress)
    loader.verify(parts)
