"""TLS for the client: whom to trust, and as whom to come.

All certificates and keys are DER: MicroPython's mbedTLS is built without PEM.  The server must show
a certificate that ``ca`` signed, for the name the client was told to connect to, and valid now: the
interpreter's clock counts, so it must be set (``machine.RTC``) from the journal's floor at least.
"""

import ssl


def client_context(ca: bytes, certificate: bytes = b"", key: bytes = b""):
    """An ``ssl.SSLContext`` that trusts ``ca`` alone; shows ``certificate`` when one is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=ca)
    if certificate:
        context.load_cert_chain(certificate, key)
    return context
