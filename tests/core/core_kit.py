"""A whole core on a rig: doors that open and close, records kept, a person at the keypad.

What ``controller`` does with hardware happens here with lists: effects are carried out in order,
time is a number, and a restart keeps nothing but the records.
"""

from time import ticks_add

from locker import config, texts
from locker.core import codes, records
from locker.core import events as device_events
from locker.core.core import Core
from locker.site import Site

KEY = bytes(range(32))
EPOCH_S = 1_795_200_000


def site(**changes):
    """A site of four compartments (S, S, M, L)."""
    return Site(raw(**changes))


def raw(**changes):
    """Its whole configuration, checked."""
    given = {
        "format": 1,
        "board": "esp32",
        "arm_pin": 25,
        "doors": [
            {
                "name": str(i + 1),
                "size": size,
                "lock": {"bank": "gpio", "channel": 13 + i},
                "reed": {"bank": "gpio", "channel": 32 + i},
            }
            for i, size in enumerate((1, 1, 2, 3))
        ],
        "keypad": {"kind": "matrix", "rows": [26, 27, 4, 5], "cols": [21, 22, 23], "keys": "123456789*0#"},
        "i2c": [{"id": 0, "scl": 0, "sda": 12}],
        "display": {"kind": "hd44780", "i2c": 0, "address": 39},
        "buzzer": {"pin": 2},
        "led": {"pin": 1},
        "holders": [
            [device_events.COURIER, device_events.DEPOSIT, 7],
            [device_events.COURIER, device_events.RECALL, 7],
            [device_events.TECHNICIAN, device_events.SERVICE, 1],
        ],
    }
    given.update(changes)
    return config.checked(given)


class CoreRig:
    """``screen`` is what the display shows, ``facts`` what was recorded, ``open`` the doors ordered open."""

    def __init__(self, the_site=None, log=(), trust=device_events.TRUST_SET, epoch_s=EPOCH_S, is_open=None):
        self.site = the_site or site()
        self.core = Core(self.site, KEY)
        self.log = list(log)
        for kind, time_s, payload in self.log:
            self.core.apply(kind, time_s, payload)
        self.ms = ticks_add(0, -5_000)
        self.epoch_s = epoch_s
        self.trust = trust
        self.facts = []
        self.pulses = []
        self.others = []
        self.timers = {}
        self.screen = None
        self.is_open = list(is_open or [False] * len(self.site.names))
        self.jammed = set()
        self._left_ms = 0
        self.send((device_events.EV_BOOT, 1, 0, len(self.log), "test"))
        for door, is_open in enumerate(self.is_open):
            self.send((device_events.EV_DOOR, door, is_open))

    # --- the shell ---------------------------------------------------------------------------------

    def now(self):
        return self.ms, self.epoch_s, self.trust

    def send(self, *events):
        inbox = list(events)
        while inbox:
            for fx in self.core.handle(inbox.pop(0), self.now()):
                self._carry_out(fx, inbox)

    def _carry_out(self, fx, inbox):
        if fx[0] == device_events.FX_RECORD:
            self.log.append((fx[1], self.epoch_s, fx[2]))
            self.facts.append(records.describe(fx[1], fx[2]))
        elif fx[0] == device_events.FX_PULSE:
            self._pulse(fx[1], inbox)
        elif fx[0] == device_events.FX_SHOW:
            self.screen = fx[1]
            self.lines = texts.render(fx[1], fx[2], fx[3])
        elif fx[0] == device_events.FX_TIMER:
            self.timers.pop(fx[1], None)
            if fx[2] >= 0:
                self.timers[fx[1]] = fx[2]
        elif fx[0] == device_events.FX_THEN:
            inbox.insert(0, fx[1])
        else:
            self.others.append(fx)

    def _pulse(self, door, inbox):
        self.pulses.append(door)
        inbox.append((device_events.EV_PULSED, door))
        if door not in self.jammed:
            self.is_open[door] = True
            inbox.append((device_events.EV_DOOR, door, True))

    def of(self, kind):
        """What the other effects of this kind said, oldest first."""
        return [fx[1:] for fx in self.others if fx[0] == kind]

    def pass_s(self, seconds):
        """Let time pass; timers fire when they are due."""
        for _ in range(seconds * 10):
            self.ms = ticks_add(self.ms, 100)
            self._left_ms += 100
            if self._left_ms >= 1000:
                self._left_ms -= 1000
                self.epoch_s += 1
            for which in list(self.timers):
                self.timers[which] -= 100
                if self.timers[which] <= 0:
                    self.timers.pop(which)
                    self.send((device_events.EV_TIMER, which))

    # --- people --------------------------------------------------------------------------------------

    def press(self, keys):
        for key in keys:
            self.send((device_events.EV_KEY, key))

    def scan(self, text):
        self.send((device_events.EV_SCAN, text))

    def shut(self, door, after_s=1):
        """Push a door shut, by default when there was time to take something out."""
        self.pass_s(after_s)
        self.is_open[door] = False
        self.send((device_events.EV_DOOR, door, False))

    def kinds(self):
        return [fact["kind"] for fact in self.facts]

    def restart(self, trust=device_events.TRUST_FLOOR):
        """The power was gone for a moment: only the records are left, and the doors as they stand."""
        return CoreRig(self.site, self.log, trust, self.epoch_s, self.is_open)

    # --- the host ----------------------------------------------------------------------------------------

    def window(self, role, action, holder):
        """The code that the host would tell this holder now."""
        padded = codes.pads(codes.derive(KEY, codes.LABEL_WINDOW))
        slot_s = 3600 if role == device_events.TECHNICIAN else 86400
        return codes.window_digits(padded, role, action, holder, self.epoch_s // slot_s, self.site.digits)

    def derived(self, parcel):
        return codes.derived_digits(
            codes.pads(codes.derive(KEY, codes.LABEL_DERIVED)), parcel, self.site.digits
        )

    def grant(
        self,
        id_,
        digits,
        role=device_events.CUSTOMER,
        action=device_events.COLLECT,
        door=records.ANY_DOOR,
        uses=1,
        parcel="",
    ):
        tag = codes.listed_tag(codes.pads(codes.derive(KEY, codes.LABEL_LISTED)), digits)
        return records.pack(
            records.GRANT,
            id_,
            self.epoch_s - 60,
            self.epoch_s + 86400 * 3,
            role,
            action,
            0,
            door,
            uses,
            tag,
            parcel,
        )

    def token(self, nonce, action, door=records.ANY_DOOR):
        """The text of a token for holder 1, good until tomorrow."""
        times = self.epoch_s - 60, self.epoch_s + 86400
        body = codes.token_body(codes.TOKEN_KIND, action, 1, door, *times, nonce, "")
        return codes.token_text(codes.pads(codes.derive(KEY, codes.LABEL_TOKEN)), body)

    def give(self, *payloads):
        """The host's delta, from the version the locker has to the next."""
        version = self.core.access.grants_version
        self.send((device_events.EV_GRANTS, version, version + 1, list(payloads), [], False))

    def deposit(self, parcel, size="1", shut=True):
        """A courier with a window code leaves one parcel; returns the door."""
        self.press(self.window(device_events.COURIER, device_events.DEPOSIT, 7) + "#")
        self.scan(parcel)
        if self.screen == "which_size":
            self.press(size)
        door = self.core.session.door
        if shut:
            self.shut(door)
            self.press("#")
            self.pass_s(10)
        return door
