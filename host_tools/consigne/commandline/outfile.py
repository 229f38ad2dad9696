"""Checks a command's output file: never one of its inputs, nor a file of another kind."""

import os
from collections.abc import Iterable
from pathlib import Path


class OutFileError(ValueError):
    """A path that must not be overwritten; the text is one sentence."""


def check_out(out: Path | None, inputs: Iterable[Path | None], begins: str = "") -> None:
    """Raises ``OutFileError`` if ``out`` is one of ``inputs``, by any name, or is another kind of file.

    ``begins`` is the beginning of all files that the command writes there: an existing file that begins
    differently was not written by it.
    """
    if out is None:
        return
    if any(_is_same(out, one) for one in inputs if one is not None):
        raise OutFileError(f"{out} is read by this command: give another name to what it writes")
    if begins and os.path.isfile(out):
        with open(out, "rb") as file:
            found = file.read(len(begins))
        if found and found != begins.encode():
            raise OutFileError(f"{out} is there and is another kind of file: give another name, or remove it")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them does not exist, so nothing is lost
        return False
