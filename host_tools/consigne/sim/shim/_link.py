"""The MicroPython end of the wire to the simulated board.

Questions take one round trip on a socket inherited as a file descriptor; posts are written and
forgotten.  Pushes (interrupts) that arrive in between are delivered when the question has been
answered, and otherwise by ``pump``, as a real interrupt comes between two bytecodes.
"""

import asyncio
import os
import select
import struct

import _ops

_fd = int(os.getenv("CONSIGNE_BOARD_FD"))
_reader = open(_fd, "rb")  # noqa: SIM115 - open as long as the interpreter lives
_writer = open(_fd, "wb")  # noqa: SIM115
_poller = select.poll()
_poller.register(_reader, select.POLLIN)
_head = bytearray(4)
_small = bytearray(64)
_small_view = memoryview(_small)
_push = bytearray(1)
_pushes = []  # (op, number, value) in order of arrival
_handlers = {}
_asking = []  # one entry for each question under way: interrupts wait until there is none


def subscribe(op, handler):
    """Have ``handler(number, value)`` called for pushes of this kind."""
    _handlers[op] = handler


def _send(op, number, payload):
    size = len(payload)
    if size <= 60:
        struct.pack_into("<BBH", _small, 0, op, number, size)
        _small[4 : 4 + size] = payload
        _write(_small_view[: 4 + size])
    else:
        _write(struct.pack("<BBH", op, number, size))
        _write(memoryview(payload))


def _write(view):
    sent = _writer.write(view)
    while sent < len(view):
        sent += _writer.write(view[sent:])


def _fill(buf):
    view = memoryview(buf)
    got = 0
    while got < len(view):
        count = _reader.readinto(view[got:])
        if not count:
            raise SystemExit("the board is gone")
        got += count


def _receive():
    """Read one header; keep a push and return None, or return (status, length) of an answer."""
    _fill(_head)
    op, number, size = struct.unpack("<BBH", _head)
    if number == _ops.ANSWER:
        return op, size
    _fill(_push)
    _pushes.append((op, number, _push[0]))
    return None


def _deliver():
    while _pushes:
        op, number, value = _pushes.pop(0)
        _handlers[op](number, value)


def post(op, number, payload=b""):
    """Tell the board and go on."""
    _send(op, number, payload)


def ask(op, number, payload=b"", into=None):
    """Ask the board; the answer goes to ``into`` if given, else it is returned as bytes.

    Raises OSError with the errno the board gave, ValueError when it refused the arguments.
    """
    outermost = not _asking
    _asking.append(op)
    try:
        _send(op, number, payload)
        answer = None
        while answer is None:
            answer = _receive()
        status, size = answer
        data = bytearray(size) if into is None or status else into
        _fill(data)
    finally:
        _asking.pop()
    if outermost and _pushes:
        _deliver()
    if status == _ops.BAD_VALUE:
        raise ValueError(data.decode())
    if status:
        raise OSError(status)
    return bytes(data) if into is None else None


async def pump():
    """Deliver pushes while the firmware waits; runs as one more asyncio task."""
    while True:
        yield asyncio.core._io_queue.queue_read(_reader)
        # A question of another task may have read the push since the poll: then there is nothing left.
        if _poller.poll(0):
            _receive()
            _deliver()
