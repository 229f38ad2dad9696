"""The character display: exactly the wanted text on the glass, letters with accents included.

What both kinds of display must do stands in ``test_displays.py``.
"""

from consigne.sim.parts.hd44780 import DRAWINGS
from display_kit import display_rig, glass
from locker.drivers import glyphs


def rig_with(tmp_path, *screens, **options):
    return display_rig("hd44780", tmp_path, *screens, **options)


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


def test_a_nibble_that_a_relay_swallowed_is_made_good_within_a_minute(tmp_path):
    rig = rig_with(tmp_path, ("Welcome", "Tür 3"))
    rig.run(2000)
    rig.cabinet.display.lose_nibble()
    rig.run(61_000)
    assert glass(rig) == ["Welcome", "Tür 3", "", ""]
    assert rig.cabinet.display.violations == 0


def test_a_clock_that_goes_on_every_minute_does_not_keep_it_garbled(tmp_path):
    """The text changes just when it would have been looked after."""
    screens = [["Welcome        12:0" + str(minute)] for minute in range(5)]
    rig = rig_with(tmp_path, *screens, screen_ms=60_000)
    rig.run(70_000)
    rig.cabinet.display.garble()
    rig.run(61_000)
    assert glass(rig)[0] == "Welcome        12:02"
