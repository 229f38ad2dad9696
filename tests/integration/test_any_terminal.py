"""Commands given in a terminal that has few letters, onto a full disk, or in a folder that is no more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONSIGNE = str(Path(sys.executable).with_name("consigne"))
CABINET = str(Path(__file__).parents[2] / "hardware" / "cabinets" / "boards-96.toml")


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("ascii", ("show", "--wiring")),
        ("latin-1", ("show", "--wiring")),
        ("latin-1", ("check",)),  # in ASCII alone it is Typer that writes, and takes UTF-8
    ],
    ids=["show-ascii", "show-latin-1", "check-latin-1"],
)
def test_letters_that_a_terminal_has_not_end_no_command(
    tmp_path: Path, encoding: str, words: tuple[str, ...]
) -> None:
    file = tmp_path / "шкаф.toml"
    file.symlink_to(CABINET)
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [CONSIGNE, "cabinet", *words, file.name],
        check=False, capture_output=True, timeout=300, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == b"", done.stderr
    printed = done.stdout.decode(encoding)
    assert printed.startswith("????.toml: 96 doors") if words[0] == "check" else printed.count("?") > 96


def test_a_folder_that_was_removed_is_told_in_a_sentence(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'rmdir "{gone}" && exec "{CONSIGNE}" cabinet check x.toml'
    done = subprocess.run(
        ["sh", "-c", script], check=False, capture_output=True, text=True, timeout=300, cwd=gone
    )
    assert done.returncode == 1
    assert done.stderr == "the folder that this is run in was removed: change to another one\n"


@pytest.mark.parametrize(
    "words",
    [
        ("cabinet", "keys"), ("cabinet", "show", CABINET),
        ("cabinet", "check", CABINET), ("device", "traceback", "tb.txt"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_output_onto_a_full_disk_is_told_in_a_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "tb.txt").write_text("Traceback (most recent call last):\n" * 2_000)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [CONSIGNE, *words],
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            cwd=tmp_path,
        )
    assert done.returncode == 1
    assert done.stderr == "standard output cannot be written: No space left on device\n"
