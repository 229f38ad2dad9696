"""Every command that a page shows is one: its name, its options and the words it takes.

What is cheap of the README is run, in its order, in a shell that has only what the README has said.
"""

import importlib.util
import itertools
import re
import shlex
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from consigne.cli import app
from consigne.demo import steps
from typer.core import TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command

ROOT = Path(__file__).parents[2]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
PROGRAM = r"(?:(?:\.venv/bin/|/opt/consigne/bin/)?(?:consigne(?:-host)?|python -m)|make)"
BESIDE = re.compile(r"\s{3,}.*|\s+#.*")  # what a block says beside a command


def _pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / line for line in listed.stdout.splitlines()]


def _blocks(text: str) -> list[str]:
    """The lines of a page's blocks, fenced or indented."""
    lines, fenced = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            lines.append(line.strip())
    return lines


class Shown(NamedTuple):
    """A command on a page; in a block it is ``whole``, in a sentence its arguments may be left out."""

    text: str
    whole: bool


def shown(page: Path) -> list[Shown]:
    """Each command that a page shows: in its blocks, and in its sentences between backticks."""
    text = page.read_text(encoding="utf-8")
    blocks = [Shown(BESIDE.sub("", line), True) for line in _blocks(text) if re.match(rf"{PROGRAM}\s", line)]
    sentences = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    named = re.findall(rf"(?<!`)`({PROGRAM} [^`\n]+)`(?!`)", sentences)
    return blocks + [Shown(text, False) for text in named]


def _words(text: str) -> list[str]:
    """The words of a shell's command, up to the first redirection or pipe."""
    reader = shlex.shlex(text, posix=True, punctuation_chars=True)
    reader.commenters = ""
    reader.whitespace_split = True
    return list(itertools.takewhile(lambda word: not set(word) <= set("();<>|&"), reader))


def wrong(text: str, whole: bool = True) -> str:
    """Why a shown command is none, "" if it is one."""
    program, *words = _words(re.sub(r"\.{2,}", "", text))
    if program == "make":
        return _wrong_target(words)
    return _wrong_module(words[1:]) if program.endswith("python") else _wrong_command(words, whole)


def _wrong_target(words: list[str]) -> str:
    if words[0] == "-C":  # another project's
        return ""
    missing = {word for word in words if "=" not in word} - TARGETS
    return f"no target {', '.join(sorted(missing))}" if missing else ""


def _wrong_module(words: list[str]) -> str:
    """Whether ``python -m`` finds it, and the files that it is given are there."""
    module, *given = words
    files = [word for word in given if word.endswith(".py") and not (ROOT / word.partition("::")[0]).exists()]
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        found = None
    return f"no module {module}" if found is None else f"no file {files}" if files else ""


def _wrong_command(words: list[str], whole: bool) -> str:
    command = get_command(app)
    while words and isinstance(command, TyperGroup) and not words[0].startswith("-"):
        found = command.get_command(command.context_class(command), words[0])
        if found is None:
            return f"no command {words[0]}"
        command = found
        words.pop(0)
    if not whole:
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        unknown = {word.split("=")[0] for word in words if word.startswith("-")} - known - {"--help"}
        return f"no option {', '.join(sorted(unknown))}" if unknown and command.name != "sim" else ""
    context = command.context_class(command, info_name="shown", **command.context_settings)
    try:
        given, left, _ = command.make_parser(context).parse_args(words)
    except TyperException as error:
        return str(error)
    if command.name == "sim":  # its steps have a grammar of their own
        return _wrong_steps(left)
    missing = [
        option.name
        for option in command.params
        if option.required and not getattr(option, "prompt", None) and given.get(option.name) is None
    ]
    if left:
        return f"too much: {left}"
    return f"without {missing}" if missing else ""


def _wrong_steps(words: list[str]) -> str:
    try:
        steps.parse(words)
    except steps.StepError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("page", _pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_shows_exists_with_its_options(page: Path) -> None:
    assert not {command.text: why for command in shown(page) if (why := wrong(*command))}


@pytest.mark.parametrize(
    "text",
    [
        "make tset",
        "consigne acount add Ada --role operator",
        "consigne account add Ada --rle operator",
        "consigne account add Ada",
        "consigne device push now",
        "consigne serve --listen",
        "consigne sim --kees 1",
        "consigne-host acount list | head",
        "python -m lab.attic",
        "python -m attic.lab",
        "python -m pytest tests/core/test_attic.py",
    ],
)
def test_a_command_that_is_none_is_noticed(text: str) -> None:
    assert wrong(text)


CHEAP = re.compile(
    r"\. \.venv/bin/activate|make help|consigne (account|broker-config|cabinet (check|show)) ?"
)


def test_the_commands_of_the_readme_work_in_the_shell_that_it_has_led_to(tmp_path: Path) -> None:
    for name in ("Makefile", ".venv", "hardware"):
        (tmp_path / name).symlink_to(ROOT / name)
    lines = [BESIDE.sub("", line) for line in _blocks((ROOT / "README.md").read_text(encoding="utf-8"))]
    cheap = [line for line in lines if CHEAP.match(line)]
    assert len(cheap) >= 6, "the README shows them otherwise now: look at CHEAP"
    ran = subprocess.run(
        ["/bin/sh", "-e", "-x", "-c", "\n".join(cheap)],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"},
        input="correct horse battery\n" * 2,  # asked for by ``account password``
        start_new_session=True,  # no terminal: passwords are read from what is given
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "consigne.db").exists() and (tmp_path / "broker").is_dir()
    made = [path.name for path in tmp_path.iterdir() if not path.is_symlink()]
    assert not [name for name in made if not _is_ignored(f"{name}/" if name == "broker" else name)]


def _is_ignored(path: str) -> bool:
    """Whether ``git add .`` in the clone leaves this out."""
    return subprocess.run(["git", "check-ignore", "--quiet", path], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("path", ["broker/ca.key", "host.env", "consigne.db-wal", "flash.bin", "board"])
def test_keys_and_databases_that_the_readme_s_commands_write_are_not_committed(path: str) -> None:
    assert _is_ignored(path)


def test_nothing_of_the_repository_is_hidden_from_git() -> None:
    hidden = subprocess.run(
        ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not hidden.stdout
    assert not _is_ignored("host_tools/consigne/broker/new.py")
