"""Consigne on a computer: the host, the simulator, the technician's commands, the demo.

It uses the very modules that the lockers run: importing this package lets ``locker``, the firmware's package,
be imported as any other, from a checkout and from an installed wheel.  Modules that need the chip's own
modules (``locker.drivers`` and those that import it) still cannot be imported, except by the simulator.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def firmware_dir() -> Path:
    """The directory that holds ``main.py`` and the package ``locker``.

    In a checkout it is ``firmware/`` at the root; in an installed wheel it is the copy that the build
    puts into this package.  Raises ``FileNotFoundError`` when there is neither.
    """
    for candidate in (_PACKAGE.parents[1] / "firmware", _PACKAGE / "_firmware"):
        if (candidate / "locker").is_dir():
            return candidate
    raise FileNotFoundError("the firmware's source is neither beside this package nor in it")


# After the installed packages, so that none of the host's is shadowed.
sys.path.extend(
    directory
    for directory in (str(_PACKAGE / "sim" / "pyshim"), str(firmware_dir()))
    if directory not in sys.path
)
importlib.import_module("micropython")  # also gives ``time`` the ticks functions, before any device module
