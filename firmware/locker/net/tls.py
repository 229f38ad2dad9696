"""TLS for the client: whom to trust.

The server must show a certificate that ``ca`` signed, for the name the client was told to connect
to, and valid now.  "Now" is the interpreter's clock, so ``machine.RTC`` must be set first, from the
journal's floor at least: an ESP32 that wakes in the year 2000 believes no certificate.
"""

import ssl


def client_context(ca: bytes):
    """An ``ssl.SSLContext`` that trusts ``ca`` alone.

    ``ca`` is a certificate in DER: MicroPython's mbedTLS is built without PEM.  Raises ``ValueError``
    for one that it cannot read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=ca)
    return context
