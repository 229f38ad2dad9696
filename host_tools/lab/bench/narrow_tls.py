"""``tls`` for the 32-bit interpreter, which is built without it: bytes are passed on unchanged.

On a board TLS is C, and takes its memory outside Python's heap; here the application must still use the heap
that it needs for TLS on a board.
"""
# mypy: ignore-errors
# (a module for MicroPython, copied beside the application by ``heap.py``)

PROTOCOL_TLS_CLIENT = 0
CERT_REQUIRED = 2


class SSLContext:
    def __init__(self, _protocol):
        self.verify_mode = 0

    def load_verify_locations(self, cafile=None, cadata=None):
        pass

    def load_cert_chain(self, certificate, key):
        pass

    def wrap_socket(self, sock, **_options):
        return sock
