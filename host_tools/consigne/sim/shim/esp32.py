"""``esp32`` of the simulated board: RMT and flash partitions, as MicroPython documents them."""

import struct
import time

import _link
import _ops

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

    Durations are 1 to 32767 ticks of ``clock_div / 80 MHz`` each.
    """

    def __init__(self, channel, *, pin=None, clock_div=8, idle_level=False, tx_carrier=None):
        if not 0 <= channel <= 7:
            raise ValueError("invalid channel")
        if not 1 <= clock_div <= 255:
            raise ValueError("clock_div must be between 1 and 255")
        if pin is None or tx_carrier is not None:
            raise ValueError("the simulated RMT takes a pin and no carrier")
        self._channel = channel
        self._clock_div = clock_div
        _link.ask(
            _ops.RMT_OPEN,
            channel,
            struct.pack("<BBI", pin.id(), bool(idle_level), _APB_HZ // clock_div),
        )

    @staticmethod
    def source_freq():
        return _APB_HZ

    def clock_div(self):
        return self._clock_div

    def wait_done(self, *, timeout=0):
        """True when nothing is being sent, waiting up to ``timeout`` ms for it."""
        start = time.ticks_ms()
        while _link.ask(_ops.RMT_BUSY, self._channel)[0]:
            if time.ticks_diff(time.ticks_ms(), start) >= timeout:
                return False
            time.sleep_ms(1)
        return True

    def write_pulses(self, duration, data=True):
        """Send levels for durations in ticks; waits while an earlier pattern is being sent.

        ``data`` is the first level of an alternating pattern, or a list of levels; then
        ``duration`` is one duration for all of them, or a list as long as ``data``.
        """
        if isinstance(data, (bool, int)):
            level = bool(data)
            pairs = []
            for ticks in duration:
                pairs.append((ticks, level))
                level = not level
        elif isinstance(duration, int):
            pairs = [(duration, level) for level in data]
        else:
            if len(duration) != len(data):
                raise ValueError("duration and data must have same length")
            pairs = [(duration[i], data[i]) for i in range(len(data))]
        out = bytearray(2 * len(pairs))
        for index, (ticks, level) in enumerate(pairs):
            if not 0 < ticks < 32768:
                raise ValueError("invalid duration")
            struct.pack_into("<H", out, 2 * index, ticks | (0x8000 if level else 0))
        while not self.wait_done(timeout=1000):
            pass
        _link.post(_ops.RMT_PLAY, self._channel, out)

    def deinit(self):
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

    def readblocks(self, block_num, buf, offset=0):
        place = struct.pack("<III", block_num, offset, len(buf))
        _link.ask(_ops.FLASH_READ, 0, place + self._label, buf)

    def writeblocks(self, block_num, buf, offset=None):
        """With an offset, program without erasing; without, erase the blocks first."""
        place = _ops.WHOLE_BLOCK if offset is None else offset
        head = struct.pack("<IIB", block_num, place, len(self._label)) + self._label
        _link.ask(_ops.FLASH_WRITE, 0, head + bytes(buf))

    def ioctl(self, cmd, arg):
        """4: number of blocks, 5: bytes in a block, 6: erase block ``arg``."""
        answer = _link.ask(_ops.FLASH_IOCTL, cmd, struct.pack("<I", arg) + self._label)
        return struct.unpack("<i", answer)[0]
