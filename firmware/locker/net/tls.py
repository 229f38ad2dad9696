"""TLS for the client: whom to trust, who we are, and by which date a certificate is judged.

The server must show a certificate that ``ca`` signed, for the name the client was told to connect to,
valid at the date of the chip's calendar, which mbedTLS reads.  What that calendar is set to follows from
what is known of the time:

| the clock is | not after | not before | so |
|---|---|---|---|
| set: host, clock chip | holds now | holds now | the calendar is set anew for each connection |
| on the floor | holds at the floor | holds then, or a month later, or two .. | the true time is later |
| set since it connected, a day off | by the true date | by the true date | the connection is made again |

The floor is the newest time in the journal: what had expired by then is refused for ever; what was "in
the future" then may be valid now, so the next try is made by a date one month on.

So a locker that was dark for a year connects to a broker whose certificate is three months old, asks for
the time, and then judges that certificate again.  What somebody gains who holds an expired certificate's
key and meets a locker that does not know the time: a connection, and nothing else.  Commands, and the
answer to "what time is it?", are signed with the locker's own key.
"""

import ssl

from micropython import const

from ..core.events import TRUST_SET

_DAY_S = const(86400)
_STEP_S = const(2592000)  # 30 days: the shortest-lived certificates in use are valid for 90
_STEPS_MAX = const(600)  # 49 years; then from the floor again
_FUTURE = "in the future"  # mbedTLS of a certificate that is not valid yet


def client_context(ca: bytes, certificate: bytes = b"", key: bytes = b""):
    """An ``ssl.SSLContext`` that trusts ``ca`` alone and shows ``certificate``, if there is one.

    All are in DER: MicroPython's mbedTLS is built without PEM.  Raises ``ValueError`` for what it
    cannot read, and for a certificate without its key or the other way round.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=ca)
    if bool(certificate) != bool(key):
        raise ValueError("a client certificate and its key go together")
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


class Tls:
    """A context and the calendar it is used by.

    ``now()`` as in ``core/events.py``, ``set_calendar(epoch_s)`` sets the chip's.
    """

    def __init__(self, context, now, set_calendar):
        self.context = context
        self._now = now
        self._set_calendar = set_calendar
        self._steps = 0  # months after the floor at which the next certificate is judged
        self._judged_s = 0  # the calendar at the last handshake
        self._judged_trust = TRUST_SET

    def prepare(self) -> None:
        """Set the calendar for the handshake that comes now."""
        _, epoch_s, self._judged_trust = self._now()
        if self._judged_trust == TRUST_SET:
            self._steps = 0
        self._judged_s = epoch_s + self._steps * _STEP_S
        self._set_calendar(self._judged_s)

    def failed(self, text: str) -> bool:
        """Why a connection ended; true when another date may do, so that it is worth trying at once."""
        if _FUTURE not in text or self._judged_trust == TRUST_SET:
            self._steps = 0
            return False
        self._steps = (self._steps + 1) % _STEPS_MAX
        return True

    def doubtful(self) -> bool:
        """Whether the certificate was judged by a date that is known to be wrong by now."""
        _, epoch_s, trust = self._now()
        return self._judged_trust != TRUST_SET == trust and abs(epoch_s - self._judged_s) >= _DAY_S
