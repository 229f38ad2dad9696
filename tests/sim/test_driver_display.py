"""The display: exactly the wanted text on the glass, letters with accents included."""

import json
import random

import pytest
from consigne.sim.parts.hd44780 import DRAWINGS
from driver_rig import VirtualRig
from locker.drivers import glyphs

# Shows what the file ``lines.json`` holds, a list of screens one second apart, then nothing new.
DISPLAY = """
from locker.drivers.display import CharacterDisplay

part = config["display"]
bus = buses(config["i2c"])[part["i2c"]]
display = CharacterDisplay(bus, part["address"], part["columns"], part["rows"], report)


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


def rig_with(tmp_path, *screens):
    (tmp_path / "screens.json").write_text(json.dumps(screens), encoding="utf-8")
    return VirtualRig(tmp_path, DISPLAY)


def glass(rig):
    return [line.rstrip() for line in rig.cabinet.display.lines()]


@pytest.mark.parametrize(
    "screen",
    [
        ("Welcome", "Type your code", "", "# when done"),
        ("Bienvenue", "Tapez votre code", "Porte ouverte: 12", "Fermée? Merci, à bientôt"),
        ("Fach 3 ist geöffnet", "Bitte Tür schließen", "Größe: übergroß", "Öffnen Ändern Über"),
        ("12345678901234567890", "abcdefghijklmnopqrst", "ABCDEFGHIJKLMNOPQRST", "!\"#$%&'()*+,-./:;<=>"),
    ],
)
def test_the_glass_shows_what_was_asked_for(tmp_path, screen):
    rig = rig_with(tmp_path, screen)
    rig.run(900)
    assert glass(rig) == [line[:20].rstrip() for line in screen]
    assert rig.cabinet.display.light
    assert rig.cabinet.display.violations == 0


def test_every_drawn_letter_looks_like_itself():
    drawn = [char for char in "éèêëàâçîïôùûÄÖÜÀÉÈÊÇ" if DRAWINGS.get(glyphs.bitmap(char)) != char]
    assert drawn == []


def test_a_ninth_accent_on_one_screen_is_a_plain_letter(tmp_path):
    rig = rig_with(tmp_path, ("éèêëàâçî", "ôùû", "äöüß", "é"))
    rig.run(900)
    assert glass(rig) == ["éèêëàâçî", "ouu", "äöüß", "é"]


def test_what_no_display_has_is_replaced_and_never_shifts_the_line(tmp_path):
    rig = rig_with(tmp_path, ("l\u2019été \u2013 5 \u20ac", "a\\b~c", "日本語x", "Ω"))
    rig.run(900)
    assert glass(rig) == ["l'été - 5 E", "a/b-c", "???x", "?"]


def test_letters_drawn_for_one_screen_make_room_for_the_next(tmp_path):
    rig = rig_with(tmp_path, ("éèêëàâçî", "", "", ""), ("ôùûÄÖÜÀÉ", "", "", ""), ("ÈÊÇé", "", "", ""))
    for wanted in ("éèêëàâçî", "ôùûÄÖÜÀÉ", "ÈÊÇé"):
        rig.run(950)
        assert glass(rig)[0] == wanted
        rig.run(50)


def test_only_changed_characters_are_written(tmp_path):
    rig = rig_with(tmp_path, ("Code: ****", "", "", "# when done"), ("Code: *****", "", "", "# when done"))
    rig.run(900)
    written = rig.cabinet.display.characters
    rig.run(1000)
    assert glass(rig)[0] == "Code: *****"
    assert rig.cabinet.display.characters - written == 1


def test_nobody_waits_longer_than_3_ms_for_the_display_at_100_khz(tmp_path):
    """Bytes in one write, at nine bits each: a key is scanned between two writes."""
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


@pytest.mark.parametrize("seed", range(5))
def test_many_changes_in_a_hurry_end_with_the_last_one(tmp_path, seed):
    generator = random.Random(seed)
    alphabet = "abcdeéèàçöüß 0123456789"
    screens = [["".join(generator.choices(alphabet, k=20)) for _ in range(4)] for _ in range(12)]
    rig = rig_with(tmp_path, *screens)
    rig.run(12_500)
    assert glass(rig) == [line.rstrip() for line in screens[-1]]
    assert rig.cabinet.display.violations == 0


def test_a_display_that_does_not_answer_is_told_once_and_shows_the_newest_text_when_it_is_back(tmp_path):
    rig = rig_with(tmp_path, ("first",), ("second",))
    rig.cabinet.display.silent = True
    rig.run(20_000)
    assert rig.taken() == [["report", "display does not answer"]]
    rig.cabinet.display.silent = False
    rig.run(6000)
    assert rig.taken() == [["report", "display answers again"]]
    assert glass(rig)[0] == "second"


@pytest.mark.parametrize("after", [0, 1, 2, 3, 7, 14, 29, 31, 60, 131])
def test_a_write_that_is_not_acknowledged_anywhere_leaves_nothing_behind(tmp_path, after):
    """Also in the middle of a character, between its two halves."""
    rig = rig_with(tmp_path, ("first é", "line"), ("second è", "text"))
    rig.cabinet.display.fail_after = after
    rig.run(500)
    rig.cabinet.display.fail_after = None
    rig.run(7_000)
    assert glass(rig) == ["second è", "text", "", ""]
    assert rig.taken() == [["report", "display does not answer"], ["report", "display answers again"]]


def test_a_display_unplugged_while_it_is_being_written_recovers(tmp_path):
    rig = rig_with(tmp_path, ("first é",), ("second è",))
    rig.run(1001)
    rig.cabinet.display.silent = True
    rig.cabinet.display.power_off()
    rig.run(5)
    rig.cabinet.display.power_on()
    rig.cabinet.display.silent = False
    rig.run(66_000)
    assert glass(rig)[0] == "second è"


def test_a_garbled_glass_is_right_again_within_a_minute(tmp_path):
    rig = rig_with(tmp_path, ("Welcome", "Tür 3"))
    rig.run(2000)
    rig.cabinet.display.garble()
    assert glass(rig)[0] != "Welcome"
    rig.run(61_000)
    assert glass(rig) == ["Welcome", "Tür 3", "", ""]
    rig.cabinet.display.lose_nibble()
    rig.run(61_000)
    assert glass(rig) == ["Welcome", "Tür 3", "", ""]
    assert rig.cabinet.display.violations == 0


def test_a_clock_that_goes_on_every_minute_does_not_keep_it_garbled(tmp_path):
    """The text changes just when it would have been looked after."""
    program = DISPLAY.replace("sleep_ms(1000)", "sleep_ms(60_000)")
    screens = [["Welcome        12:0" + str(minute)] for minute in range(5)]
    (tmp_path / "screens.json").write_text(json.dumps(screens), encoding="utf-8")
    rig = VirtualRig(tmp_path, program)
    rig.run(70_000)
    rig.cabinet.display.garble()
    rig.run(61_000)
    assert glass(rig)[0] == "Welcome        12:02"


def test_a_refresh_does_not_flicker(tmp_path):
    rig = rig_with(tmp_path, ("Welcome", "Tür é"))
    rig.run(59_000)
    seen = set()
    for _ in range(4000):
        rig.run(1)
        seen.add(tuple(glass(rig)))
    assert seen == {("Welcome", "Tür é", "", "")}
