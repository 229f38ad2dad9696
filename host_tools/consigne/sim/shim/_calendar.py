"""``machine.RTC``, as ``ports/esp32/machine_rtc.c`` and ``shared/timeutils`` have it since MicroPython v1.27.

The chip's system time is a number of microseconds in 64 bits without a sign (ESP-IDF, ``settimeofday``); the
port takes its seconds as those since 2000-01-01.  ``timeutils`` reckons in 32 bits without a sign.  So a date
before 2000 becomes a date far in the future: 1970 reads as 2101, and mbedTLS sees the year 586524.  (Up to
v1.26 it reads as 1970, and mbedTLS sees 2106: in both cases every certificate has expired.)

The difference between system time and the computer's time is kept in eight bytes, see ``chipclock.py``;
without them, on virtual time and in an interpreter without the harness, in a variable.
"""

import time

_FROM_1970_TO_2000_S = 946684800
_MASK_32 = 0xFFFFFFFF
_MASK_64 = 0xFFFFFFFFFFFFFFFF
_DAYS_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)


def _memory():
    """The eight bytes of the harness, or eight of our own."""
    try:
        import os

        import uctypes

        return uctypes.bytearray_at(int(os.getenv("CONSIGNE_CLOCK_AT")), 8)
    except (ImportError, AttributeError, TypeError):
        return bytearray((-_now_us() & _MASK_64).to_bytes(8, "little"))


def _now_us():
    return time.time_ns() // 1000


_ahead = _memory()


def _system_us():
    return _now_us() + int.from_bytes(_ahead, "little") & _MASK_64


def _set_system_us(us):
    _ahead[:] = (us - _now_us() & _MASK_64).to_bytes(8, "little")


def _seconds_since_2000(year, month, day, hour, minute, second):
    """``timeutils_seconds_since_1970`` in 32 bits, less 30 years; every fourth year is a leap year."""
    if not 1 <= month <= 12:
        raise ValueError("not a date: month {} (the port reads beyond its table)".format(month))
    days = (year - 1970) * 365 + (year - 1969) // 4 + _DAYS_BEFORE[month - 1] + day - 1
    if month >= 3 and year % 4 == 0:
        days += 1
    return (days * 86400 + hour * 3600 + minute * 60 + second & _MASK_32) - _FROM_1970_TO_2000_S


def _date(seconds):
    """``timeutils_seconds_since_1970_to_struct_time``: year, month, day, weekday, hour, minute, second."""
    days, left = divmod(seconds & _MASK_32, 86400)
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
    four_years, days = divmod(days + 365 + 366, 1461)  # from 1968, a leap year
    year = 1968 + 4 * four_years
    while days >= (366 if year % 4 == 0 else 365):
        days -= 366 if year % 4 == 0 else 365
        year += 1
    month = 1
    while days >= _days(year, month):
        days -= _days(year, month)
        month += 1
    return year, month, days + 1, weekday, left // 3600, left // 60 % 60, left % 60


def _days(year, month):
    leap = 1 if month == 2 and year % 4 == 0 else 0
    return _DAYS_BEFORE[month] - _DAYS_BEFORE[month - 1] + leap


class RTC:
    """The calendar: year, month, day, weekday (0 is Monday), hour, minute, second, microsecond."""

    def __init__(self):
        """No arguments: without this method MicroPython would accept any."""

    def datetime(self, when=None):
        """Read the date, or set it: the weekday is ignored, and nothing is checked."""
        if when is None:
            us = _system_us()
            return _date(us // 1000000 + _FROM_1970_TO_2000_S) + (us % 1000000,)
        self._set(when, 4)
        return None

    def init(self, when):
        """Set, with the hour where ``datetime`` has the weekday."""
        self._set(when, 3)

    def _set(self, when, at):
        if len(when) != 8:
            raise ValueError("requested length 8 but object has length {}".format(len(when)))
        seconds = _seconds_since_2000(*when[:3], *when[at : at + 3])
        _set_system_us(seconds * 1000000 + when[7])
