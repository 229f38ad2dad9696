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
_head_view = memoryview(_head)
_small = bytearray(64)
_small_view = memoryview(_small)
_push = bytearray(1)
_pushes = []  # (op, number, value) in order of arrival
_handlers = {}
_asking = []  # one entry for each open question: interrupts wait until there is none

_IDLE, _HEAD, _BODY = 0, 1, 2


class _Transfer:
    """The state of the transfers.

    A KeyboardInterrupt may come at any jump and in any system call.  So these variables change together with
    the bytes sent or read, with no jump between, and the next message can finish an interrupted one.
    """

    unsent = []  # views, in order
    stage = _IDLE  # of the message being read
    want = None  # the part of it that is still to come
    body = None
    owed = 0  # answers the board will still send


def subscribe(op, handler):
    """Have ``handler(number, value)`` called for pushes of this kind."""
    _handlers[op] = handler


def _send(op, number, payload, answers):
    size = len(payload)
    if size <= 60:
        struct.pack_into("<BBH", _small, 0, op, number, size)
        _small[4 : 4 + size] = payload
        _Transfer.unsent.append(_small_view[: 4 + size])
        _Transfer.owed += answers
    else:
        struct.pack_into("<BBH", _small, 0, op, number, size)
        _Transfer.unsent.extend((_small_view[:4], memoryview(payload)))
        _Transfer.owed += answers
    _flush()


def _flush():
    while _Transfer.unsent:
        _Transfer.unsent[0] = _Transfer.unsent[0][_writer.write(_Transfer.unsent[0]) :]
        if not _Transfer.unsent[0]:
            _Transfer.unsent.pop(0)


def _fill():
    while _Transfer.want:
        left = len(_Transfer.want)
        _Transfer.want = _Transfer.want[_reader.readinto(_Transfer.want) :]
        if len(_Transfer.want) == left:
            raise SystemExit("the board is gone")


def _receive(into=None):
    """Read one message; keep a push and return None, or return (status, payload) of an answer."""
    if _Transfer.stage == _IDLE:
        _Transfer.want = _head_view
        _Transfer.stage = _HEAD
    if _Transfer.stage == _HEAD:
        _fill()
        if _head[1] != _ops.ANSWER:
            _Transfer.body = _push
        elif into is None or _head[0]:
            _Transfer.body = bytearray(_head[2] | _head[3] << 8)
        else:
            _Transfer.body = into
        _Transfer.want = memoryview(_Transfer.body)
        _Transfer.stage = _BODY
    _fill()
    if _head[1] == _ops.ANSWER:
        _Transfer.owed -= 1
        _Transfer.stage = _IDLE
        return _head[0], _Transfer.body
    _pushes.append((_head[0], _head[1], _push[0]))
    _Transfer.stage = _IDLE
    return None


def _settle():
    """Finish transfers that an interrupt broke off; their answers are discarded."""
    _flush()
    while _Transfer.stage != _IDLE or _Transfer.owed:
        _receive()


def _deliver():
    while _pushes:
        op, number, value = _pushes.pop(0)
        _handlers[op](number, value)


def post(op, number, payload=b""):
    """Send a message without waiting for an answer."""
    if _Transfer.unsent:
        _flush()
    _send(op, number, payload, 0)


def ask(op, number, payload=b"", into=None):
    """Ask the board; the answer goes to ``into`` if given, else it is returned as bytes.

    Raises OSError with the errno the board gave, ValueError when it refused the arguments.
    """
    if _Transfer.owed or _Transfer.unsent:
        _settle()
    outermost = not _asking
    _asking.append(op)
    try:
        _send(op, number, payload, 1)
        answer = None
        while answer is None:
            answer = _receive(into)
        status, data = answer
    finally:
        _asking.pop()
    if outermost and _pushes:
        _deliver()
    if status == _ops.BAD_VALUE:
        raise ValueError(data.decode())
    if status == _ops.BAD_OS:
        raise OSError(*[part for part in (struct.unpack_from("<i", data)[0], data[4:].decode()) if part])
    if status:
        raise OSError(status)
    return bytes(data) if into is None else None


async def pump():
    """Deliver pushes while the firmware waits; runs as one more asyncio task."""
    while True:
        yield asyncio.core._io_queue.queue_read(_reader)
        # A question of another task may have read the push since the poll: then nothing is left to read.
        if _poller.poll(0):
            _receive()
            _deliver()
