"""Where the journal lies: a data partition of its own, found by its label.

``esp32.Partition`` is ``ports.Flash`` as it is: ``writeblocks`` with an offset programs without
erasing, ``ioctl(6, block)`` erases 4096 bytes.
"""

from esp32 import Partition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Flash


def journal_partition(label: str = "journal") -> "Flash":
    """The partition.  Raises ``OSError`` when the partition table has none of that label."""
    found = Partition.find(Partition.TYPE_DATA, label=label)
    if not found:
        raise OSError(f"no data partition labelled {label}")
    return found[0]
