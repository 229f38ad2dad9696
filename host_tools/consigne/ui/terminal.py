"""What every command needs of the terminal it was given in, whatever that is."""

import io
import os
import sys


class NoFolder(OSError):
    """The current folder is gone; the text is one sentence."""


def prepare() -> None:
    """Have letters that the output's encoding has not printed as question marks.

    Raises ``NoFolder`` where the current folder was removed: no path that is given leads anywhere.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        os.getcwd()
    except FileNotFoundError:
        raise NoFolder("the folder that this is run in was removed: change to another one") from None
