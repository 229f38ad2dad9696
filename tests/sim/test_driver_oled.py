"""The graphic display: exactly the wanted text in dots, whatever it went through before."""

import json
import random

import pytest
from consigne.sim.parts.hd44780 import DRAWINGS
from driver_rig import CONFIG, VirtualRig
from locker.drivers import dots
from oled_picture import FILE, picture
from PIL import Image, ImageChops

# Shows what ``screens.json`` holds, a list of screens one second apart, then nothing new.
DISPLAY = """
from locker.drivers.ssd1306 import OledDisplay

part = config["display"]
display = OledDisplay(buses(config["i2c"])[part["i2c"]], part["address"], report)


async def show():
    with open("screens.json") as file:
        for screen in json.load(file):
            display.show(tuple(screen))
            await asyncio.sleep_ms(1000)


async def main():
    asyncio.create_task(show())
    await display.run()


asyncio.run(main())
"""
OLED = {**CONFIG, "display": {"kind": "ssd1306", "i2c": 0, "address": 0x3C}}


def rig_with(tmp_path, *screens, seed=1):
    (tmp_path / "screens.json").write_text(json.dumps(screens), encoding="utf-8")
    return VirtualRig(tmp_path, DISPLAY, OLED, seed)


def glass(rig):
    return [line.rstrip() for line in rig.cabinet.display.lines()]


@pytest.mark.parametrize(
    "screen",
    [
        ("Welcome", "Type your code", "", "# when done"),
        ("Bienvenue à tous", "Tapez votre code", "Porte ouverte: 12", "Fermée? Merci, çà ïra"),
        ("Fach 3 ist geöffnet", "Bitte Tür schließen", "Größe: übergroß", "Öffnen Ändern Über"),
        ("12345678901234567890", "abcdefghijklmnopqrst", "uvwxyzABCDEFGHIJKLMN", "OPQRSTUVWXYZ!\"#$%&'"),
        ("()*+,-./:;<=>?@[\\]^_", "`{|}~ éèêëàâçîïôùûÄÖ", "ÜÀÉÈÊÇäöüßñ°£€→←·", "0"),
    ],
)
def test_the_glass_shows_what_was_asked_for(tmp_path, screen):
    rig = rig_with(tmp_path, screen)
    rig.run(900)
    assert glass(rig) == [line[:20].rstrip() for line in screen]
    assert rig.cabinet.display.light
    assert rig.cabinet.display.ignored == 0


def test_nothing_but_the_text_is_lit(tmp_path):
    """Margins and the rows between cells too: the memory holds anything when the supply comes."""
    rig = rig_with(tmp_path, ("I",))
    rig.run(900)
    lit = {(x, y) for y, row in enumerate(rig.cabinet.display.pixels()) for x, bit in enumerate(row) if bit}
    assert lit and all(4 <= x < 10 and y < 16 for x, y in lit)


def test_noise_after_power_up_is_never_seen(tmp_path):
    rig = rig_with(tmp_path, ("Welcome",))
    rig.run_until(lambda: rig.cabinet.display.light, 1000)
    first = glass(rig)
    assert "Welcome".startswith(first[0]) and first[1:] == ["", "", ""], first
    rig.run(300)
    assert glass(rig)[0] == "Welcome"


def test_accents_look_as_on_the_other_display():
    letters = dict(DRAWINGS.items())
    drawn = {char: rows for rows, char in letters.items()}
    for char in "éèêëàâçîïôùûÄÖÜÀÉÈÊ":
        columns = [dots.column(dots.code(char), x) for x in range(5)]
        rows = bytes(sum((columns[x] >> y & 1) << 4 - x for x in range(5)) for y in range(8))
        assert rows == drawn[char], char


def test_no_two_characters_of_a_code_or_label_look_alike():
    """A dot or two apart is read wrong from a metre."""
    characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ#*"
    patterns = {c: bytes(dots.column(dots.code(c), x) for x in range(5)) for c in characters}
    close = {
        left + right
        for left in patterns
        for right in patterns
        if left < right
        and sum((a ^ b).bit_count() for a, b in zip(patterns[left], patterns[right], strict=True)) < 3
    }
    assert close == {"CG", "OQ", "PR", "DO", "EF"} & close, close


def test_what_has_no_dots_is_replaced_and_never_shifts_the_line(tmp_path):
    rig = rig_with(tmp_path, ("l\u2019été \u2013 5 \u20ac", "日本語x", "Ω"))
    rig.run(900)
    assert glass(rig) == ["l'été - 5 €", "???x", "?", ""]


def data_bytes(rig):
    return rig.cabinet.display.data_bytes


def test_only_changed_characters_are_written(tmp_path):
    rig = rig_with(tmp_path, ("Code: ****", "", "", "# when done"), ("Code: *****", "", "", "# when done"))
    rig.run(900)
    written = data_bytes(rig)
    rig.run(1000)
    assert glass(rig)[0] == "Code: *****"
    assert data_bytes(rig) - written == 12, "six columns of two pages"


def test_nobody_waits_longer_than_3_ms_for_the_display_at_100_khz(tmp_path):
    """Bytes in one write, at nine bits each; between two writes a key or a door has its turn."""
    rig = rig_with(tmp_path, ("12345678901234567890",) * 4, ("éèêëàâçîïôùûÄÖÜÀÉÈÊÇ",) * 4)
    bus, longest = rig.board.i2c(0), [0]
    write = bus.write

    def measured(address, data):
        longest[0] = max(longest[0], len(data))
        write(address, data)

    bus.write = measured
    rig.run(1900)
    assert glass(rig)[3].startswith("éèêëàâçî")
    assert 0 < (longest[0] + 1) * 9 / 100 <= 3


@pytest.mark.parametrize("seed", range(3))
def test_many_changes_in_a_hurry_end_with_the_last_one(tmp_path, seed):
    generator = random.Random(seed)
    alphabet = "abcdeéèàçöüß 0123456789"
    screens = [["".join(generator.choices(alphabet, k=20)) for _ in range(4)] for _ in range(8)]
    rig = rig_with(tmp_path, *screens, seed=seed)
    rig.run(8_500)
    assert glass(rig) == [line.rstrip() for line in screens[-1]]


def test_a_display_that_is_absent_at_boot_is_told_once_and_shows_the_newest_text_when_it_comes(tmp_path):
    rig = rig_with(tmp_path, ("first",), ("second",))
    rig.cabinet.display.silent = True
    rig.run(20_000)
    assert rig.taken() == [["report", "display does not answer"]]
    rig.cabinet.display.power_on()
    rig.cabinet.display.silent = False
    rig.run(6000)
    assert rig.taken() == [["report", "display answers again"]]
    assert glass(rig) == ["second", "", "", ""]


@pytest.mark.parametrize("after", [0, 1, 5, 8, 9, 20, 33, 34, 60, 400, 1100, 1180])
def test_a_write_that_is_not_acknowledged_anywhere_leaves_nothing_behind(tmp_path, after):
    """After so many bytes the plug is out for a moment, at the start or in the middle of a text."""
    rig = rig_with(tmp_path, ("first é", "line"), ("second è", "text"))
    rig.cabinet.display.fail_after = after
    rig.run(500)
    rig.cabinet.display.fail_after = None
    rig.run(7_000)
    assert glass(rig) == ["second è", "text", "", ""]
    assert rig.taken() == [["report", "display does not answer"], ["report", "display answers again"]]


def test_a_display_that_lost_its_supply_unnoticed_is_right_again_within_a_minute(tmp_path):
    rig = rig_with(tmp_path, ("Welcome", "Tür 3"))
    rig.run(2000)
    rig.cabinet.display.garble()
    assert glass(rig) != ["Welcome", "Tür 3", "", ""]
    rig.run(61_000)
    assert glass(rig) == ["Welcome", "Tür 3", "", ""]


def test_a_refresh_does_not_flicker(tmp_path):
    rig = rig_with(tmp_path, ("Welcome", "Tür é"))
    rig.run(59_000)
    seen = set()
    for _ in range(300):
        rig.run(5)
        seen.add(tuple(glass(rig)))
    assert seen == {("Welcome", "Tür é", "", "")}


def test_what_stands_there_for_minutes_is_dimmed_and_the_next_text_is_bright_at_once(tmp_path):
    rig = rig_with_pause(tmp_path)
    rig.run(2000)
    bright = rig.cabinet.display.contrast
    rig.run(100_000)
    assert rig.cabinet.display.contrast == bright
    rig.run(80_000)
    assert rig.cabinet.display.contrast < bright / 4
    rig.run(100_000)
    assert rig.cabinet.display.contrast < bright / 4, "a clock that goes on is no reason"
    rig.run(20_000)
    assert glass(rig)[0] == "next" and rig.cabinet.display.contrast == bright


def test_nothing_stands_there_before_there_is_anything_to_show(tmp_path):
    program = DISPLAY.replace("for screen in json.load(file):", "for screen in ():")
    (tmp_path / "screens.json").write_text("[]", encoding="utf-8")
    rig = VirtualRig(tmp_path, program, OLED, 1)
    rig.run(2000)
    assert rig.cabinet.display.light and glass(rig) == ["", "", "", ""]


def rig_with_pause(tmp_path):
    """Shows a text with a clock that goes on every minute, and another text after five."""
    program = DISPLAY.replace("sleep_ms(1000)", "sleep_ms(60_000)")
    screens = [["Welcome        12:0" + str(minute)] for minute in range(5)] + [["next"]]
    (tmp_path / "screens.json").write_text(json.dumps(screens), encoding="utf-8")
    return VirtualRig(tmp_path, program, OLED, 1)


def test_the_panel_is_dark_without_its_charge_pump_and_upside_down_without_its_mirrors(tmp_path):
    """The model's own: a driver that forgot one of them must not pass."""
    rig = rig_with(tmp_path, ("Welcome",))
    rig.run(900)
    display = rig.cabinet.display
    for command, is_read in _COMMANDS:
        display.write(command)
        assert (glass(rig)[0] == "Welcome") is is_read, command.hex()


_COMMANDS = (
    (b"\x00\x8d\x10", False), (b"\x00\x8d\x14", True), (b"\x00\xc0", False), (b"\x00\xc8", True),
    (b"\x00\xa7", False), (b"\x00\xa6", True), (b"\x00\xd3\x04", False), (b"\x00\xd3\x00", True),
    (b"\x00\xda\x02", False), (b"\x00\xda\x12", True), (b"\x00\x2f", False), (b"\x00\x2e", True),
    (b"\x00\xa8\x1f", True), (b"\x00\xae", False),
)  # fmt: skip


def test_the_picture_in_the_manual_is_what_lights_up(tmp_path):
    with Image.open(FILE) as drawn:
        difference = ImageChops.difference(drawn.convert("L"), picture(rig_with, tmp_path))
    assert difference.getbbox() is None, "draw it anew: python tests/sim/oled_picture.py"
