"""What ``consigne cabinet`` says of files that it cannot write, or must not, and of those it cannot read."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from consigne.cabinet.problems import TOLD_MAX
from consigne.cabinet.profiles import hardware_dir
from consigne.cli import app
from typer.testing import CliRunner

STEERING = "t\x1b]0;title\x07\nt"
"""A name that gives the terminal another title."""
DEMO = str(hardware_dir() / "cabinets" / "demo.toml")


@pytest.mark.parametrize(
    "words",
    [("show", DEMO, "--svg"), ("check", DEMO, "--out"), ("draw", DEMO, "--out")],
)
def test_a_file_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "consigne.cli", "cabinet", *words, str(tmp_path / "file" / "below")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 2, done
    assert "cannot write" in done.stderr and "Traceback" not in done.stderr


def cabinet(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What a command does in a folder; it ends without a traceback."""
    command = [sys.executable, "-m", "consigne.cli", "cabinet", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, cwd=folder)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize(
    "words",
    [
        ("check", "x.toml", "--out", "x.toml"),
        ("check", "x.toml", "--out", "../{folder}/x.toml"),
        ("check", "x.toml", "--out", "link.json"),
        ("show", "x.toml", "--svg", "hard.svg"),
        ("check", "whole.toml", "--out", "x.toml"),
        ("show", "whole.toml", "--svg", "x.toml"),
        ("check", "x.toml", "--out", "other.toml"),
        ("draw", "bom/x.csv"),
    ],
    ids=" ".join,
)
def test_a_cabinet_file_is_never_written_over(tmp_path: Path, words: tuple[str, ...]) -> None:
    text = Path(DEMO).read_bytes()
    for name in ("x.toml", "other.toml", "bom/x.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(DEMO, tmp_path / name)
    (tmp_path / "link.json").symlink_to("x.toml")
    os.link(tmp_path / "x.toml", tmp_path / "hard.svg")
    (tmp_path / "whole.toml").write_text('include = ["x.toml"]\n')
    done = cabinet(tmp_path, *(word.format(folder=tmp_path.name) for word in words))
    assert done.returncode == 2 and "give another name" in " ".join(done.stderr.split()), done
    assert all((tmp_path / name).read_bytes() == text for name in ("x.toml", "other.toml", "bom/x.csv"))


def said(*words: str) -> tuple[int, str]:
    """Exit status and all that is printed, of a command given in this process."""
    done = CliRunner().invoke(app, ["cabinet", *words])
    return done.exit_code, done.output


def test_a_shipped_cabinet_goes_by_its_name_where_no_file_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, text = said("check", "waveshare-8")
    assert status == 0 and text.startswith("waveshare-8: 8 doors, "), text
    Path("waveshare-8").write_text("format = 1\n")
    status, text = said("check", "waveshare-8")
    assert status == 1 and "waveshare-8: key 'board' is missing" in text


@pytest.mark.parametrize("name", ["waveshare-9", "waveshare-8.toml"])
def test_a_name_that_is_neither_a_file_nor_shipped_is_told_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ", ".join(sorted(file.stem for file in Path(DEMO).parent.iterdir()))
    status, text = said("check", name)
    assert status == 1 and text.splitlines()[0] == (
        f"{name}: there is no such file; give the path of a file, or the name of a shipped one: {names}"
    )
    status, text = said("check", f"folder/{name}")
    assert status == 1 and "No such file or directory; give the path of a file\n" in text


def test_what_a_command_wrote_it_writes_again(tmp_path: Path) -> None:
    for _ in range(2):
        assert cabinet(tmp_path, "check", DEMO, "--out", "config.json").returncode == 0
    (tmp_path / "config.json").write_text("")
    assert cabinet(tmp_path, "check", DEMO, "--out", "config.json").returncode == 0
    assert (tmp_path / "config.json").read_text().startswith("{")


@pytest.mark.parametrize("name", ["x" * 300 + ".toml", "x" * 250 + ".toml"], ids=["itself", "beside it"])
def test_a_cabinet_is_not_learned_into_a_name_that_is_too_long(tmp_path: Path, name: str) -> None:
    done = cabinet(tmp_path, "learn", name, "--sim", DEMO, "--headless")
    assert done.returncode == 2 and "File name too long" in " ".join(done.stderr.split())
    assert not list(tmp_path.iterdir())


def test_what_lies_beside_a_cabinet_that_is_learned_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.learned.json")
    status, text = said("learn", str(tmp_path / "x.toml"), "--sim", DEMO, "--headless")
    assert status == 1 and "it is a device or a pipe and no file" in text


def test_of_very_many_problems_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    file = tmp_path / "cabinet.toml"
    file.write_text(
        Path(DEMO).read_text().replace("[locks]", "[locks]\n" + "".join(f"k{i} = 1\n" for i in range(500)))
    )
    status, text = said("check", str(file))
    *lines, more, count = text.splitlines()
    assert status == 1 and len(lines) == TOLD_MAX and all("unknown key 'k" in line for line in lines)
    assert (more, count) == (f"and {500 - TOLD_MAX} more", "500 things to put right")


@pytest.mark.parametrize(
    "words",
    [
        ("new", f"{STEERING}.toml"),
        ("new", f"folder/{STEERING}.toml"),
        ("new", "x.toml", "--board", STEERING),
        ("new", "x.toml", "--lock-boards", STEERING),
        ("check", STEERING),
        ("check", "includes.toml"),
        ("check", "key.toml"),
        ("show", DEMO, "--svg", f"folder/{STEERING}"),
        ("learn", "x.toml", "--wiring", "includes.toml", "--sim", DEMO, "--headless"),
        ("learn", f"folder/{STEERING}", "--sim", DEMO),
    ],
    ids=lambda words: " ".join(words[:1] + words[2:]).replace(STEERING, "..").replace(DEMO, "demo"),
)
def test_no_name_steers_the_terminal_or_adds_a_line_to_what_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("includes.toml").write_text(f"include = [{json.dumps(STEERING)}]\n")
    Path("key.toml").write_text(f"{json.dumps(STEERING)} = 1\n")
    _, text = said(*words)
    assert "t\\u001b]0;title\\u0007\\u000at" in text, text
    assert not set(text) & set("\x1b\x07"), text
