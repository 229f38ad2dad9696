"""What a ground is: a way to run the firmware against a board.

A ground starts the firmware on a powered board, stops it dead, and tells how it ended.  Power
and resets are the board's; the ground only has to obey them.
"""

from collections.abc import Callable
from typing import Protocol

RESTART_US = 50_000  # from reset to the first line of main.py, ROM and boot loader


class PowerLost(BaseException):
    """The supply failed in the middle of an operation; no handler in the firmware may catch this."""


class Ground(Protocol):
    def start(self) -> None:
        """Run the firmware from its first line."""

    def kill(self) -> None:
        """Stop it at once, as a reset or a power cut does; returns when it is gone."""

    on_end: Callable[[str], None]
    """Called with a text when the firmware ended by itself: on a device it never should."""
