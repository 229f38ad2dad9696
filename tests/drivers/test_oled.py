"""The graphic display: exactly the wanted text in dots, whatever it went through before.

What both kinds of display must do stands in ``test_displays.py``.
"""

import pytest
from consigne.sim.parts.hd44780 import DRAWINGS
from display_kit import display_rig, glass
from locker.drivers import dots
from oled_picture import FILE, picture
from PIL import Image, ImageChops


def rig_with(tmp_path, *screens, **options):
    return display_rig("ssd1306", tmp_path, *screens, **options)


@pytest.mark.parametrize(
    "screen",
    [
        ("12345678901234567890", "abcdefghijklmnopqrst", "uvwxyzABCDEFGHIJKLMN", "OPQRSTUVWXYZ!\"#$%&'"),
        ("()*+,-./:;<=>?@[\\]^_", "`{|}~ éèêëàâçîïôùûÄÖ", "ÜÀÉÈÊÇäöüßñ°£€→←·", "0"),
    ],
)
def test_every_character_that_has_dots_is_shown(tmp_path, screen):
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
    rig = rig_with(tmp_path)
    rig.run(2000)
    assert rig.cabinet.display.light and glass(rig) == ["", "", "", ""]


def rig_with_pause(tmp_path):
    """Shows a text with a clock that goes on every minute, and another text after five."""
    screens = [["Welcome        12:0" + str(minute)] for minute in range(5)] + [["next"]]
    return rig_with(tmp_path, *screens, screen_ms=60_000)


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
    assert difference.getbbox() is None, "draw it anew: python tests/drivers/oled_picture.py"
