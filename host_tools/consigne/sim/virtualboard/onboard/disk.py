"""The partition that littlefs lies in, as a board's C drives it: Ctrl-C never comes in the middle of a block.

Here the block device is Python, and a KeyboardInterrupt raised in it leaves littlefs in the middle of what
it did: with a block in its cache that it never read, so that the next write took ``identity.json`` along.
So one that comes meanwhile is asked for again, for when littlefs is through.

Nor is littlefs ever left by MemoryError: the collector, which lets nothing allocate, closes what a program
dropped, and littlefs would keep the file in its list although its memory is free.  It is told so instead.
"""

import time

import _link
import _ops

_NO_MEMORY = -12  # LFS_ERR_NOMEM, ENOMEM
_WAIT_US = 400  # for the signal; it is raised at the next jump, and there is none from here to littlefs


class Disk:
    def __init__(self, partition):
        self._partition = partition

    # No jump outside of ``try``: an interrupt is raised at a jump, and the next one is littlefs's caller's.

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
    """The same once more from its beginning: reading, programming and erasing twice is as good as once."""
    while True:
        try:
            found = operation(*arguments)
            _link.post(_ops.CONSOLE_AGAIN, 0)
            time.sleep_us(_WAIT_US)
            return found
        except KeyboardInterrupt:
            pass
