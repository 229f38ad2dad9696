"""The strikes: relay lines on GPIO pins and chips, one arming line in series with all.

A coil draws current only while its relay line *and* the arming line are high.  The RMT peripheral raises the
arming line for exactly the pulse: all of its items fit into the channel's own memory (48 to 64 symbols; at
most ten items are used), so no interrupt and no task is needed to end it.  The relay line is selected before
the arming line rises and released after it fell, so relay contacts never switch the coil's current, and a
late release does no damage.
"""

import errno

import esp32
from machine import Pin
from micropython import const

from ..core.limits import PULSE_MS_MAX

# 80 MHz / 255 = 313,725 ticks a second, the slowest the RMT can; an item has 15 bits: 104 ms.
CLOCK_DIV = const(255)
ITEM_TICKS_MAX = const(32767)
_RELEASE_TRIES = const(3)


class GpioRelay:
    """A relay line on a pin, active high."""

    def __init__(self, pin: int):
        # The port sets the output latch before it enables the driver, so there is no edge.
        self._pin = Pin(pin, Pin.OUT, value=0)

    def check(self) -> None:
        """A pin needs no preparation."""

    def select(self) -> None:
        self._pin.value(1)

    def release(self) -> None:
        self._pin.value(0)


class ExpanderRelay:
    """A relay line on a channel of a chip (``Mcp23017``, ``Pcf8574``, ``Tca9554``, ``Hc595``)."""

    def __init__(self, chip, channel: int):
        self._chip = chip
        self._channel = channel

    def check(self) -> None:
        """Raises ``OSError`` when the chip does not answer, before anything was selected."""
        self._chip.check()

    def select(self) -> None:
        """Raises ``OSError`` when the chip does not answer."""
        self._chip.write(self._channel, 1)

    def release(self) -> None:
        """Raises ``OSError`` when the chip does not answer."""
        self._chip.write(self._channel, 0)


class RelayLocks:
    """The strikes of all doors (``ports.Locks``)."""

    def __init__(self, lines, chips, arm_pin: int, channel: int = 0):
        """``lines``: for each door a ``GpioRelay``, or ``index in chips << 8 | channel``: an object for each
        of 48 lines on chips would be 5 kB of heap.  ``chips``: the expanders and chains.

        Every line is low and every coil off when this returns, except on a chip that does not
        answer; its doors raise ``OSError`` in ``start`` until it does.  ``arm_pin`` belongs to
        RMT ``channel`` from now on.
        """
        self._arm = esp32.RMT(channel, pin=Pin(arm_pin, Pin.OUT, value=0), clock_div=CLOCK_DIV)
        self._ticks_per_s = self._arm.source_freq() // CLOCK_DIV
        self._lines = lines
        self._chips = chips
        self._readable = [chip for chip in chips if hasattr(chip, "stray")]
        self._selected = None
        self._tries_left = 0
        for chip in chips:
            try:
                chip.set_up()
            except OSError:
                chip.ready = False  # start() sets the chip up once it answers

    def start(self, door: int, pulse_ms: int) -> None:
        """Energise one coil; the RMT ends it after ``pulse_ms`` (1..1000), never later.

        Raises ``ValueError`` for a door or a duration out of range, ``RuntimeError`` while a pulse runs,
        ``OSError`` when the door's chip does not answer.  Also ``OSError``, for every door, while another
        line may be selected, because it could not be released after its pulse, or by a short circuit: the
        next pulse would open that door too.
        """
        if not 0 <= door < len(self._lines):
            raise ValueError(f"no door {door}")
        if not 1 <= pulse_ms <= PULSE_MS_MAX:
            raise ValueError(f"pulse of {pulse_ms} ms")
        if not self._arm.wait_done():
            raise RuntimeError("a pulse is running")
        if self._selected is not None:
            self._selected.release()
            self._selected = None
        durations = self._items(pulse_ms)
        levels = (True,) * len(durations)
        line = self._lines[door]
        if isinstance(line, int):
            line = ExpanderRelay(self._chips[line >> 8], line & 0xFF)
        line.check()
        self._selected = line  # before select(), which may raise although it took effect
        self._tries_left = _RELEASE_TRIES
        try:
            line.select()
            for chip in self._readable:
                if chip.stray():
                    raise OSError(errno.EIO)
        except OSError:
            self.busy()  # busy() is not called for a failed pulse: release the line now
            raise
        self._arm.write_pulses(durations, levels)

    def busy(self) -> bool:
        """True from ``start`` until the coil is off and its line released.

        If a chip does not take the release, each call tries again, three times; then this returns False, and
        ``start`` first makes sure of the release.
        """
        if not self._arm.wait_done():
            return True
        if self._selected is None:
            return False
        try:
            self._selected.release()
        except OSError:
            self._tries_left -= 1
            return self._tries_left > 0
        self._selected = None
        return False

    def off(self) -> None:
        """Release every line now; a coil goes off with its line even while the RMT runs.

        A chip that does not answer is skipped, and its line still counts as selected.
        """
        stuck = None
        for line in self._lines:
            if isinstance(line, GpioRelay):
                line.release()
        for chip in self._chips:
            try:
                chip.all_low()
            except OSError:
                stuck = chip
        if stuck is None or isinstance(self._selected, GpioRelay):
            self._selected = None

    def _items(self, pulse_ms: int):
        """The pulse as durations in ticks of equal length, rounded down in sum."""
        ticks = self._ticks_per_s * pulse_ms // 1000
        count = (ticks + ITEM_TICKS_MAX - 1) // ITEM_TICKS_MAX
        each = ticks // count
        return (each,) * (count - 1) + (ticks - each * (count - 1),)
