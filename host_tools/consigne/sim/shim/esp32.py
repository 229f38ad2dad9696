"""``esp32`` of the simulated board: RMT and flash partitions, as MicroPython documents them."""

import struct
import time

import _link
import _ops
from machine import Pin

_APB_HZ = 80000000
HEAP_DATA, HEAP_EXEC = 4, 1  # MALLOC_CAP_8BIT, MALLOC_CAP_EXEC


def idf_heap_info(capabilities):
    """A list of tuples: total, free, largest block, least free so far.

    As ``ports/esp32/modesp32.c``, esp32_idf_heap_info; heaps for code alone, which no program here has, are
    an empty list.
    """
    if not capabilities & HEAP_DATA:
        return []
    answer = _link.ask(_ops.HEAPS, 0)
    return [struct.unpack_from("<IIII", answer, at) for at in range(0, len(answer), 16)]


class RMT:
    """The remote-control peripheral as a transmitter that times itself.

    Durations are 15 bits of ticks of ``clock_div / 80 MHz`` each; 0 ends a pattern.
    """

    def __init__(self, id=-1, *, pin, clock_div=8, idle_level=False, tx_carrier=None):
        if not 1 <= clock_div <= 255:
            raise ValueError("clock_div must be between 1 and 255")
        if tx_carrier is not None:
            raise NotImplementedError("the simulated RMT has no carrier")
        self._channel = id
        self._clock_div = clock_div
        self._open = True
        _link.ask(
            _ops.RMT_OPEN,
            id,
            struct.pack("<BBI", Pin(pin)._id, bool(idle_level), _APB_HZ // clock_div),
        )

    @staticmethod
    def source_freq():
        return _APB_HZ

    def _check(self):
        if not self._open:
            raise OSError("already deinitialized")

    def clock_div(self):
        self._check()
        return self._clock_div

    def wait_done(self, *, timeout=0):
        """True when nothing is being sent, waiting up to ``timeout`` ms for it."""
        self._check()
        start = time.ticks_ms()
        while _link.ask(_ops.RMT_BUSY, self._channel)[0]:
            if time.ticks_diff(time.ticks_ms(), start) >= timeout:
                return False
            time.sleep_ms(1)
        return True

    def write_pulses(self, duration, data=True):
        """Send levels for durations in ticks; waits while an earlier pattern is being sent.

        ``data`` is the first level of an alternating pattern, or levels as a tuple or list; then
        ``duration`` is one duration for all of them, or as many.
        """
        self._check()
        if not isinstance(data, (tuple, list)):
            level = bool(data)
            data = [level ^ (n & 1) for n in range(len(duration))]
        elif isinstance(duration, int):
            duration = (duration,) * len(data)
        if len(duration) != len(data):
            raise ValueError("duration and data must have same length")
        if not data:
            raise ValueError("No pulses")
        out = b""
        for ticks, level in zip(duration, data):
            if not ticks & 0x7FFF:
                break
            out += struct.pack("<H", ticks & 0x7FFF | (0x8000 if level else 0))
        while not self.wait_done(timeout=1000):
            pass
        _link.post(_ops.RMT_PLAY, self._channel, out)

    def deinit(self):
        if self._open:
            self._open = False
            _link.post(_ops.RMT_STOP, self._channel)


class Partition:
    """A partition; a block device whose writes with an offset only clear bits."""

    TYPE_APP, TYPE_DATA = 0, 1

    def __init__(self, label):
        place = _link.ask(_ops.PARTITION, 0, label.encode())
        self._label = label.encode()
        self._blocks, self._block_size, self._address, self._type, self._subtype = struct.unpack(
            "<IIIBB", place
        )

    @staticmethod
    def find(type=0, subtype=0xFF, label=None, block_size=4096):
        """The partitions of this type, subtype (255: any) and label (None: any), in the table's order."""
        found = []
        for name in _link.ask(_ops.PARTITIONS, 0).decode().split("\0"):
            if name and label in (None, name):
                part = Partition(name)
                if part._type == type and subtype in (0xFF, part._subtype):
                    found.append(part)
        return found

    def info(self):
        """(type, subtype, address, size, label, encrypted)"""
        size = self._blocks * self._block_size
        return (self._type, self._subtype, self._address, size, self._label.decode(), False)

    def _reach(self, block, offset, length):
        """ESP-IDF's errors for addresses outside the partition (``esp_partition_read`` and similar)."""
        size = self._blocks * self._block_size
        start = block * self._block_size + offset
        if not 0 <= start <= size:
            raise OSError(-258, "ESP_ERR_INVALID_ARG")
        if start + length > size:
            raise OSError(-260, "ESP_ERR_INVALID_SIZE")

    def readblocks(self, block_num, buf, offset=0):
        if isinstance(buf, bytes):
            raise TypeError("object with buffer protocol required")  # one that can be written
        self._reach(block_num, offset, len(buf))
        place = struct.pack("<III", block_num, offset, len(buf))
        _link.ask(_ops.FLASH_READ, 0, place + self._label, buf)

    def writeblocks(self, block_num, buf, offset=None):
        """With an offset, program without erasing; without, erase the blocks first."""
        self._reach(block_num, offset or 0, len(buf))
        if offset is None and len(buf) % self._block_size:
            raise OSError(-260, "ESP_ERR_INVALID_SIZE")  # of the erase
        place = _ops.WHOLE_BLOCK if offset is None else offset
        head = struct.pack("<IIB", block_num, place, len(self._label)) + self._label
        _link.ask(_ops.FLASH_WRITE, 0, head + bytes(buf))

    def ioctl(self, cmd, arg):
        """4: number of blocks, 5: bytes in a block, 6: erase block ``arg``; None for any other."""
        if not 1 <= cmd <= 6:
            return None
        if cmd == 6:
            self._reach(arg, 0, self._block_size)
        answer = _link.ask(_ops.FLASH_IOCTL, cmd, struct.pack("<I", arg) + self._label)
        return struct.unpack("<i", answer)[0]
