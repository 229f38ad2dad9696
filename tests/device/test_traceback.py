"""A technician sends what a board printed; who mends it reads where in the sources that was."""

import json
import shutil
import subprocess
from pathlib import Path

import device_kit as kit
import pytest
from consigne import firmware_dir
from consigne.firmware import application
from sim_kit import IDENTITY, config
from virtual_kit import eventually

SOUND = '        self._production = "production" in os.listdir()  # as boot.py has it'
BROKEN = "        self._production = self._online.anything"
"""``Locker._supervise`` asks for what ``Locker`` has only later."""


def traceback(text: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["consigne", "device", "traceback", *map(str, arguments)]
    return subprocess.run(
        command, input=text, check=False, capture_output=True, text=True, timeout=600, env=kit.environment()
    )


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Sources with a defect, and what a board with their application printed when it started."""
    folder = tmp_path_factory.mktemp("broken")
    firmware = folder / "firmware"
    shutil.copytree(firmware_dir(), firmware, ignore=shutil.ignore_patterns("__pycache__"))
    serving = firmware / "locker/serving.py"
    text = serving.read_text()
    assert text.count(SOUND) == 1
    serving.write_text(text.replace(SOUND, BROKEN))
    files = {"config.json": json.dumps(config()).encode(), "identity.json": json.dumps(IDENTITY).encode()}
    built = application.build(firmware)
    flash = kit.ready_flash(folder, kit.ROMFS, built, files)
    with kit.board_with(flash, folder, config(), **kit.BOARD_OF[kit.ROMFS]) as board:
        eventually(lambda: any("AttributeError" in line for line in board.output()), "it cannot start")
        said = "\n".join(board.output()) + "\n"
    return firmware, said


def test_a_boards_traceback_names_the_functions_of_the_sources_and_shows_their_lines(
    broken: tuple[Path, str],
) -> None:
    firmware, said = broken
    assert "_supervise" not in said and "_online" not in said, "the board knows only short names"
    shown = traceback(said, "--firmware", firmware)
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    at = lines.index("    " + BROKEN.strip())
    assert lines[at - 1].startswith(f'  File "{firmware}/locker/serving.py", line ')
    assert lines[at - 1].endswith(", in Locker._supervise")
    assert lines[at - 2].strip() == "self._supervise(parts, panel)"
    assert lines[at - 3].endswith(", in Locker.__init__")
    assert lines[at + 1] == "AttributeError: 'Locker' object has no attribute '_online'"
    assert "journal: fresh" in lines, "what is no traceback stays as it is"


def test_it_reads_a_file_too_and_what_a_port_adds_to_lines(broken: tuple[Path, str], tmp_path: Path) -> None:
    firmware, said = broken
    file = tmp_path / "said.txt"
    file.write_bytes("".join(f"12:00:00 {line}\r\n" for line in said.splitlines()).encode())
    shown = traceback("", file, "--firmware", firmware)
    assert shown.returncode == 0, shown.stderr
    assert "12:00:00 AttributeError: 'Locker' object has no attribute '_online'\n" in shown.stdout


def test_sources_of_another_version_are_found_out_and_nothing_wrong_is_told(
    broken: tuple[Path, str], tmp_path: Path
) -> None:
    firmware, said = broken
    newer = tmp_path / "firmware"
    shutil.copytree(firmware, newer)
    serving = newer / "locker/serving.py"
    serving.write_text("\n" * 60 + serving.read_text())
    shown = traceback(said, "--firmware", newer)
    assert shown.returncode == 1
    assert "built from other sources" in shown.stderr and "--firmware" in shown.stderr
    assert "_online" not in shown.stdout, "a name that may mean something else is not told"
    init = newer / "locker/__init__.py"
    init.write_text(init.read_text().replace('VERSION = "', 'VERSION = "9.'))
    shown = traceback("consigne: 0.0.9 did not start: OSError: 5\n", "--firmware", newer)
    assert shown.returncode == 1 and "version 0.0.9" in shown.stderr and "are 9." in shown.stderr


def test_a_folder_without_sources_is_said_in_a_sentence(tmp_path: Path) -> None:
    shown = traceback("", "--firmware", tmp_path)
    assert shown.returncode == 1 and "holds no application" in shown.stderr


def test_a_picture_in_the_place_of_the_text_is_said_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "screen.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    status, told = kit.consigne("traceback", file)
    assert status == 1 and "is not a text file" in told and "Traceback" not in told
