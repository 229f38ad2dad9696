"""Kinds of service and of panel parts in a cabinet file: read as a person writes them, or told why not."""

from pathlib import Path

import pytest
from consigne.cabinet import schema
from consigne.cabinet.compiler import compile_cabinet
from consigne.cabinet.rules.service import week
from consigne.cabinet.schema import REQUIRED, TABLES, VARIANTS
from file_kit import GOOD, changed, opened, problems
from locker.configpanel import KINDS
from locker.core import services
from locker.site import SERVICES

# Each kind as a cabinet file says it, in the place of the usual one.
WIEGAND = '[keypad]\nkind = "wiegand"\nd0 = 26\nd1 = 27\n'
MHET = '[scanner]\nkind = "mhet"\nuart = 2\ntx = 14\nrx = 39\n'
LINE = '[scanner]\nkind = "line"\nuart = 2\ntx = 14\nrx = 39\nbaud = 115200\n'
OLED = '[display]\nkind = "ssd1306"\n'


def _with(part: str) -> str:
    """The good file with one of its tables in this form."""
    head = part.splitlines()[0]
    before, _, rest = GOOD.partition(head + "\n")
    after = rest.find("\n[")
    return before + part + rest[after:]


@pytest.mark.parametrize("part", [WIEGAND, MHET, LINE, OLED])
def test_every_kind_of_the_panel_compiles_to_what_the_firmware_takes(part: str, tmp_path: Path) -> None:
    config, warnings = compile_cabinet(opened(tmp_path, _with(part)))
    name, kind = part[1 : part.index("]")], part.split('"')[1]
    assert config[name]["kind"] == kind
    assert config[name].keys() <= KINDS[name][kind].keys()
    assert [str(warning) for warning in warnings] == []


WIRING_ALONE = {("display", "hd44780"): {"volts", "shifter"}}
"""Keys that say how a part is wired and that the firmware has no use for."""


def test_file_and_firmware_have_the_same_kinds_with_the_same_keys() -> None:
    for name in ("keypad", "scanner", "display"):
        kinds = {TABLES[name]["kind"].default: TABLES[name], **VARIANTS[name]}
        assert set(TABLES[name]["kind"].choices) == set(KINDS[name]) == set(kinds)
        for kind, table in kinds.items():
            wiring = WIRING_ALONE.get((name, kind), set())
            assert table.keys() - wiring == KINDS[name][kind].keys() and wiring <= table.keys(), kind
            for key, field in table.items():
                if key in wiring:
                    continue
                default = KINDS[name][kind][key][3]
                assert key == "kind" or field.default is REQUIRED or default in (None, field.default), key


@pytest.mark.parametrize(("part", "old", "new", "key", "says"), [
    (WIEGAND, "d0 = 26", "d0 = 34", "keypad.d0", "no pull-up"),
    (WIEGAND, "d1 = 27", "d1 = 25", "keypad.d1", "is used already by locks.arm_pin"),
    (WIEGAND, "d0 = 26", "d0 = 12", "keypad.d0", "must be low while the chip starts"),
    (WIEGAND, "d0 = 26\n", "", "keypad", "key 'd0' is missing"),
    (WIEGAND, "d0 = 26", 'd0 = "26"', "keypad.d0", "expected a whole number"),
    (WIEGAND, "d0 = 26", "d0 = 26\nbits = 6", "keypad.bits", "6 is not known"),
    (WIEGAND, "d0 = 26", "d0 = 26\ngap_ms = 10", "keypad.gap_ms", "allowed are 21 to 100"),
    (WIEGAND, "d0 = 26", "d0 = 26\nrows = [4]", "keypad.rows", "unknown key 'rows'"),
    (MHET, "uart = 2", 'uart = 2\nterminator = "x"', "scanner.terminator", "unknown key"),
    (MHET, "uart = 2", "uart = 1", "rs485[0].uart", "UART 1 is used already by scanner.uart"),
    (LINE, "baud = 115200", "baud = 300", "scanner.baud", "allowed are 1200"),
    (OLED, "kind", "address = 0x27\nkind", "display.address", "allowed are 60 to 61"),
    (OLED, '"ssd1306"', '"ssd1307"', "display.kind", "not known"),
])  # fmt: skip
def test_what_is_wrong_with_a_kind_is_told_at_its_key(
    part: str, old: str, new: str, key: str, says: str, tmp_path: Path
) -> None:
    found = [str(problem) for problem in problems(tmp_path, _with(part.replace(old, new)))]
    assert any(f": {key}: " in text and says in text for text in found), found


def test_two_parts_at_the_address_of_the_display_are_told(tmp_path: Path) -> None:
    text = _with(OLED + "address = 0x3c\n").replace("address = 0x20", "address = 0x3c")
    found = [str(problem) for problem in problems(tmp_path, text)]
    assert any("0x3c of bus 0 is taken by expander[0]" in text for text in found), found


def test_every_service_of_the_file_is_one_of_the_firmware() -> None:
    assert schema.SITE["service"].choices == SERVICES
    others = services.KINDS.keys()
    assert {"locker", *others} == set(schema.SITE["service"].choices)


def test_hours_reach_the_firmware_day_by_day(tmp_path: Path) -> None:
    text = changed("format = 1", 'format = 1\nservice = "seller"\nhours = "1-5 08:00-19:30, 6 9:00-13:00"')
    config, _ = compile_cabinet(opened(tmp_path, text))
    assert config["service"] == "seller"
    assert config["hours"] == [(480, 1170)] * 5 + [(540, 780), (0, 0)]


def test_without_hours_and_service_the_device_file_says_nothing_of_them(tmp_path: Path) -> None:
    config, _ = compile_cabinet(opened(tmp_path, GOOD))
    assert "hours" not in config and "service" not in config


@pytest.mark.parametrize("wrong", [
    "daily", "1-5 8-19", "1-5 08:00", "0 08:00-09:00", "5-1 08:00-09:00", "1 19:00-08:00", "1 08:60-09:00",
    "1 08:00-24:30", "1 08:00-12:00, 1 14:00-18:00", "1-5 08:00-19:30;", "1-5 08:00-19:30,",
])  # fmt: skip
def test_hours_that_nobody_could_keep_are_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"is not like|ends before|has hours already"):
        week(wrong)


def test_a_shop_that_never_closes_at_midnight_may_say_so() -> None:
    assert week("1-7 00:00-24:00") == [(0, 1440)] * 7


def test_a_locker_with_hours_is_told_that_it_has_none(tmp_path: Path) -> None:
    text = changed("format = 1", 'format = 1\nhours = "1-5 08:00-19:30"')
    assert any("open day and night" in str(problem) for problem in problems(tmp_path, text))
