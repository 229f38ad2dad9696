"""The partition of littlefs, with the behaviour of a board's C driver: Ctrl-C never interrupts a block.

Here the block device is Python, and a KeyboardInterrupt raised in it stops littlefs in the middle of an
operation: once its cache held a block it had never read, and the next write destroyed ``identity.json``.  So
an interrupt that comes meanwhile is requested again, for after littlefs has finished.

A MemoryError must not stop littlefs either: the garbage collector, during which nothing can be allocated,
closes files that a program dropped, and littlefs would keep such a file in its list although its memory is
freed.  So littlefs gets an error code instead.
"""

import time

import _link
import _ops

_NO_MEMORY = -12  # LFS_ERR_NOMEM, ENOMEM
_WAIT_US = 400  # for the signal, which is raised at the next jump: there is none before littlefs


class Disk:
    def __init__(self, partition):
        self._partition = partition

    # No jump outside of ``try``: interrupts are raised at jumps, and the next jump is in littlefs's caller.

    def readblocks(self, block_num, buf, offset=0):
        try:
            return self._partition.readblocks(block_num, buf, offset)
        except KeyboardInterrupt:
            return _whole(self._partition.readblocks, (block_num, buf, offset))
        except MemoryError:
            return _NO_MEMORY

    def writeblocks(self, block_num, buf, offset=None):
        try:
            return self._partition.writeblocks(block_num, buf, offset)
        except KeyboardInterrupt:
            return _whole(self._partition.writeblocks, (block_num, buf, offset))
        except MemoryError:
            return _NO_MEMORY

    def ioctl(self, cmd, arg):
        try:
            return self._partition.ioctl(cmd, arg)
        except KeyboardInterrupt:
            return _whole(self._partition.ioctl, (cmd, arg))
        except MemoryError:
            return _NO_MEMORY


def _whole(operation, arguments):
    """Repeat an operation: reading, programming and erasing twice has the same result as once."""
    while True:
        try:
            found = operation(*arguments)
            _link.post(_ops.CONSOLE_AGAIN, 0)
            time.sleep_us(_WAIT_US)
            return found
        except KeyboardInterrupt:
            pass
