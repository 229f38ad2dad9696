"""When to sweep the heap (collect garbage): if it fills up, nobody waits and no input is arriving.

A sweep stops the interpreter, longer the more objects live and the larger the heap is: some 5 ms on a chip
without PSRAM, 18 to 30 ms and more with it.  Meanwhile an ESP32 queues eight interrupts and drops the rest
(``MICROPY_SCHEDULER_DEPTH`` in ``ports/esp32/mpconfigport.h``): most of a card's bits, 1 to 2 ms apart, would
be lost.  By itself the interpreter sweeps when no memory is free, so in the middle of any work;
``gc.threshold`` makes it do that sooner, but not at a better moment.

How long a sweep takes here is measured at the start, when all lasting objects exist:

- A short sweep follows each key, card and code at once, when the relay has moved and the next input is far
  away; and it runs each second while nobody is being served, so that the heap is free when a code comes.
- A longer sweep waits until a third of the free memory is used and nobody has touched anything for longer
  than it takes.  Measuring the used memory also walks through the heap, in a fraction of the time: that is
  done once a second, and after an event when the events since the last look may have filled the heap.
- If keys come without such a pause, it follows a key, before the heap is full.

If a card is shown during a sweep nevertheless, the keypad has been told of the sweep and refuses the card.
A planned flash erase also stops the chip and follows the same rules.
"""

import gc
from time import ticks_diff, ticks_ms, ticks_us

from micropython import const

from .drivers.board import heap_room

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .ports import Keypad, Receiving, Ticks


_SHORT_MS = const(10)  # shorter than the time between two keys, or between two frames
_PAUSE_MS = const(150)  # besides the time of a sweep: until then a typing person presses the next key
_LOOK_MS = const(1_000)
_EVENT_BYTES = const(12_288)  # more than any event of a person allocates: the last key of a code 10,400
_OVERDUE_MS = const(10_000)  # then a wire with lock boards does not delay it: its replies wait in the UART
_PUT_OFF_MAX = const(10)  # times in a row


class Sweeper:
    """Nothing else sweeps while the locker serves.

    ``keypad`` is a ``ports.Keypad``, ``panel`` the other parts that people use and ``wires`` those with lock
    boards: each has ``is_receiving()``.
    """

    def __init__(
        self, keypad: "Keypad", panel: "tuple[Receiving, ...]" = (), wires: "Sequence[Receiving]" = ()
    ) -> None:
        self._keypad = keypad
        self._panel = (keypad,) + panel
        self._wires = wires
        self._touched_ms = self._looked_ms = ticks_ms()
        self._due_ms = 0  # since when ``_is_due``: more is used than should be
        self._wanted = False
        self._put_off = 0  # how many times in a row ``beside`` did nothing
        gc.collect()
        began_us = ticks_us()
        gc.collect()
        self.sweep_ms = ticks_diff(ticks_us(), began_us) // 1000 + 1
        self._room = heap_room()
        self._note()

    def _note(self) -> None:
        self._live = gc.mem_alloc()
        self.free_bytes = gc.mem_free()  # as after each sweep, for the status
        self._left = self._events_left(0)
        self._is_due = False
        self._wanted = False

    def sweep(self) -> None:
        """Sweep now; ``turn`` and ``behind`` choose when."""
        self._keypad.standstill(False)
        gc.collect()
        self._keypad.standstill(True)
        self._note()

    def want(self) -> None:
        """An object must be freed by garbage collection: sweep at the next good moment."""
        self._wanted = True

    def behind(self, touched: bool) -> None:
        """An event was carried out; ``touched``: somebody pressed a key, or showed a card or a code."""
        if touched:
            self._touched_ms = ticks_ms()
            if self.sweep_ms <= _SHORT_MS:
                self.sweep()
                return
        self._left -= 1
        if self._left <= 0:
            self._left = self._events_left(self._used())
            if not self._left:
                self.sweep()

    def _used(self) -> int:
        return gc.mem_alloc() - self._live

    def _events_left(self, used: int) -> int:
        """How many events surely have room, with an eighth left for other work."""
        return max(0, 7 * self._room // 8 - used) // _EVENT_BYTES

    def turn(self) -> None:
        """Call often, at times when blocking does no harm unless input is arriving."""
        now_ms = ticks_ms()
        if 0 <= ticks_diff(now_ms, self._touched_ms) <= self.sweep_ms + _PAUSE_MS:
            return
        self._look(now_ms)
        if not self._is_due or self._arriving(self._panel):
            return
        is_overdue = not 0 <= ticks_diff(now_ms, self._due_ms) < _OVERDUE_MS
        if is_overdue or not self._arriving(self._wires):
            self.sweep()

    def beside(self, work: "Callable[[], object]") -> None:
        """Call work that blocks the chip as a sweep does, such as an erase of flash; not while input arrives.

        To be called once a second; a stuck key delays the work only for a while.
        """
        if self._arriving(self._panel) and self._put_off < _PUT_OFF_MAX:
            self._put_off += 1
            return
        self._put_off = 0
        self._keypad.standstill(False)
        work()
        self._keypad.standstill(True)

    def _look(self, now_ms: "Ticks") -> None:
        if self._is_due or 0 <= ticks_diff(now_ms, self._looked_ms) < _LOOK_MS:
            return
        self._looked_ms = self._due_ms = now_ms
        is_short = self.sweep_ms <= _SHORT_MS
        self._is_due = self._wanted or is_short or self._used() >= self._room // 3

    def _arriving(self, parts: "Sequence[Receiving]") -> bool:
        return any(part.is_receiving() for part in parts)
