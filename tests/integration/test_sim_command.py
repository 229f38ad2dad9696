"""``consigne sim``: steps in, what the cabinet did out."""

import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from consigne.cabinet.newfile import new_file
from consigne.cabinet.profiles import profiles
from consigne.sim import reference
from lab.bench import cabinets

CONSIGNE = str(Path(sys.executable).with_name("consigne"))
ERRAND = (
    "--keys", "{courier}#", "--scan", "RR123456785FR", "--keys", "2", "--shut", "open", "--keys", "#",
    "--keys", "{RR123456785FR}#", "--shut", "open",
)  # fmt: skip


def sim(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CONSIGNE, "sim", *arguments], capture_output=True, check=False, text=True, timeout=600
    )


def in_order(output: str, *wanted: str) -> None:
    """Every one of ``wanted`` stands in a line after that of the one before."""
    lines = iter(output.splitlines())
    for text in wanted:
        assert any(text in line for line in lines), f"no {text!r} in its place in\n{output}"


def test_a_parcels_whole_errand_is_told_in_virtual_time() -> None:
    done = sim("--ground", "virtual", *ERRAND)
    assert done.returncode == 0, done.stderr
    in_order(
        done.stdout,
        "accepted action deposit, holder 7, ref 0, role courier, via at the keypad",
        "relay    3 on",
        "door     3 springs open",
        "door     3 pushed shut",
        "deposited door 3",
        "display  Compartment 3 | Take your parcel and",
        "collected door 3",
    )


def test_the_same_errand_on_micropython_ends_the_same() -> None:
    done = sim(*ERRAND)
    assert done.returncode == 0, done.stderr
    in_order(done.stdout, "relay    3 on", "deposited", "door     3 springs open", "collected")


def test_power_cut_with_the_door_open_is_survived() -> None:
    steps = (*ERRAND[:6], "--shut", "open", "--keys", "#", "--keys", "{RR123456785FR}#")
    done = sim(
        "--ground", "virtual", *steps, "--power", "off", "--power", "on", "--shut", "open", "--wait", "30"
    )
    assert done.returncode == 0, done.stderr
    in_order(done.stdout, "deposited", "power    off", "journal: clean", "pushed shut", "collected")


def test_a_door_that_does_not_exist_is_named_before_anything_starts() -> None:
    for step in ("--shut", "--pry"):
        done = sim("--keys", "1", step, "99")
        assert done.returncode == 2 and done.stdout == ""
        assert "there is no door 99: they are 1 to 12" in done.stderr


def test_a_refusal_says_why_in_words() -> None:
    done = sim("--ground", "virtual", "--keys", "90210417#")
    in_order(done.stdout, "refused reason wrong, via at the keypad", "known here")


def test_a_ground_that_is_none_is_told_with_those_there_are() -> None:
    done = sim("--ground", "moon", "--keys", "1")
    assert done.returncode == 2
    assert "'moon' is not one of" in done.stderr and "Value error" not in done.stderr


def test_the_clock_on_the_virtual_ground_is_that_of_the_place() -> None:
    def minutes() -> int:
        local = datetime.now(ZoneInfo(reference.TIMEZONE))
        return 60 * local.hour + local.minute

    before = minutes()
    shown = re.findall(r"display .* (\d\d):(\d\d) \|", sim("--ground", "virtual", "--wait", "1").stdout)
    hours, minute = shown[-1]
    assert (60 * int(hours) + int(minute) - before) % 1440 <= (minutes() - before) % 1440 + 1


def test_a_misspelt_step_is_named() -> None:
    done = sim("--key", "1")
    assert done.returncode == 2
    assert "'--key' is not a step" in done.stderr.replace("\n", " ")


HANDOVER = (
    "--keys", "{courier}#", "--scan", "RR123456785FR", "--keys", "1", "--shut", "open", "--keys", "#",
    "--keys", "{partner}#", "--keys", "0", "--shut", "open",
)  # fmt: skip
HOME = (
    "--keys", "{courier}#", "--keys", "1#", "--keys", "1", "--shut", "open", "--keys", "#",
    "--keys", "{resident}#", "--shut", "open",
)  # fmt: skip


@pytest.mark.parametrize("ground", ["virtual", "micropython"])
def test_the_partner_of_a_shop_takes_its_parcels_along(ground: str) -> None:
    done = sim("--ground", ground, "--cabinet", SHOP, *HANDOVER)
    assert done.returncode == 0, done.stderr
    in_order(
        done.stdout,
        "deposited door 4",
        "accepted action hand over, holder 1, ref 0, role partner",
        "returned door 4",
    )


@pytest.mark.parametrize("ground", ["virtual", "micropython"])
def test_a_resident_takes_what_was_left_for_the_home(tmp_path: Path, ground: str) -> None:
    file = tmp_path / "residence.toml"
    text = Path(SHOP).read_text().replace('service = "shop"', 'service = "residence"')
    file.write_text(re.sub("\nhours = .*", "", text))
    done = sim("--ground", ground, "--cabinet", str(file), *HOME)
    assert done.returncode == 0, done.stderr
    in_order(
        done.stdout,
        "deposited door 4, holder 1, parcel @1",
        "role resident",
        "collected door 4",
    )


@pytest.mark.parametrize("person", ["partner", "resident"])
def test_whoever_a_cabinet_does_not_serve_is_named_before_anything_starts(person: str) -> None:
    done = sim("--keys", f"{{{person}}}#")
    assert done.returncode == 2 and done.stdout == ""
    assert f"{{{person}}}: this cabinet" in done.stderr


SHOP = str(Path(__file__).parents[2] / "hardware" / "cabinets" / "shop-6.toml")
FRONT = """
import tempfile
from pathlib import Path

from consigne.demo.front import LockerFront
from consigne.sim import reference
from consigne.sim.locker import SimLocker

config = {**reference.config(1883), "network": {}}
locker = SimLocker(config, reference.identity(), Path(tempfile.mkdtemp()), "virtual")
locker.start()
locker.run_for(2)
front = LockerFront(locker)
front.press("7")
locker.run_for(1)
front.scan("ABC")
view = front.view()
print("plates", len(front.plates), "keys", front.keys, "lit", view.lit, "scanned", view.scanned)
print(*view.lines, sep="|")
front.press("#")
locker.run_for(1)
print(*front.view().lines, sep="|")
print("accents", [(one.row, one.column) for one in front.view().drawn])
locker.stop()
"""


def test_another_cabinet_file_is_played_with_its_own_keypad_scanner_and_display() -> None:
    """Up to the deposit: customers are served in the shop's hours only, and this runs at any."""
    done = sim("--ground", "virtual", "--cabinet", SHOP, *ERRAND[:8])
    assert done.returncode == 0, done.stderr
    in_order(
        done.stdout, "role courier, via at the keypad", "Colis déposés : 0", "door     4 springs open",
        "deposited door 4", "Colis déposés : 1",
    )  # fmt: skip


def test_the_demos_page_draws_a_graphic_display_with_its_accents() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FRONT], env={**os.environ, "CONSIGNE_CABINET": SHOP}, capture_output=True,
        check=False, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    in_order(
        done.stdout, "plates 6 keys 123456789*0# lit True scanned 1", "|7_", "|Vérifiez et ",
        "accents [(2, 1)]",
    )  # fmt: skip


def test_a_wrong_cabinet_file_is_told_and_nothing_is_played() -> None:
    done = sim("--cabinet", __file__, "--keys", "1")
    assert done.returncode == 1
    assert "mend the TOML" in done.stderr


@pytest.mark.parametrize("file", cabinets.files(), ids=lambda file: file.stem)
def test_a_parcel_goes_in_and_out_of_every_shipped_cabinet_in_virtual_time(file: Path) -> None:
    played = cabinets.play(file, "virtual")
    assert played.amiss == "", played.printed


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "No such file or directory; give the path of a file"),
        (b"\xff", "is not UTF-8 at byte 0; save it as UTF-8"),
        (b'format = 1\nboard = "esp32-devkitd"\n', "no profile of a board 'esp32-devkitd'"),
        (Path(SHOP).read_bytes().replace(b"arm_pin = ", b"arm_pin = 9999 # "), "locks.arm_pin"),
    ],
)
def test_a_cabinet_file_that_cannot_be_played_is_told_in_a_sentence_by_sim_and_demo(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    file = tmp_path / "mine.toml"
    if content is not None:
        file.write_bytes(content)
    for words in (("sim", "--keys", "1"), ("demo", "--headless")):
        done = subprocess.run(
            [CONSIGNE, *words, "--cabinet", str(file)],
            capture_output=True,
            check=False,
            text=True,
            timeout=600,
        )
        assert done.returncode == 1
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr and done.stdout == ""


def test_a_chip_of_which_there_is_no_virtual_board_is_told_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "c3.toml"
    text = new_file(profiles()["esp32-c3-devkitm"], 2, None, 24)
    file.write_text(re.sub(r"\[network\][^[]*", "", text))  # without PSRAM there is no room for one
    done = sim("--ground", "board", "--cabinet", str(file), "--keys", "1")
    assert done.returncode == 2
    assert "there is no virtual board with an esp32c3" in done.stderr
    assert sim("--ground", "virtual", "--cabinet", str(file), "--keys", "1").returncode == 0
