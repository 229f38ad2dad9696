"""A GM65-family barcode scanner on a UART (``ports.Scanner``).

The scanner's settings are read at start and now and then, and corrected when they differ: it may have been
swapped.  Most important, setup barcodes must be disabled, or a customer could reprogram the scanner with a
picture.
"""

from . import gm65
from .scanner import LineScanner


class Gm65Scanner(LineScanner):
    """Texts from the scanner; commands only for its settings."""

    def __init__(self, uart: int, tx: int, rx: int, baud: int, terminator: str, mode: str, report):
        """``terminator``: one of ``gm65.TERMINATORS``; ``mode``: ``"continuous"`` or ``"induction"``.

        Raises ``ValueError`` for an unknown terminator or mode.
        """
        if mode not in ("continuous", "induction"):
            raise ValueError(f"scanner mode {mode}")
        if terminator not in gm65.TERMINATORS:
            raise ValueError(f"scanner terminator {terminator!r}")
        tail = gm65.TERMINATORS.index(terminator)
        self._settings = (
            (gm65.ZONE_SETUP_CODES, 0xFF, gm65.SETUP_CODES_FORBIDDEN),
            (gm65.ZONE_MODE, 0x03, gm65.MODES.index(mode)),
            # Bits 4..1 would add a prefix, a suffix or the symbology to the text.
            (gm65.ZONE_TERMINATOR, 0x7F, tail << 5 | (1 if terminator else 0)),
        )
        super().__init__(uart, tx, rx, baud, report, gm65.Splitter())

    async def _set_up(self) -> bool:
        """Correct the settings, the one against setup barcodes first; False without answers."""
        changed = False
        for zone, mask, wanted in self._settings:
            reply = await self._ask(gm65.read_zone(zone))
            if reply is None:
                return False
            value = reply[0] & ~mask | wanted
            if value != reply[0]:
                if await self._ask(gm65.write_zone(zone, value)) is None:
                    return False
                changed = True
        return not changed or await self._ask(gm65.save_settings()) is not None
