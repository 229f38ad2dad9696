"""The memory of the chip outside Python's first area, as ``esp32.idf_heap_info`` lists it: ESP-IDF's heaps.

Wi-Fi and TLS live there, and on an ESP32 Python's later areas do too; here Python's heap is the unix port's,
in one piece, so in this model only the radio takes memory.  The heaps are those of an ESP32 with MicroPython
v1.26 just started; their free bytes add up to the sum read on an emulated one (143,884; the largest 110,592).
"""

from .radio import Radio

Piece = tuple[int, int, int, int]
"""Bytes: in all, free, the largest free block, the least free since the reset."""

WIFI_BYTES = 36_052
"""What ``network.WLAN()`` takes; measured on an emulated ESP32, as is the next."""
WIFI_CONNECTED_BYTES = 44_324
FIRST_AREA_BYTES = 56_000
"""Python's first area (MICROPY_GC_INITIAL_HEAP_SIZE); with PSRAM it lies there, as every large block does."""
_PIECES = ((15_072, 15_036, 15_036), (79_912, 18_256, 17_408), (113_840, 110_592, 110_592))
_OVERHEAD_BYTES = 2_048  # each heap's own overhead: multi_heap's tables


class IdfHeap:
    """``psram_bytes`` is what the chip found and tested at its start."""

    def __init__(self, radio: Radio, psram_bytes: int = 0) -> None:
        self._radio = radio
        self.psram_bytes = psram_bytes
        self._most = 0
        radio.on_change(lambda connected: self.moved())

    def restarted(self) -> None:
        """The chip was reset: the least free bytes are counted from now on."""
        self._most = 0

    def moved(self) -> None:
        """The radio took or gave back memory."""
        self._most = max(self._most, self._taken())

    def _taken(self) -> int:
        if self._radio.connected:
            return WIFI_CONNECTED_BYTES
        return WIFI_BYTES if self._radio.active else 0

    def pieces(self) -> list[Piece]:
        """The heaps in the order of their addresses; the radio takes its memory from the largest."""
        self.moved()
        taken = self._taken()
        out = [(total, free, largest, free) for total, free, largest in _PIECES[:-1]]
        total, free, largest = _PIECES[-1]
        if self.psram_bytes:  # Python's first area lies there, not here
            free = largest = total - _OVERHEAD_BYTES
        out.append((total, free - taken, largest - taken, free - self._most))
        if self.psram_bytes:
            left = self.psram_bytes - FIRST_AREA_BYTES - _OVERHEAD_BYTES
            out.append((self.psram_bytes, left, left, left))
        return out
