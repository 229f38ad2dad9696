"""Runs on both interpreters: plays what a line of JSON says on an ``Access`` and answers with a line.

    micropython echo.py <root of the repository>      (imported by the tests on CPython)

A line is a list of steps, ``[name, argument, ...]``; the answer is the list of what each gave.  An
exception is an answer too (``["raised", type]``), so that the test can refuse it by name.
"""

import json
import sys
from binascii import hexlify, unhexlify

if __name__ == "__main__":
    root = sys.argv[1]
    sys.path[:0] = [root + "/tests/core", root + "/firmware"]

from access_kit import Desk, derived, token, window
from locker.core import codes, labels
from locker.core import records as R


def _hex(data):
    return hexlify(data).decode()


def _host(desk, kind, payload):
    """What the core does with a grant or a revocation of the host."""
    reason = desk.access.admit(kind, payload)
    if reason == 0:
        desk.put(kind, payload)
    return reason


def play(steps):
    """The answers to ``steps``, beginning with a new locker."""
    options = steps[0]
    desk = Desk(digits=options[0], duress=options[1], trust=options[2])
    desk.epoch_s = options[3]
    out = []
    for step in steps[1:]:
        try:
            out.append(_STEPS[step[0]](desk, *step[1:]))
        except Exception as error:  # noqa: BLE001 - the test refuses it by name
            out.append(["raised", type(error).__name__, step[0]])
    return out


def _type(desk, text):
    return desk.type(text)


def _bind(desk, door, parcel):
    clash = desk.access.collides(parcel)
    if not clash:
        desk.access.bind(door, parcel)
    return clash


def _derived(desk, parcel):
    return desk.type(derived(parcel, desk.digits))


def _window(desk, role, action, holder, ahead_s):
    return desk.type(window(role, action, holder, max(desk.epoch_s + ahead_s, 0), desk.digits))


def _token(desk, action, door, parcel, begin, end, nonce):
    return desk.scan(token(action, door, parcel, begin, end, nonce))


def _snapshot(desk):
    # In one order: a dict of MicroPython has none.
    return sorted([kind, _hex(payload)] for kind, payload in desk.access.snapshot())


def _frame(desk, topic, text):
    key = codes.derive(bytes(32), codes.LABEL_COMMAND)
    body = codes.open_frame(key, topic, text.encode())
    return None if body is None else _hex(body)


_STEPS = {
    "type": _type,
    "scan": lambda desk, text: desk.scan(text),
    "label": lambda desk, text: labels.parcel_id(text),
    "bytes": lambda desk, data: labels.parcel_possible(unhexlify(data)),
    "host": lambda desk, kind, data: _host(desk, kind, unhexlify(data)),
    "drop": lambda desk, id_: desk.record(R.GRANT_DROP, id_),
    "opened": lambda desk, door, ref, parcel: desk.opened(door, ref, parcel),
    "bind": _bind,
    "unbind": lambda desk, door: desk.access.unbind(door),
    "derived": _derived,
    "window": _window,
    "token": _token,
    "frame": _frame,
    "wait": lambda desk, seconds: desk.wait(seconds),
    "tries": lambda desk: desk.access.may_try(desk.now),
    "restart": lambda desk, compacted: desk.restart(compacted),
    "snapshot": _snapshot,
}


def serve():
    for line in sys.stdin:
        print(json.dumps(play(json.loads(line))))


if __name__ == "__main__":
    serve()
