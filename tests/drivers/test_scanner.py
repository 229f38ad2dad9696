"""The scanner: texts whole or not at all, and no customer who reprograms it."""

import pytest
from consigne.sim.parts.gm65 import SetupCode
from driver_rig import CONFIG, VirtualRig
from locker.drivers import gm65

SCAN, GARBLED = 3, 4
ACKNOWLEDGEMENT = bytes.fromhex("02000001003331")

SCANNER = """
from locker.drivers.gm65scanner import Gm65Scanner

part = config["scanner"]
scanner = Gm65Scanner(
    part["uart"], part["tx"], part["rx"], part["baud"], part["terminator"], part["mode"], report
)
asyncio.run(scanner.run(sink))
"""


def rig_with(tmp_path, terminator="\r", mode="continuous", seed=1, baud=9600):
    part = {**CONFIG["scanner"], "terminator": terminator, "mode": mode, "baud": baud}
    return VirtualRig(tmp_path, SCANNER, {**CONFIG, "scanner": part}, seed)


@pytest.fixture
def rig(tmp_path):
    made = rig_with(tmp_path)
    made.run(1000)
    assert made.taken() == []
    return made


def shown(rig, code, wait_ms=500):
    assert rig.cabinet.scanner.show(code)
    rig.run(wait_ms)
    return rig.taken()


@pytest.mark.parametrize("terminator", ["\r", "\r\n", "\t", ""])
@pytest.mark.parametrize("mode", ["continuous", "induction"])
def test_settings_are_written_at_start_and_kept_over_power_cuts(tmp_path, terminator, mode):
    rig = rig_with(tmp_path, terminator, mode)
    rig.run(1000)
    scanner = rig.cabinet.scanner
    assert scanner.refused == 0
    assert scanner.zones[0x0003] == 0x02
    assert scanner.zones[0x0000] & 3 == {"continuous": 2, "induction": 3}[mode]
    assert scanner.zones[0x0000] & 0xFC == 0xD4, "light and beep stay as they were"
    assert shown(rig, "RR123456785FR") == [[SCAN, "RR123456785FR"]]
    scanner.power_off()
    scanner.power_on()
    assert scanner.zones[0x0003] == 0x02


def test_settings_that_are_right_are_not_written_again(rig):
    """The scanner's own flash wears: one write and one save per difference, not per start."""
    scanner = rig.cabinet.scanner
    assert [frame[2] for frame in scanner.commands].count(9) == 1
    scanner.commands.clear()
    rig.reset()
    rig.run(1000)
    assert {frame[2] for frame in scanner.commands} == {7}


def test_a_setup_barcode_changes_nothing(rig):
    scanner = rig.cabinet.scanner
    before = dict(scanner.zones)
    assert shown(rig, SetupCode(0x0000, 0x00)) == []
    assert shown(rig, SetupCode(0x0003, 0x00)) == []
    assert scanner.zones == before
    assert shown(rig, "12345") == [[SCAN, "12345"]]


def test_a_scanner_that_was_swapped_gets_its_settings_within_ten_minutes(rig):
    rig.cabinet.scanner.factory_reset()
    rig.run(600_000 + 2000)
    assert rig.cabinet.scanner.zones[0x0003] == 0x02
    assert rig.taken() == []


@pytest.mark.parametrize("tail", [b"", b"\r", b"\n", b"\r\n", b"\t", b"\n\r\n"])
def test_a_wrong_terminator_does_not_matter(rig, tail):
    rig.cabinet.scanner.tail = tail
    assert shown(rig, "00340434161094042557") == [[SCAN, "00340434161094042557"]]
    assert shown(rig, "JJD000390007982547") == [[SCAN, "JJD000390007982547"]]


def test_an_acknowledgement_before_a_text_is_not_part_of_it(rig):
    rig.cabinet.scanner.raw(ACKNOWLEDGEMENT + b"RR123456785FR\r")
    rig.run(500)
    assert rig.taken() == [[SCAN, "RR123456785FR"]]


def test_an_acknowledgement_behind_a_text_is_not_part_of_it(rig):
    rig.cabinet.scanner.raw(b"RR123456785FR\r" + ACKNOWLEDGEMENT)
    rig.run(500)
    assert rig.taken() == [[SCAN, "RR123456785FR"]]


@pytest.mark.parametrize("cut", range(1, 7))
def test_a_split_acknowledgement_is_taken_out_too(rig, cut):
    rig.cabinet.scanner.raw(ACKNOWLEDGEMENT[:cut])
    rig.run(120)
    rig.cabinet.scanner.raw(ACKNOWLEDGEMENT[cut:] + b"12345\r")
    rig.run(500)
    assert rig.taken() == [[SCAN, "12345"]]


def test_settings_arrive_when_the_scanner_splits_its_answers(tmp_path):
    rig = rig_with(tmp_path)
    rig.cabinet.scanner.split_us = 90_000
    rig.run(3000)
    assert rig.cabinet.scanner.zones[0x0003] == 0x02
    assert rig.taken() == []


def test_a_text_during_the_settings_is_not_lost(tmp_path):
    for seed in range(6):
        (tmp_path / str(seed)).mkdir()
        rig = rig_with(tmp_path / str(seed), seed=seed)
        rig.run(5 + 10 * seed)
        rig.cabinet.scanner.raw(b"RR123456785FR\r")
        rig.run(2000)
        assert rig.taken() == [[SCAN, "RR123456785FR"]]
        assert rig.cabinet.scanner.zones[0x0003] == 0x02


def test_256_characters_are_a_text_and_257_are_not(rig):
    assert shown(rig, "x" * 256, 1000) == [[SCAN, "x" * 256]]
    assert shown(rig, "x" * 257, 1000) == [[GARBLED]]


@pytest.mark.parametrize("payload", ["caf\xe9 12345", "12\x00345", "AB\x1b[2J", "\x7f"])
def test_what_is_not_printable_ascii_is_not_a_text(rig, payload):
    assert shown(rig, payload) == [[GARBLED]]


def test_nothing_is_told_of_a_bare_terminator(rig):
    rig.cabinet.scanner.raw(b"\r\n")
    rig.run(500)
    assert rig.taken() == []


@pytest.mark.parametrize("seed", range(20))
def test_4_kib_of_noise_are_told_once_and_the_next_text_is_taken(tmp_path, seed):
    rig = rig_with(tmp_path, seed=seed)
    rig.run(1000)
    rig.cabinet.scanner.noise(4096)
    rig.run(4096 * 10 / 9600 * 1000 + 1500)
    assert rig.taken() == [[GARBLED]]
    assert shown(rig, "RR123456785FR") == [[SCAN, "RR123456785FR"]]


def test_noise_in_bursts_is_told_once_until_it_has_stopped_for_a_second(rig):
    for _ in range(20):
        rig.cabinet.scanner.raw(b"\x80\xff\x81")
        rig.run(300)
    bad = "scanner garbled: check rate and cable"
    assert rig.taken() == [[GARBLED], ["report", bad]]
    rig.run(1500)
    rig.cabinet.scanner.raw(b"\x80\xff\x81")
    rig.run(300)
    assert rig.taken() == [[GARBLED]]
    assert shown(rig, "12345") == [["report", "scanner is understood again"], [SCAN, "12345"]]


def test_another_baud_rate_is_garbage_and_no_text(tmp_path):
    rig = rig_with(tmp_path, baud=19200)
    rig.cabinet.scanner.baud = 9600
    rig.run(1000)
    rig.cabinet.scanner.raw(b"RR123456785FR\r")
    rig.run(1000)
    assert all(event != [SCAN, "RR123456785FR"] for event in rig.events_seen())


def test_a_scanner_that_does_not_answer_is_told_once_and_its_return_once(tmp_path):
    rig = rig_with(tmp_path)
    rig.cabinet.scanner.silent = True
    rig.run(60_000)
    assert rig.taken() == [["report", "scanner does not answer"]]
    rig.cabinet.scanner.silent = False
    rig.run(6000)
    assert rig.taken() == [["report", "scanner answers again"]]
    assert rig.cabinet.scanner.zones[0x0003] == 0x02


def test_two_texts_in_a_row_are_two(rig):
    rig.cabinet.scanner.raw(b"FIRST123\rSECOND456\r")
    rig.run(500)
    assert rig.taken() == [[SCAN, "FIRST123"], [SCAN, "SECOND456"]]


def test_a_reply_with_a_wrong_checksum_is_garbage_and_no_answer():
    splitter = gm65.Splitter()
    wrong = ACKNOWLEDGEMENT[:-1] + b"\x30"
    splitter.feed(wrong, len(wrong))
    assert splitter.reply is None
    assert splitter.end() == ([], True)


def test_the_frames_are_those_of_the_vendor():
    """Checksums as the maker's manual of the GM65 prints them."""
    assert gm65.save_settings() == bytes.fromhex("7e 00 09 01 00 00 00 de c8")
    assert gm65.crc16(bytes.fromhex("07 01 00 2a 02")) == 0xD80F
    assert gm65.crc16(bytes.fromhex("00 01 00")) == 0x3331
    assert gm65.write_zone(0x0002, 1)[:-2] == bytes.fromhex("7e 00 08 01 00 02 01")
