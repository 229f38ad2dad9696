"""Prepares any terminal for a command's output."""

import io
import os
import sys


class NoFolderError(OSError):
    """The current folder is gone; the text is one sentence."""


def prepare() -> None:
    """Print letters that the output's encoding lacks as question marks.

    Raises ``NoFolderError`` if the current folder was removed, since then no relative path works.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        os.getcwd()
    except FileNotFoundError:
        raise NoFolderError("the folder that this is run in was removed: change to another one") from None
