"""The chip's calendar: what a date that is set becomes, for whoever reads it and for mbedTLS."""

import pytest
from consigne.sim.grounds.chipclock import FROM_1970_TO_2000_S, ChipClock
from consigne.sim.locker import SimLocker
from consigne.sim.shim import _calendar
from sim_kit import BENCH, IDENTITY, script

# What was set, what reads back, and what platform_mbedtls_time (ports/esp32/main.c) makes of it: from
# shared/timeutils of v1.28.0, compiled with an mp_uint_t of 32 bits and an mp_timestamp_t of 64 as for an
# ESP32, called as machine_rtc_datetime_helper does, with ESP-IDF's settimeofday between.
ROWS = [
    ((1970, 1, 1, 0, 0, 0), (2101, 8, 25, 4, 13, 4, 45), 18446744073709),
    ((1999, 12, 31, 23, 59, 59), (1995, 7, 20, 3, 6, 36, 28), 18447690758508),
    ((2000, 1, 1, 0, 0, 0), (2000, 1, 1, 5, 0, 0, 0), 946684800),
    ((2000, 2, 29, 0, 0, 0), (2000, 2, 29, 1, 0, 0, 0), 951782400),
    ((2024, 2, 29, 12, 30, 1), (2024, 2, 29, 3, 12, 30, 1), 1709209801),
    ((2026, 11, 29, 1, 2, 3), (2026, 11, 29, 6, 1, 2, 3), 1795914123),
    ((2038, 1, 19, 3, 14, 8), (2038, 1, 19, 1, 3, 14, 8), 2147483648),
    ((2068, 1, 19, 3, 14, 8), (2068, 1, 19, 3, 3, 14, 8), 3094168448),
    ((2099, 12, 31, 23, 59, 59), (2099, 12, 31, 3, 23, 59, 59), 4102444799),
    ((2100, 3, 1, 0, 0, 0), (2100, 3, 1, 1, 0, 0, 0), 4107628800),
    ((2106, 2, 7, 6, 28, 15), (2101, 8, 26, 5, 13, 4, 44), 18446744160108),
    ((2026, 11, 31, 0, 0, 0), (2026, 12, 1, 1, 0, 0, 0), 1796083200),
    ((2026, 2, 30, 0, 0, 0), (2026, 3, 2, 0, 0, 0, 0), 1772409600),
]


@pytest.fixture
def rtc(monkeypatch):
    """A calendar whose second does not pass while it is looked at."""
    monkeypatch.setattr(_calendar, "_now_us", lambda: 1_795_914_123_000_001)
    return _calendar.RTC()


@pytest.mark.parametrize(("given", "read", "unix_s"), ROWS)
def test_a_date_becomes_what_the_ports_source_makes_of_it(rtc, given, read, unix_s) -> None:
    rtc.datetime((*given[:3], 0, *given[3:], 0))
    assert rtc.datetime()[:7] == read
    assert _calendar._system_us() // 1_000_000 + FROM_1970_TO_2000_S == unix_s
    rtc.init((*given, 0, 0))
    assert rtc.datetime()[:7] == read, "init has no weekday"


def test_microseconds_pass(rtc, monkeypatch) -> None:
    rtc.datetime((2026, 11, 29, 0, 1, 2, 3, 999_990))
    monkeypatch.setattr(_calendar, "_now_us", lambda: 1_795_914_123_000_021)
    assert rtc.datetime() == (2026, 11, 29, 6, 1, 2, 4, 10)


def test_a_tuple_of_another_length_is_refused_with_the_ports_words(rtc) -> None:
    with pytest.raises(ValueError, match="requested length 8 but object has length 7"):
        rtc.datetime((2026, 11, 29, 0, 1, 2, 3))


def test_the_chips_time_begins_with_the_year_2000() -> None:
    clock = ChipClock()
    assert clock.unix_s() - FROM_1970_TO_2000_S in (0, 1)


YEARS = """
import machine
rtc = machine.RTC()
print("year", rtc.datetime()[0])
if machine.reset_cause() == machine.PWRON_RESET:
    rtc.datetime((2026, 11, 29, 0, 1, 2, 3, 0))
    machine.reset()
"""


def test_a_chip_whose_power_came_wakes_in_2000_and_one_that_was_reset_knows_the_time(tmp_path) -> None:
    locker = SimLocker(BENCH, IDENTITY, tmp_path / "device", firmware=script(tmp_path / "fw", YEARS))

    def years() -> list[str]:
        return [line for line in locker.output() if line.startswith("year")]

    try:
        locker.start()
        locker.wait_for(lambda: len(years()) == 2, 10)
        locker.cut_power()
        locker.start()
        locker.wait_for(lambda: len(years()) == 4, 10)
    finally:
        locker.stop()
    assert years() == ["year 2000", "year 2026"] * 2
