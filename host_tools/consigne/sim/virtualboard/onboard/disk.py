"""The partition that littlefs lies in, as a board's C drives it: Ctrl-C never comes in the middle of a block.

Here the block device is Python, and a KeyboardInterrupt raised in it leaves littlefs in the middle of what
it did: with a block in its cache that it never read, so that the next write took ``identity.json`` along.
So one that comes meanwhile is asked for again, for when littlefs is through.
"""

import time

import _link
import _ops

_WAIT_US = 400  # for the signal; it is raised at the next jump, and there is none from here to littlefs


class Disk:
    def __init__(self, partition):
        self._partition = partition

    # No jump outside of ``try``: an interrupt is raised at a jump, and the next one is littlefs's caller's.

    def readblocks(self, *where):
        try:
            return self._partition.readblocks(*where)
        except KeyboardInterrupt:
            return _whole(self._partition.readblocks, where)

    def writeblocks(self, *where):
        try:
            return self._partition.writeblocks(*where)
        except KeyboardInterrupt:
            return _whole(self._partition.writeblocks, where)

    def ioctl(self, *what):
        try:
            return self._partition.ioctl(*what)
        except KeyboardInterrupt:
            return _whole(self._partition.ioctl, what)


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
