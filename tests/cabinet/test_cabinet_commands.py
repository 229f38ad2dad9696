"""What ``consigne cabinet`` says of files that it cannot write."""

import subprocess
import sys
from pathlib import Path

import pytest
from consigne.cabinet.profiles import hardware_dir

DEMO = str(hardware_dir() / "cabinets" / "demo.toml")


@pytest.mark.parametrize(
    "words",
    [("show", DEMO, "--svg"), ("check", DEMO, "--out"), ("draw", DEMO, "--out")],
)
def test_a_file_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "consigne.cli", "cabinet", *words, str(tmp_path / "file" / "below")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done
    assert "cannot write" in done.stderr and "Traceback" not in done.stderr
