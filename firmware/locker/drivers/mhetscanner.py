"""An MH-ET LIVE barcode scanner on a UART (``ports.Scanner``).

No setting is known that disables its setup barcodes.  So the important settings are read every minute,
corrected and saved, and the operator is told that somebody changed them.
"""

from . import mhet
from .scanner import LineScanner


class MhEtScanner(LineScanner):
    """Texts from the scanner; commands only for its settings."""

    _check_ms = 60_000

    def __init__(self, uart: int, tx: int, rx: int, baud: int, mode: str, report):
        """``mode``: ``"continuous"`` or ``"induction"``.  Raises ``ValueError`` for another."""
        if mode not in ("continuous", "induction"):
            raise ValueError(f"scanner mode {mode}")
        # The setup option comes last: leaving the setup mode closes the module to setup barcodes again.
        self._settings = ((mhet.OPTION_MODE, mhet.MODES.index(mode)), (mhet.OPTION_SETUP, 0))
        self._splitter: mhet.Splitter
        super().__init__(uart, tx, rx, baud, report, mhet.Splitter())

    async def _set_up(self) -> bool:
        """Read the settings, and correct them if one differs; False without answers.

        A module that answers questions only in its setup mode gets all settings each time, but saves them
        only once, to spare its flash.
        """
        wrong = refused = False
        for option, wanted in self._settings:
            value = await self._ask_value(option)
            if value is None:
                return False
            refused = refused or value < 0
            wrong = wrong or value != wanted
        if not wrong:
            return True
        if self.answers and not refused:
            self._report("scanner settings had been changed")
        mode, leave = self._settings
        orders = [(mhet.OPTION_SETUP, 1), mode, leave]
        if not (refused and self.answers):
            orders.insert(2, (mhet.OPTION_STORE, mhet.STORE_SAVE))
        for option, value in orders:
            if await self._ask_value(-1, mhet.command(option, value)) != -1:
                return False
        return True

    async def _ask_value(self, option: int, sent: bytes = b""):
        self._splitter.asked = option
        reply = await self._ask(sent or mhet.question(option))
        if self._splitter.reply is None:
            self._splitter.reply = -1  # later answers are not expected
        return reply
