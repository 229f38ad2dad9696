"""A file that a command writes: never one that it reads, nor one that is evidently something else."""

import os
from collections.abc import Iterable
from pathlib import Path


class NotThere(ValueError):
    """A place that must not be written over; the text is one sentence."""


def check_out(out: Path | None, inputs: Iterable[Path | None], begins: str = "") -> None:
    """Raises ``NotThere`` where ``out`` is one of ``inputs``, by whatever name, or is something else.

    ``begins`` is how everything begins that the command writes there: a file that is there and begins
    otherwise was not written by it.
    """
    if out is None:
        return
    if any(_is_same(out, one) for one in inputs if one is not None):
        raise NotThere(f"{out} is read by this command: give another name to what it writes")
    if begins and os.path.isfile(out):
        with open(out, "rb") as file:
            found = file.read(len(begins))
        if found and found != begins.encode():
            raise NotThere(f"{out} is there and is another kind of file: give another name, or remove it")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them is not there, so nothing is lost
        return False
