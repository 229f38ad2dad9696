"""Scanners that are no GM65: the MH-ET module, and any that only speaks."""

import pytest
from consigne.sim.parts.scanners import SetupCode
from driver_rig import CONFIG, VirtualRig
from locker.drivers import mhet

SCAN, GARBLED = 3, 4
BAD = ["report", "scanner garbled: check rate and cable"]
GOOD = ["report", "scanner is understood again"]

SCANNER = """
from locker.panel import _scanner

asyncio.run(_scanner(config["scanner"], report).run(sink))
"""


def rig_with(tmp_path, kind, seed=1, **more):
    part = {"kind": kind, "uart": 2, "tx": 17, "rx": 16, "baud": 9600, **more}
    return VirtualRig(tmp_path, SCANNER, {**CONFIG, "scanner": part}, seed)


@pytest.fixture
def line(tmp_path):
    rig = rig_with(tmp_path, "line", terminator="\r")
    rig.run(1000)
    return rig


@pytest.fixture
def module(tmp_path):
    rig = rig_with(tmp_path, "mhet")
    rig.run(3000)
    assert rig.taken() == []
    return rig


def shown(rig, code, wait_ms=500):
    assert rig.cabinet.scanner.show(code)
    rig.run(wait_ms)
    return rig.taken()


# --- any scanner that only speaks ---------------------------------------------------------------------


@pytest.mark.parametrize("baud", [1200, 9600, 115_200])
@pytest.mark.parametrize("tail", [b"\r", b"\r\n", b"\t"])
def test_texts_are_taken_at_any_rate_and_with_any_terminator(tmp_path, baud, tail):
    rig = rig_with(tmp_path, "line", baud=baud, terminator="\r")
    rig.cabinet.scanner.tail = tail
    rig.run(1000)
    assert shown(rig, "RR123456785FR") == [[SCAN, "RR123456785FR"]]
    rig.run(1000)
    assert shown(rig, "JJD000390007982547") == [[SCAN, "JJD000390007982547"]]


def test_a_text_that_was_cut_off_is_not_half_a_parcel_number(line):
    line.cabinet.scanner.keep = 9
    assert shown(line, "JJD000390007982547") == [[GARBLED]]
    line.cabinet.scanner.keep = None
    line.run(1500)
    assert shown(line, "JJD000390007982547") == [[SCAN, "JJD000390007982547"]]


def test_without_a_terminator_the_pause_ends_a_text_when_the_configuration_says_so(tmp_path):
    rig = rig_with(tmp_path, "line", terminator="")
    rig.run(500)
    assert shown(rig, "12345678") == [[SCAN, "12345678"]]


def test_a_code_that_is_held_there_and_read_again_and_again_counts_once(line):
    line.cabinet.scanner.times = 3
    assert shown(line, "12345678") == [[SCAN, "12345678"]]
    line.cabinet.scanner.times = 1
    for _ in range(6):
        assert shown(line, "12345678") == []
    line.run(1500)
    assert shown(line, "12345678") == [[SCAN, "12345678"]]


def test_another_code_in_between_makes_it_count_again(line):
    codes = ("11111111", "22222222", "11111111")
    assert [shown(line, code) for code in codes] == [[[SCAN, code]] for code in codes]


def test_a_code_counts_again_after_the_ticks_have_wrapped(line):
    """Twelve days later, when a difference of ticks has turned negative."""
    assert shown(line, "12345678") == [[SCAN, "12345678"]]
    for _ in range(7 * 24):
        line.run(3_600_000)
    assert shown(line, "12345678") == [[SCAN, "12345678"]]


def test_a_wrong_rate_is_told_after_a_few_codes_and_when_it_is_right_again(line):
    line.cabinet.scanner.baud = 19_200
    told = [event for _ in range(8) for event in shown(line, "RR123456785FR", 1500)]
    assert all(event in ([GARBLED], BAD) for event in told)
    assert told.count(BAD) == 1
    line.cabinet.scanner.baud = 9600
    assert shown(line, "RR123456785FR") == [GOOD, [SCAN, "RR123456785FR"]]


def test_a_setup_barcode_reaches_a_scanner_that_cannot_be_told_anything(line):
    """What is left then is to tell the operator; see ``hardware/ASSEMBLY.md``."""
    line.cabinet.scanner.show(SetupCode("baud 115200"))
    told = [event for _ in range(8) for event in shown(line, "RR123456785FR", 1500)]
    assert BAD in told and [SCAN, "RR123456785FR"] not in told


def test_nothing_is_ever_sent_to_it(line):
    sent = []
    line.cabinet.scanner.uart.on_bytes(sent.append)
    line.run(700_000)
    assert sent == []


@pytest.mark.parametrize("seed", range(5))
def test_binary_garbage_is_told_once_and_the_next_text_is_taken(tmp_path, seed):
    rig = rig_with(tmp_path, "line", seed, terminator="\r")
    rig.run(500)
    rig.cabinet.scanner.noise(2048)
    rig.run(4000)
    assert rig.taken() == [[GARBLED]]
    assert shown(rig, "12345678") == [[SCAN, "12345678"]]


# --- the MH-ET module ---------------------------------------------------------------------------------


def test_settings_are_written_at_start_saved_and_closed_again(module):
    scanner = module.cabinet.scanner
    assert scanner.options["0021"] == "0001" and scanner.options["0091"] == "0000"
    scanner.power_off()
    scanner.power_on()
    assert scanner.options["0021"] == "0001"
    assert shown(module, "RR123456785FR") == [[SCAN, "RR123456785FR"]]


def test_settings_that_are_right_are_not_written_again(module):
    module.cabinet.scanner.commands.clear()
    module.reset()
    module.run(2000)
    assert set(module.cabinet.scanner.commands) == {"~Q0021", "~Q0091"}


@pytest.mark.parametrize("attack", [
    ("~M00910001.", "~M00210000."),  # into the setup mode, then deaf
    ("~M00910001.",),
    ("~M00910001.", "~M00210003.", "~MA5F0506A.", "~M00910000."),
])  # fmt: skip
def test_a_setup_barcode_is_undone_within_a_minute_and_told(module, attack):
    scanner = module.cabinet.scanner
    for command in attack:
        scanner.show(SetupCode(command))
    module.run(62_000)
    assert scanner.options["0021"] == "0001" and scanner.options["0091"] == "0000"
    assert ["report", "scanner settings had been changed"] in module.taken()
    scanner.power_off()
    scanner.power_on()
    assert shown(module, "12345678") == [[SCAN, "12345678"]]


def test_a_rate_changed_by_a_barcode_is_told_as_a_scanner_that_does_not_answer(module):
    module.cabinet.scanner.show(SetupCode("baud 115200"))
    module.run(90_000)
    assert ["report", "scanner does not answer"] in module.taken()
    module.cabinet.scanner.baud = 9600
    module.run(10_000)
    assert ["report", "scanner answers again"] in module.taken()


def test_a_module_that_may_be_asked_in_its_setup_mode_only_is_set_up_too_and_rarely_saves(tmp_path):
    rig = rig_with(tmp_path, "mhet")
    scanner = rig.cabinet.scanner
    scanner.asks_in_setup = True
    rig.run(3000)
    assert scanner.options["0021"] == "0001" and scanner.options["0091"] == "0000"
    scanner.show(SetupCode("~M00910001."))
    scanner.show(SetupCode("~M00210000."))
    rig.run(300_000)
    assert scanner.options["0021"] == "0001" and scanner.options["0091"] == "0000"
    assert scanner.commands.count("~MA5F0506A") == 2, "at the start, and after the attack"
    rig.run(3_600_000)
    assert scanner.commands.count("~MA5F0506A") == 2
    assert rig.taken() == [["report", "scanner settings had been changed"]]
    assert shown(rig, "12345678") == [[SCAN, "12345678"]]


def test_a_swapped_module_gets_its_settings_and_that_is_told(module):
    module.cabinet.scanner.factory_reset()
    module.run(62_000)
    assert module.cabinet.scanner.options["0021"] == "0001"
    assert module.taken() == [["report", "scanner settings had been changed"]]


@pytest.mark.parametrize("split_us", [20_000, 90_000, 150_000])
def test_an_answer_with_a_pause_in_it_is_no_text(tmp_path, split_us):
    rig = rig_with(tmp_path, "mhet")
    rig.cabinet.scanner.split_us = split_us
    rig.run(200_000)
    assert rig.taken() == []
    assert rig.cabinet.scanner.options["0021"] == "0001"


def test_half_an_answer_is_garbage_and_never_a_code(module):
    """Eight digits of an option and its value would be a guess at somebody's code."""
    module.cabinet.scanner.split_us = 700_000
    module.run(200_000)
    assert all(event[0] != SCAN for event in module.taken())


def test_a_text_just_before_an_answer_is_taken_and_the_answer_is_not_part_of_it():
    splitter = mhet.Splitter()
    splitter.asked, splitter.reply = mhet.OPTION_MODE, None
    heard = b"RR123456785FR00210001\x06"
    splitter.feed(heard, len(heard))
    assert splitter.reply == 1
    assert splitter.end() == (["RR123456785FR"], False)


@pytest.mark.parametrize("heard", [b"\x15", b"\x05", b"0022000\x06", b"00220001\x06", b"0021x001\x06"])
def test_an_answer_to_something_else_is_none(heard):
    splitter = mhet.Splitter()
    splitter.asked, splitter.reply = mhet.OPTION_MODE, None
    splitter.feed(heard, len(heard))
    assert splitter.reply == -2


def test_an_answer_nobody_waits_for_is_garbage(module):
    module.cabinet.scanner.raw(b"\x06")
    module.run(500)
    assert module.taken() == [[GARBLED]]


def test_a_text_is_taken_although_the_module_does_not_answer(tmp_path):
    rig = rig_with(tmp_path, "mhet")
    rig.run(5000)
    rig.cabinet.scanner._hear = lambda data: None
    rig.cabinet.scanner.uart._watchers.clear()
    assert shown(rig, "12345678") == [[SCAN, "12345678"]]
