"""What all scanners have in common that answer commands: settings looked at and put right, now and then."""

from micropython import const

from .scanner import LineScanner

_RETRY_MS = const(5_000)
_TRIES_MAX = const(3)


class ToldScanner(LineScanner):
    """A scanner that answers: its settings are put right at start and every ``check_ms``.

    ``report(text)`` is told once when it does not answer and once when it does again; without
    answers texts are taken all the same.  ``_set_up`` is what a family adds.
    """

    answers = None  # True or False once known
    _check_ms = 600_000

    async def run(self, sink) -> None:
        """Report ``(EV_SCAN, text)`` and ``(EV_SCAN_GARBLED,)``."""
        self._begin(sink)
        tries = 0
        while True:
            if await self._set_up():
                tries = 0
                if self.answers is False:
                    self._report("scanner answers again")
                self.answers = True
                rest_ms = self._check_ms
            else:
                tries += 1
                if tries == _TRIES_MAX and self.answers is not False:
                    self.answers = False
                    self._report("scanner does not answer")
                rest_ms = _RETRY_MS
            await self._listen_for(rest_ms)

    async def _set_up(self) -> bool:
        raise NotImplementedError
