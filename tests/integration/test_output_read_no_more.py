"""``consigne .. | head -1``: who reads the output goes, and the command ends, at once and without a word."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from consigne.commandline.output import ENDED

CONSIGNE = str(Path(sys.executable).with_name("consigne"))
WAIT_S = 300
CABINETS = Path(__file__).parents[2] / "hardware" / "cabinets"
HOURS = ("--keys", "1*", "--wait", "80000", "--keys", "1*")  # ends by itself long after this test


def after_lines(number: int, *arguments: str, folder: Path | None = None) -> tuple[int, str]:
    """Read so many lines and go: exit status and complaints."""
    command = [CONSIGNE, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    ) as process:
        assert process.stdout is not None
        for _ in range(number):
            assert process.stdout.readline() != ""
        process.stdout.close()
        process.stdout = None
        try:
            _, complaints = process.communicate(timeout=WAIT_S)
            return process.returncode, complaints
        finally:
            process.kill()


@pytest.mark.parametrize("ground", ["micropython", "virtual", "board"])
def test_a_simulation_ends_with_its_reader(ground: str) -> None:
    assert after_lines(3, "sim", "--ground", ground, *HOURS) == (ENDED, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("cabinet", "keys"),
        ("cabinet", "rules"),
        ("cabinet", "boards"),
        ("cabinet", "show", str(CABINETS / "boards-96.toml"), "--wiring"),
        ("cabinet", "parts", str(CABINETS / "boards-96.toml")),
        ("cabinet", "check", str(CABINETS / "demo.toml")),
        ("demo", "--headless"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_command_whose_output_nobody_reads_ends_without_a_word(arguments: tuple[str, ...]) -> None:
    assert after_lines(0, *arguments) == (ENDED, "")


def test_a_virtual_board_ends_with_its_reader(tmp_path: Path) -> None:
    arguments = ("device", "virtual", "flash.bin", "--micropython", "v1.28.0")
    assert after_lines(0, *arguments, folder=tmp_path) == (ENDED, "")


def test_ctrl_c_ends_a_simulation_that_waits_for_hours() -> None:
    with subprocess.Popen(
        [CONSIGNE, "sim", *HOURS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            while "--wait" not in process.stdout.readline():
                pass
            process.send_signal(signal.SIGINT)
            _, complaints = process.communicate(timeout=WAIT_S)
            assert "Traceback" not in complaints and process.returncode != 0
        finally:
            process.kill()
