"""TLS for the client: the trusted authority, the client certificate, and the date for judging a certificate.

The server must show a certificate that ``ca`` signed, for the name the client was told to connect to, valid
at the date of the chip's calendar, which mbedTLS reads.  A chip starts in the year 2000, so the calendar is
set before each handshake.  The date follows from what is known of the time:

| the clock is | not after | not before |
|---|---|---|
| told by the host since the start | holds now | holds now |
| set by a clock chip | holds now | holds now |
| on the floor | holds at the floor | may come later |
| wrong, it seems | must hold together at some time | |

The clock seems wrong when only dates have kept the locker offline for an hour, or for a day if the host has
told the time.

The floor is the newest time in the journal, and never before ``EARLIEST_S``; the true time is later.  So a
certificate that had expired by then is refused, and one that was "in the future" then is tried again by
another date.  The certificates themselves give that date: mbedTLS passes each of the chain to ``_seen``
before it gives its verdict.  The earliest date at which all of them are valid is tried next.  If the second
handshake fails, no other date can help.  So it follows soon; later waits grow as usual.  The dates read here
only choose the date of the retry; mbedTLS checks everything again, and another date is tried only for a chain
that is signed and named rightly and is wrong in nothing but its dates.

As soon as the host has told the time a connection made by another date is made again, a day off or
more, and judged by the true one: three handshakes at most for a board that has never known the time.

A clock may be wrong too: a clock chip, or a host, that was set a year ahead.  By that clock every certificate
has expired, and without a connection nobody can correct it; hence the last row.

An attacker who holds an expired certificate's key and sits between the two gains only a connection, and
that only from a locker that does not know the time or was kept offline for a day.  It shows them the
locker's MQTT password and what is said, neither of which opens a door: commands, events, and the answer
to "what time is it?" are signed with the locker's own key.
"""

from time import ticks_diff

import tls
from micropython import const

from ..core.events import TRUST_FLOOR
from ..core.timekeeping import DAY_S, EARLIEST_S, HOUR_S
from .certificate import validity

_DAY_MS = const(86400000)
_HOUR_MS = const(3600000)
# mbedTLS's text when only dates are wrong (library/x509_crt.c, mbedtls_x509_crt_verify_info).
_DATES = ("The certificate validity has expired", "The certificate validity starts in the future")


def client_context(ca: bytes, certificate: bytes = b"", key: bytes = b""):
    """A ``tls.SSLContext`` that trusts ``ca`` alone and shows ``certificate``, if there is one.

    All are in DER: MicroPython's mbedTLS is built without PEM.  Raises ``ValueError`` for what it
    cannot read, and for a certificate without its key or the other way round.
    """
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED  # pyright: ignore
    context.load_verify_locations(ca)
    if bool(certificate) != bool(key):
        raise ValueError("a client certificate and its key go together")
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def _only_dates(error: str) -> bool:
    """Whether an error of the handshake names only dates."""
    lines = [line for line in error.split("\n")[1:] if line]  # the first line says whose error it is
    for line in lines:
        if line not in _DATES:
            return False
    return bool(lines)


class Tls:
    """A context and the calendar it is used by.

    ``now()`` as in ``core/events.py``, ``set_calendar(epoch_s)`` sets the chip's, ``is_told()`` is true when
    the host has told the time since the start.  ``report(text)`` is called once if dates could not be read:
    mbedTLS took the certificate, so the fault is ours.
    """

    def __init__(self, context, now, set_calendar, is_told, report):
        self.context = context
        self._now = now
        self._set_calendar = set_calendar
        self._is_told = is_told
        self._report = report
        self._unread = None  # the error of reading dates, until it is reported
        self._other_s = 0  # a date to judge by instead of the known time; 0: use the known time
        self._judged_s = 0  # the calendar at the last handshake
        self._known = (TRUST_FLOOR, False)  # trust of the time then, whether the host had told it
        self._refused_ms = None  # since when only dates have kept the locker offline
        self._is_late = False  # ... for so long that the clock may be wrong
        self._begin_s = self._end_s = 0  # validity of the last chain
        context.verify_callback = self._seen

    def prepare(self) -> None:
        """Set the calendar for the handshake that comes now."""
        _, epoch_s, trust = self._now()
        known = trust, self._is_told()
        if known != self._known:
            self._known = known
            self._other_s = 0
            self._refused_ms = None
            self._is_late = False
        self._begin_s, self._end_s = 0, 1 << 62
        self._judged_s = self._other_s or max(epoch_s, EARLIEST_S)
        self._set_calendar(self._judged_s)

    def _seen(self, certificate, depth) -> int:
        """Called by mbedTLS for each certificate of the chain.  Returns 0: no opinion.

        An exception raised here would jump out of the middle of mbedTLS.
        """
        try:
            begin_s, end_s = validity(certificate)
        except Exception as error:  # noqa: BLE001
            self._unread = error
            return 0
        self._begin_s = max(self._begin_s, begin_s)
        self._end_s = min(self._end_s, end_s)
        return 0

    def ended(self, error: str, was_up: bool) -> bool:
        """Note why a connection ended; true when another date may succeed and should be tried soon.

        Never twice in a row: a server with a new chain for each date would be tried for ever.
        """
        if self._unread is not None and self._report:
            self._report("dates unread: {!r}".format(self._unread))
            self._report = None
        before_s, self._other_s = self._other_s, 0
        if was_up and not before_s:  # a certificate was valid at the known date
            self._refused_ms = None
            self._is_late = False
        if was_up or not _only_dates(error):
            return False
        now_ms, epoch_s, _ = self._now()
        if self._refused_ms is None:
            self._refused_ms = now_ms
        patience_ms = _DAY_MS if self._known[1] else _HOUR_MS
        self._is_late = self._is_late or ticks_diff(now_ms, self._refused_ms) >= patience_ms
        self._other_s = self._another(max(epoch_s, EARLIEST_S))
        return bool(self._other_s) and not before_s

    def _another(self, known_s: int) -> int:
        """A date at which the refused chain is valid; 0 when there is none, or none is needed."""
        begin_s, end_s = self._begin_s, self._end_s
        if begin_s > end_s or end_s < EARLIEST_S:
            return 0
        if begin_s > known_s:
            return begin_s if self._is_late or self._known[0] == TRUST_FLOOR else 0
        if end_s < known_s and self._is_late:
            return max(begin_s, end_s - HOUR_S)  # not the last second: a handshake takes several
        return 0

    def doubtful(self) -> bool:
        """Whether the certificate was judged by a date now known to be wrong."""
        _, epoch_s, trust = self._now()
        if not self._is_told() or self._known == (trust, True):
            return False
        return abs(epoch_s - self._judged_s) >= DAY_S
