"""The socket of a page for the local machine, bound before the page is built."""

import socket

PAGE_PORT = 8080
"""Default port of every page of ours."""


class PortTakenError(OSError):
    """The page's port is in use; the text tells what to do."""


def listen(port: int, option: str) -> socket.socket:
    """A socket that listens on the loopback: browsers that connect from now on wait for the page.

    ``option``: the command's, with which another port is chosen.  Raises ``PortTakenError``.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        told = f"port {port} cannot be had ({error.strerror}); choose another with {option}"
        raise PortTakenError(told) from None
    listening.listen()
    return listening
