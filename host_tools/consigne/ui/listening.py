"""The socket of a page for the local machine, bound before the page is built."""

import socket

PAGE_PORT = 8080
"""Default port of every page of ours."""


class PortTaken(OSError):
    """The page's port is in use; the text tells what to do."""


def listen(port: int) -> socket.socket:
    """A socket that listens on the loopback: browsers that connect from now on wait for the page.

    Raises ``PortTaken``.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise PortTaken(f"port {port} cannot be had ({error.strerror}); choose another with --port") from None
    listening.listen()
    return listening
