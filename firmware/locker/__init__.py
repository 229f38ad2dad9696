"""The shell of the locker's firmware: starts, joins the parts, watches them.

``README.md`` in the folder above says what lives where.
"""

import sys

VERSION = "0.1.0"


def forget(*names: str) -> None:
    """Drop modules of this package that only a start needs; ``gc.collect`` then frees them.

    ``names`` as in "drivers.banks".  A module that is still in use stays in memory, so this is never wrong,
    and importing again works.
    """
    for short in names:
        name = "locker." + short
        if sys.modules.pop(name, None):
            package, _, last = name.rpartition(".")
            delattr(sys.modules[package], last)
