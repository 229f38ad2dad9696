"""The graphic display: exactly the wanted text in dots, whatever it went through before."""

import json

import pytest
from consigne.sim.parts.hd44780 import DRAWINGS
from driver_rig import CONFIG, VirtualRig
from locker.drivers import dots

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
