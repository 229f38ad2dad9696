"""``consigne sim``: steps in, what the cabinet did out."""

import subprocess
import sys
from pathlib import Path

CONSIGNE = str(Path(sys.executable).with_name("consigne"))
ERRAND = (
    "--keys", "{courier}#", "--scan", "RR123456785FR", "--keys", "2", "--shut", "open", "--keys", "#",
    "--keys", "{RR123456785FR}#", "--shut", "open",
)  # fmt: skip


def sim(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CONSIGNE, "sim", *arguments], capture_output=True, check=False, text=True, timeout=120
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
        "accepted via=1 role=1",
        "relay    3 on",
        "door     3 springs open",
        "door     3 pushed shut",
        "deposited door=2",
        "display  Compartment 3 | Take your parcel and",
        "collected door=2",
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


def test_a_door_that_does_not_exist_is_named() -> None:
    done = sim("--ground", "virtual", "--shut", "99")
    assert done.returncode == 2
    assert "there is no door 99" in done.stderr


def test_a_misspelt_step_is_named() -> None:
    done = sim("--key", "1")
    assert done.returncode == 2
    assert "'--key' is not a step" in done.stderr.replace("\n", " ")
