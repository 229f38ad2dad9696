"""The DS3231 clock chip: keeps the time over a power cut, and measures the temperature inside.

Registers as in Maxim's data sheet (19-5170, rev. 10): 00..06 seconds to year in BCD, 0E control, 0F status,
11..12 temperature.  Bit 7 of the status (OSF) says that the oscillator has stopped since it was cleared: then
the registers hold no valid time.
"""

from micropython import const

from ..core.timekeeping import DAY_S

_TIME = const(0x00)
_CONTROL = const(0x0E)
_STATUS = const(0x0F)
_TEMPERATURE = const(0x11)
_COUNT = const(0x13)
_NO_OSCILLATOR = const(0x80)  # of control: stop on the battery
_STOPPED = const(0x80)  # of status
_ALARMS_OFF = const(0x04)
_DAYS_TO_2000 = const(10957)  # from 1970
# Lowest and highest value of seconds to year, and the bits that count; the weekday is ours to choose.
_LOW = b"\x00\x00\x00\x01\x01\x01\x00"
_HIGH = bytes((59, 59, 23, 7, 31, 12, 99))
_MASK = bytes((0x7F, 0x7F, 0x7F, 0x07, 0x3F, 0x1F, 0xFF))
_DAYS = bytes((31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31))


class Ds3231:
    """Every method raises ``OSError`` while the chip does not answer or the bus is stuck."""

    def __init__(self, i2c, address: int = 0x68):
        """Nothing is sent yet."""
        self._i2c = i2c
        self._address = address
        self._registers = bytearray(_COUNT)

    def read(self) -> int:
        """Unix seconds; 0 when the oscillator has stopped since it was set, or the time is invalid.

        Read twice: two results more than a second apart are noise.
        """
        first = self._once()
        second = self._once()
        return second if first and 0 <= second - first <= 1 else 0

    def _once(self) -> int:
        registers = self._registers
        self._i2c.readfrom_mem_into(self._address, _TIME, registers)
        if registers[_STATUS] & _STOPPED or registers[_CONTROL] & _NO_OSCILLATOR:
            return 0
        return _epoch(registers)

    def set(self, epoch_s: int) -> None:
        """Set it, 2000 to 2099.  The flag goes last: cut anywhere, the chip still says that it stopped."""
        write = self._i2c.writeto_mem
        write(self._address, _CONTROL, bytes((_ALARMS_OFF,)))
        write(self._address, _TIME, _registers(epoch_s))
        write(self._address, _STATUS, b"\x00")

    def degrees(self) -> int:
        """The chip's temperature in degrees Celsius, within +-3."""
        self._i2c.readfrom_mem_into(self._address, _TEMPERATURE, memoryview(self._registers)[:2])
        value = self._registers[0]
        return value - 256 if value & 0x80 else value


def _epoch(registers) -> int:
    """The registers' time in Unix seconds, 0 when it is not valid."""
    values = []
    for at in range(7):
        bcd = registers[at] & _MASK[at]
        value = (bcd >> 4) * 10 + (bcd & 15)
        if bcd & 15 > 9 or not _LOW[at] <= value <= _HIGH[at]:
            return 0
        values.append(value)
    second, minute, hour, _, day, month, year = values
    if registers[2] & 0x40 or day > _month_days(month, year):  # it is never set to 12-hour mode
        return 0
    days = _DAYS_TO_2000 + year * 365 + (year + 3) // 4 + day - 1
    for before in range(1, month):
        days += _month_days(before, year)
    return ((days * 24 + hour) * 60 + minute) * 60 + second


def _month_days(month: int, year: int) -> int:
    """2000 to 2099: every fourth year is a leap year."""
    return _DAYS[month - 1] + (1 if month == 2 and year % 4 == 0 else 0)


def _registers(epoch_s: int) -> bytes:
    days, left_s = divmod(epoch_s, DAY_S)
    days -= _DAYS_TO_2000
    weekday = (days + 5) % 7 + 1  # 2000-01-01 was a Saturday; 1 is a Monday
    year = 0
    while days >= 365 + (1 if year % 4 == 0 else 0):
        days -= 365 + (1 if year % 4 == 0 else 0)
        year += 1
    month = 1
    while days >= _month_days(month, year):
        days -= _month_days(month, year)
        month += 1
    values = (left_s % 60, left_s // 60 % 60, left_s // 3600, weekday, days + 1, month, year)
    return bytes([value // 10 << 4 | value % 10 for value in values])
