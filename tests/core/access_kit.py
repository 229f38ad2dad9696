"""Access on a rig: every record is kept, attempts are recorded before each comparison, time is ours."""

from time import ticks_add

from locker.core import codes
from locker.core import records as device_records
from locker.core.access import Access
from locker.core.events import TRUST_SET, VIA_KEYPAD
from locker.core.throttle import TRIES_MAX

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
EPOCH_S = 20_778 * 86_400  # a midnight in November 2026: a slot of every length begins
DAY_S = 86_400
HOLDERS = ((1, 1, 7), (3, 4, 1), (2, 5, 9))
NEVER = 4_294_967_295


def listed_tag(digits, key=KEY):
    return codes.listed_tag(codes.pads(codes.derive(key, codes.LABEL_LISTED)), digits)


def derived(parcel, digits=8, key=KEY):
    return codes.derived_digits(codes.pads(codes.derive(key, codes.LABEL_DERIVED)), parcel, digits)


def window(role, action, holder, epoch_s, digits=8, key=KEY):
    length_s = 3600 if role == 3 else DAY_S
    padded = codes.pads(codes.derive(key, codes.LABEL_WINDOW))
    return codes.window_digits(padded, role, action, holder, epoch_s // length_s, digits)


def token(
    action=0, door=65535, parcel="", begin=EPOCH_S, end=EPOCH_S + DAY_S, nonce=77, key=KEY, kind=1, holder=0
):
    body = codes.token_body(kind, action, holder, door, begin, end, nonce, parcel)
    return codes.token_text(codes.pads(codes.derive(key, codes.LABEL_TOKEN)), body)


def grant(id_, digits, begin=0, end=NEVER, role=0, action=0, holder=0, door=65535, uses=0, parcel=""):
    return device_records.pack(
        device_records.GRANT, id_, begin, end, role, action, holder, door, uses, listed_tag(digits), parcel
    )


class CountedMacs:
    """Counts the HMACs that are made from now on; ``stop`` ends it."""

    def __init__(self):
        self._count = 0
        self._plain = codes.mac_padded
        codes.mac_padded = self._mac_padded

    def _mac_padded(self, padded, *parts):
        self._count += 1
        return self._plain(padded, *parts)

    def taken(self):
        """How many since the last look."""
        count, self._count = self._count, 0
        return count

    def stop(self):
        codes.mac_padded = self._plain


class Desk:
    """An ``Access`` with its journal (a list of records) and its clock."""

    def __init__(self, digits=8, holders=HOLDERS, duress=False, doors=12, trust=TRUST_SET):
        self.digits = digits
        self._options = (KEY, digits, holders, duress, doors)
        self.log = []
        self.ms = ticks_add(0, -1_000)  # the ticks wrap soon
        self.epoch_s = EPOCH_S
        self.trust = trust
        self.access = Access(*self._options)
        self._boot()

    @property
    def now(self):
        return self.ms, self.epoch_s, self.trust

    def record(self, kind, *values):
        self.put(kind, device_records.pack(kind, *values))

    def put(self, kind, payload):
        self.log.append((kind, self.epoch_s, payload))
        self.access.apply(kind, self.epoch_s, payload)

    def wait(self, seconds):
        """Time passes; in steps, because ticks are only compared over half their range."""
        while seconds > 0:
            step = min(seconds, 100_000)
            self.ms = ticks_add(self.ms, step * 1000)
            self.epoch_s = min(self.epoch_s + step, NEVER)  # as the clock does
            seconds -= step
            self.access.warm(self.now)

    def type(self, digits):
        """One try as the session makes it: the verdict, or ``None`` while no try is left."""
        if self.access.may_try(self.now)[1]:
            return None
        due = self.access.throttle_due(self.now)
        if due:
            self.record(device_records.THROTTLE_STATE, *due)
        self.record(device_records.ATTEMPT, VIA_KEYPAD)
        verdict = self.access.check_digits(digits, self.now)
        if verdict[0] == 0:
            self.record(device_records.ACCEPTED, VIA_KEYPAD, *verdict[1:4], verdict[5], verdict[6])
        else:
            self.record(device_records.REFUSED, verdict[0], VIA_KEYPAD)
        return verdict

    def why(self, digits):
        """The reason of a fresh try; the bucket is topped up first, so that it is never in the way."""
        self.put(
            device_records.THROTTLE_STATE,
            device_records.pack(device_records.THROTTLE_STATE, 1000 * TRIES_MAX, 0),
        )
        return self.type(digits)[0]

    def scan(self, text):
        return self.access.check_token(text, self.now)

    def opened(self, door, ref, parcel=""):
        """The door was seen open, recorded as the core does it."""
        end = self.access.token_end(ref)
        if end:
            self.record(device_records.TOKEN_USED, ref, end)
        self.record(device_records.OPENED, door, 1, 300, ref, parcel)

    def restart(self, compacted=False):
        """Power off and on: state comes from the journal, perhaps from a snapshot of it."""
        records = self.log
        if compacted:
            records = [(kind, self.epoch_s, bytes(payload)) for kind, payload in self.access.snapshot()]
            self.log = list(records)
        self.access = Access(*self._options)
        for kind, time_s, payload in records:
            self.access.apply(kind, time_s, memoryview(payload))
        self._boot()

    def _boot(self):
        self.record(device_records.BOOT, 0, 0, 0, "test")
        self.access.warm(self.now)
