"""The lock: every package that set-up installs, with version and hash, in ``requirements/``.

Usage: ``lock.py`` makes the files with uv, for every Python and machine at once (``make lock``);
``lock.py --upgrade`` takes the newest versions; ``lock.py --check`` says whether they fit pyproject.toml.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from install import MACHINES, PYTHONS
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
# What each file is made for: a group of pyproject.toml, or one of the two that every wheel has.
FILES = {
    "build": ("build-system", "build"),
    "run": ("project",),
    "dev": ("build-system", "build", "project", "dev"),
    "lock": ("lock",),
    "stubs": ("stubs",),
}
# They publish no wheel; all are Python alone, so set-up builds them without a compiler.
SOURCE_ONLY = ("esptool", "hierplace", "kinet2pcb", "skidl")
PLATFORM = "{}-manylinux_2_28"
HEAD = "# Made by `make lock` from pyproject.toml; please do not edit.\n"
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[(?P<extras>[^]]*)\])?==(?P<version>[^ ;\\]+)")
_DIRECT = re.compile(r"^    #(?: via|  ) +(consigne \(pyproject\.toml|-r )")


@dataclass
class Pin:
    """One package of a lock file."""

    name: str
    version: str
    extras: set[str] = field(default_factory=set)
    direct: bool = False


def asked(project: dict[str, Any], file: str) -> list[Requirement]:
    """What the content of pyproject.toml asks of a lock file."""
    found: list[str] = []
    for source in FILES[file]:
        if source == "project":
            found += project["project"]["dependencies"]
        elif source == "build-system":
            found += project["build-system"]["requires"]
        else:
            found += project["dependency-groups"][source]
    return [Requirement(text) for text in found]


def pins(text: str) -> list[Pin]:
    """The packages of a lock file; direct are those that pyproject.toml names, by uv's comments."""
    found: list[Pin] = []
    for line in text.splitlines():
        if match := _PIN.match(line):
            extras = {extra.strip() for extra in (match["extras"] or "").split(",") if extra.strip()}
            found.append(Pin(canonicalize_name(match["name"]), match["version"], extras))
        elif found and _DIRECT.match(line):
            found[-1].direct = True
    return found


def misfits(project: dict[str, Any], locks: dict[str, str]) -> Iterator[str]:
    """One sentence for each thing that pyproject.toml and the lock files do not agree on."""
    for file in FILES:
        wanted = asked(project, file)
        held = pins(locks[file])
        for requirement in wanted:
            name = canonicalize_name(requirement.name)
            mine = [pin for pin in held if pin.name == name]
            if not mine:
                yield f"pyproject.toml asks for {requirement}, requirements/{file}.txt has no {name}"
            for pin in mine:
                if not requirement.specifier.contains(pin.version, prereleases=True):
                    yield f"pyproject.toml asks for {requirement}, requirements/{file}.txt has {pin.version}"
                elif missing := requirement.extras - pin.extras:
                    extras = ", ".join(sorted(missing))
                    yield f"pyproject.toml asks for {requirement}, requirements/{file}.txt lacks {extras}"
        names = {canonicalize_name(requirement.name) for requirement in wanted}
        for pin in held:
            if pin.direct and pin.name not in names:
                yield f"requirements/{file}.txt has {pin.name}, which pyproject.toml asks for no more"


def _uv(work: Path, python: str, *arguments: str) -> None:
    """Run the resolver in ``work`` without a setting of this machine: the lock is the same everywhere."""
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--no-config",
        "--no-python-downloads",
    ]
    command += ["--python-version", python, *arguments]
    ended = subprocess.run(command, check=False, cwd=work, capture_output=True, text=True)
    if ended.returncode:
        sys.exit(ended.stderr)


def _prove_built(work: Path, lock: str) -> None:
    """End with uv's own words where a package has nothing built for one of our Pythons and machines."""
    for python in PYTHONS:
        for machine in MACHINES:
            _uv(
                work,
                python,
                lock,
                *("--python-platform", PLATFORM.format(machine), "--output-file", "proof.txt"),
                *("--no-deps", "--only-binary", ":all:"),
                *(word for name in SOURCE_ONLY for word in ("--no-binary", name)),
            )


def make(anew: bool) -> None:
    """Resolve what development needs, and of that what each other file needs.

    Versions stay as they are unless pyproject.toml asks for others, or all are looked up ``anew``.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for file in ("dev", "run", "build", "lock", "stubs"):
            kept = ROOT / "requirements" / f"{file}.txt"
            if kept.exists() and not anew:  # uv keeps the versions that it finds where it writes
                shutil.copy(kept, work / kept.name)
            (work / "asked.in").write_text(
                "".join(f"{requirement}\n" for requirement in asked(project, file))
            )
            _uv(
                work,
                PYTHONS[0],
                *("asked.in", "--universal", "--generate-hashes", "--no-strip-extras", "--no-header"),
                *(() if file == "dev" else ("--constraints", "dev.txt")),
                *("--output-file", f"{file}.txt"),
            )
            if file == "dev":  # it holds run and build too
                _prove_built(work, "dev.txt")
            text = (work / f"{file}.txt").read_text().replace("-r asked.in", "consigne (pyproject.toml)")
            text = re.sub(r"^    #   -c dev\.txt\n", "", text, flags=re.MULTILINE)
            text = re.sub(r"# via\n    #   (.+)\n(?!    #)", r"# via \1\n", text)
            source = [name for name in SOURCE_ONLY if name in {pin.name for pin in pins(text)}]
            options = ["--only-binary :all:", *(f"--no-binary {name}" for name in source)]
            kept.write_text(HEAD + "\n".join(options) + "\n\n" + text)


def check() -> None:
    """End with a sentence for each misfit."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    paths = {file: ROOT / "requirements" / f"{file}.txt" for file in FILES}
    locks = {file: path.read_text() if path.exists() else "" for file, path in paths.items()}
    if found := list(misfits(project, locks)):
        sys.exit("\n".join([*found, "The lock does not fit: run `make lock`."]))


if __name__ == "__main__":
    check() if sys.argv[1:] == ["--check"] else make(anew=sys.argv[1:] == ["--upgrade"])
