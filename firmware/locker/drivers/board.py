"""The controller board itself: its buses and why it started."""

import gc
import time

import esp32
import machine
from micropython import const

from ..core import events

_FROM_1970_TO_2000_S = const(946_684_800)
_CALENDAR_END_S = const(3_094_168_447)  # 2068-01-19: up to v1.26 ``gmtime`` takes no later time
_CAUSES = (
    (machine.PWRON_RESET, events.CAUSE_POWER),
    (machine.HARD_RESET, events.CAUSE_SOFTWARE),
    (machine.WDT_RESET, events.CAUSE_WATCHDOG),
    (machine.SOFT_RESET, events.CAUSE_SOFTWARE),
)


def boot_cause() -> int:
    """One of ``CAUSE_``."""
    cause = machine.reset_cause()
    for theirs, ours in _CAUSES:
        if theirs == cause:
            return ours
    return events.CAUSE_UNKNOWN


def heap_room() -> int:
    """How many bytes Python can allocate before it must collect garbage or grow the heap.

    ``gc.mem_free`` also counts the block by which the heap could grow (``py/modgc.c``, gc_mem_free).
    """
    free = gc.mem_free()
    growth = max([heap[2] for heap in esp32.idf_heap_info(esp32.HEAP_DATA)] + [0])
    return free - growth if free > growth else free


def buses(entries) -> dict:
    """The I2C buses of the configuration by their id."""
    return {
        bus["id"]: machine.I2C(
            bus["id"], scl=machine.Pin(bus["scl"]), sda=machine.Pin(bus["sda"]), freq=bus["freq_hz"]
        )
        for bus in entries
    }


def set_calendar(epoch_s: int) -> None:
    """Set the chip's calendar, by which TLS judges a certificate's dates, to a Unix time, 2000 or later:
    the port turns earlier times into dates far in the future (``ports/esp32/machine_rtc.c``).

    The epoch of an ESP32's ``time`` may begin in 2000; the calendar itself has none.
    """
    epoch_s = min(epoch_s, _CALENDAR_END_S)
    if time.gmtime(0)[0] == 2000:
        epoch_s -= _FROM_1970_TO_2000_S
    year, month, day, hour, minute, second, weekday = time.gmtime(epoch_s)[:7]
    machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))


def restart() -> None:
    """Restart the board; does not return."""
    machine.reset()
