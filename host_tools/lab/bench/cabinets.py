"""Runs every shipped cabinet file: a courier puts a parcel in, a customer takes it out.

``consigne sim`` is run as a command for each file: on CPython under virtual time, on MicroPython, and on a
virtual board that was flashed with the image that the file's board takes, the application in its slot.
"""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from consigne.cabinet.compiler import compile_file
from consigne.cabinet.shipped import shipped

GROUNDS = {"cpython": "virtual", "micropython": "micropython", "official": "board"}
"""Suffix of their numbers -> their name for ``consigne sim --ground``."""

PARCEL = "RR123456785FR"
AT_ONCE = 6  # most of a run is waiting
LIMIT_S = 900  # long enough to stop only runs that hang


def files() -> list[Path]:
    """The shipped cabinet files."""
    return list(shipped().values())


GOALS = {f"cabinets.run_{name}": f"== {len(files())}" for name in GROUNDS}


class Play(NamedTuple):
    """How one went."""

    file: Path
    ground: str
    status: int
    printed: str
    complained: str

    @property
    def amiss(self) -> str:
        """The missing steps; "" when there are none."""
        if self.status or self.complained:
            return f"exit status {self.status}: {self.complained.strip()}"
        for kind in ("deposited", "collected"):
            if f" {kind} " not in self.printed:
                return f"no parcel was {kind}"
        if "Traceback" in self.printed or " fault code task ended" in self.printed:
            return "a task of the firmware failed"
        return ""


def play(file: Path, ground: str) -> Play:
    """Play one file; ``ground`` as ``consigne sim`` calls it."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("consigne")), "sim", "--ground", ground, "--cabinet", str(file),
         "--always-open", *_errand(file)],
        capture_output=True, check=False, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    return Play(file, ground, done.returncode, done.stdout, done.stderr)


def play_all(every: Iterable[tuple[Path, str]]) -> list[Play]:
    """Play these files on these grounds, some at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda one: play(*one), every))


def _errand(file: Path) -> Sequence[str]:
    """A parcel of the smallest size that the cabinet has, in and out."""
    smallest = min(door["size"] for door in compile_file(file)[0]["doors"])
    return (
        "--keys", "{courier}#", "--scan", PARCEL, "--keys", str(smallest), "--shut", "open", "--keys", "#",
        "--keys", f"{{{PARCEL}}}#", "--shut", "open",
    )  # fmt: skip


def run() -> dict[str, float]:
    """How many there are, and how many run on each ground; the faults of the others are printed."""
    shipped = files()
    numbers = {"cabinets.shipped": float(len(shipped))}
    for name, ground in GROUNDS.items():
        plays = play_all((file, ground) for file in shipped)
        for one in plays:
            if one.amiss:
                print(f"{one.file.name} on {name}: {one.amiss}")
        numbers[f"cabinets.run_{name}"] = float(sum(not one.amiss for one in plays))
    return numbers
