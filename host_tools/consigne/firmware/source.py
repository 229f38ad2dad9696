"""Where the firmware's source lies, so that the host can use the very modules the lockers run.

In a checkout it is ``firmware/`` at the root; in an installed wheel it is the copy that the build puts
into the package.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

_PACKAGE = Path(__file__).resolve().parents[1]


def firmware_dir() -> Path:
    """The directory that holds ``main.py`` and the package ``locker``.

    Raises ``FileNotFoundError`` when neither a checkout nor a wheel surrounds this file.
    """
    for candidate in (_PACKAGE.parents[1] / "firmware", _PACKAGE / "_firmware"):
        if (candidate / "locker").is_dir():
            return candidate
    raise FileNotFoundError("the firmware's source is neither beside this package nor in it")


def import_locker(name: str) -> ModuleType:
    """Import a module of the firmware into this interpreter: ``import_locker("core.codes")``.

    Only modules of ``core`` and the like can be had this way: those that need nothing of a board.
    """
    # Behind the installed packages: nothing of the host's may be shadowed.
    for directory in (_PACKAGE / "sim" / "pyshim", firmware_dir()):
        if str(directory) not in sys.path:
            sys.path.append(str(directory))
    importlib.import_module("micropython")  # also gives ``time`` the ticks functions
    return importlib.import_module(f"locker.{name}")
