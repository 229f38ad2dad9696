"""Runs on both interpreters: plays what a line of JSON says and answers with a line.

    micropython echo.py <root of the repository>      (imported by the tests on CPython)

A line is ``[options, step, ...]``: on an ``Access`` when there are options, on a whole ``Core`` when
they are null.  A step is ``[name, argument, ...]``; the answer is the list of what each gave.  An
exception is an answer too (``["raised", type]``), so that the test can refuse it by name.
"""

import json
import sys
from binascii import hexlify, unhexlify

if __name__ == "__main__":
    root = sys.argv[1]
    sys.path[:0] = [root + "/tests/core", root + "/firmware"]

from access_kit import Desk, derived, token, window
from core_kit import CoreRig
from locker.core import codes, events, labels, records


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
    if options is None:
        table, rig = _CORE_STEPS, CoreRig()
    else:
        table, rig = _STEPS, Desk(digits=options[0], duress=options[1], trust=options[2])
        rig.epoch_s = options[3]
    out = []
    for step in steps[1:]:
        try:
            out.append(table[step[0]](rig, *step[1:]))
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
    "drop": lambda desk, id_: desk.record(records.GRANT_DROP, id_),
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


# --- a whole core -----------------------------------------------------------------------------------


def _told(do):
    """A step that does something to a ``core_kit.CoreRig``: what was recorded, shown and pulsed of it."""

    def step(rig, *arguments):
        rig.facts, rig.pulses = [], []
        do(rig, *arguments)
        return [[sorted(fact.items()) for fact in rig.facts], rig.screen, rig.pulses, _lines(rig)]

    return step


def _lines(rig):
    return list(rig.lines)


def _give(rig, payloads):
    rig.give(*[unhexlify(payload) for payload in payloads])


def _revoke(rig, kind, payload):
    rig.send((events.EV_REVOKE, kind, unhexlify(payload)))


def _door(rig, door, is_open):
    rig.is_open[door] = is_open
    rig.send((events.EV_DOOR, door, is_open))


def _jam(rig, door, jammed):
    if jammed:
        rig.jammed.add(door)
    else:
        rig.jammed.discard(door)


_CORE_STEPS = {
    "press": _told(lambda rig, keys: rig.press(keys)),
    "scan": _told(lambda rig, text: rig.scan(text)),
    "garbled": _told(lambda rig: rig.send((events.EV_SCAN_GARBLED,))),
    "together": _told(lambda rig: rig.send((events.EV_KEYS_TOGETHER,))),
    "courier": _told(lambda rig: rig.press(rig.window(1, 1, 7) + "#")),
    "technician": _told(lambda rig: rig.press(rig.window(3, 4, 1) + "#")),
    "customer": _told(lambda rig, parcel: rig.press(rig.derived(parcel) + "#")),
    "give": _told(_give),
    "revoke": _told(_revoke),
    "door": _told(_door),
    "jam": _told(_jam),
    "open": _told(lambda rig, door, counter: rig.send((events.EV_OPEN_ORDER, door, counter, "c"))),
    "pass": _told(lambda rig, seconds: rig.pass_s(seconds)),
}


def serve():
    for line in sys.stdin:
        print(json.dumps(play(json.loads(line))))


if __name__ == "__main__":
    serve()
