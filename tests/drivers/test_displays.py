"""What both displays owe a reader: the newest text, soon, whatever became of the plug, and without delay."""

import random
from pathlib import Path
from typing import Any

import pytest
from display_kit import display_rig, glass
from driver_rig import VirtualRig

KINDS = ("hd44780", "ssd1306")
# After so many bytes the plug is out: at the start, and in the middle of a character, a command or a text.
CUTS = [("hd44780", after) for after in (0, 1, 2, 3, 7, 14, 29, 31, 60, 131)] + [
    ("ssd1306", after) for after in (0, 1, 5, 8, 9, 20, 33, 34, 60, 400, 1100, 1180)
]
SILENT = ["report", "display does not answer"]
BACK = ["report", "display answers again"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "screen",
    [
        ("Welcome", "Type your code", "", "# when done"),
        ("Bienvenue", "Tapez votre code", "Porte ouverte: 12", "Fermée? Merci, à bientôt"),
        ("Fach 3 ist geöffnet", "Bitte Tür schließen", "Größe: übergroß", "Öffnen Ändern Über"),
        ("12345678901234567890", "abcdefghijklmnopqrst", "ABCDEFGHIJKLMNOPQRST", "!\"#$%&'()*+,-./:;<=>"),
    ],
)
def test_the_glass_shows_what_was_asked_for(tmp_path: Path, kind: str, screen: Any) -> None:
    rig = display_rig(kind, tmp_path, screen)
    rig.run(900)
    assert glass(rig) == [line[:20].rstrip() for line in screen]
    assert rig.cabinet.display.light
    assert_understood(rig)


def assert_understood(rig: VirtualRig) -> None:
    """No instruction came too soon or does not exist."""
    display = rig.cabinet.display
    assert getattr(display, "violations", 0) == getattr(display, "ignored", 0) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_waits_longer_than_3_ms_for_the_display_at_100_khz(tmp_path: Path, kind: str) -> None:
    """Bytes in one write, at nine bits each: between two writes a key or a door has its turn."""
    rig = display_rig(kind, tmp_path, ("12345678901234567890",) * 4, ("éèêëàâçîïôùûÄÖÜÀÉÈÊÇ",) * 4)
    bus, longest = rig.board.i2c(0), [0]
    write = bus.write

    def measured(address: int, data: bytes) -> None:
        longest[0] = max(longest[0], len(data))
        write(address, data)

    bus.write = measured
    rig.run(1900)
    assert glass(rig)[3].startswith("éèêëàâçî")
    assert 0 < (longest[0] + 1) * 9 / 100 <= 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_many_changes_in_a_hurry_end_with_the_last_one(tmp_path: Path, kind: str, seed: int) -> None:
    generator = random.Random(seed)
    alphabet = "abcdeéèàçöüß 0123456789"
    screens = [["".join(generator.choices(alphabet, k=20)) for _ in range(4)] for _ in range(10)]
    rig = display_rig(kind, tmp_path, *screens, seed=seed)
    rig.run(10_500)
    assert glass(rig) == [line.rstrip() for line in screens[-1]]
    assert_understood(rig)


@pytest.mark.parametrize("kind", KINDS)
def test_a_display_that_is_absent_is_told_once_and_shows_the_newest_text_when_it_comes(
    tmp_path: Path, kind: str
) -> None:
    rig = display_rig(kind, tmp_path, ("first",), ("second",))
    rig.cabinet.display.silent = True
    rig.run(20_000)
    assert rig.taken() == [SILENT]
    rig.cabinet.display.power_on()
    rig.cabinet.display.silent = False
    rig.run(6000)
    assert rig.taken() == [BACK]
    assert glass(rig) == ["second", "", "", ""]


@pytest.mark.parametrize(("kind", "after"), CUTS)
def test_a_write_that_is_not_acknowledged_anywhere_leaves_nothing_behind(
    tmp_path: Path, kind: str, after: int
) -> None:
    rig = display_rig(kind, tmp_path, ("first é", "line"), ("second è", "text"))
    rig.cabinet.display.fail_after = after
    rig.run(500)
    rig.cabinet.display.fail_after = None
    rig.run(7_000)
    assert glass(rig) == ["second è", "text", "", ""]
    assert rig.taken() == [SILENT, BACK]


@pytest.mark.parametrize("kind", KINDS)
def test_a_garbled_glass_is_right_again_within_a_minute(tmp_path: Path, kind: str) -> None:
    """A relay nearby, or a dip of the supply that nobody noticed."""
    rig = display_rig(kind, tmp_path, ("Welcome", "Tür 3"))
    rig.run(2000)
    rig.cabinet.display.garble()
    assert glass(rig) != ["Welcome", "Tür 3", "", ""]
    rig.run(61_000)
    assert glass(rig) == ["Welcome", "Tür 3", "", ""]


@pytest.mark.parametrize(("kind", "look_ms"), [("hd44780", 1), ("ssd1306", 5)])
def test_a_refresh_does_not_flicker(tmp_path: Path, kind: str, look_ms: int) -> None:
    rig = display_rig(kind, tmp_path, ("Welcome", "Tür é"))
    rig.run(59_000)
    seen = set()
    for _ in range(1500 // look_ms):
        rig.run(look_ms)
        seen.add(tuple(glass(rig)))
    assert seen == {("Welcome", "Tür é", "", "")}
