"""A journal without flash: the model that the real one is compared with."""

from __future__ import annotations

LOST = 18
ATTEMPT = 2
KEY_VALUE = 64  # a record of the model's own little state: key byte, then the value
COUNT = 80  # in snapshots: how many attempts there were


class Model:
    """Events, a small state folded from them and from internal records, and three numbers."""

    def __init__(self) -> None:
        self.events: dict[int, tuple[int, int, bytes]] = {}  # seq -> kind, time_s, payload
        self.state: dict[int, bytes] = {}
        self.attempts = 0
        self.acknowledged = 0
        self.next_seq = 1
        self.time_floor = 0

    def copy(self) -> Model:
        other = Model()
        other.__dict__.update(self.__dict__)
        other.events, other.state = dict(self.events), dict(self.state)
        return other

    def append(self, kind: int, payload: bytes, time_s: int) -> int:
        self.time_floor = max(self.time_floor, time_s)
        self.fold(kind, self.time_floor, payload, 0)
        if kind >= 64:
            return 0
        self.events[self.next_seq] = (kind, self.time_floor, payload)
        self.next_seq += 1
        return self.next_seq - 1

    def fold(self, kind: int, time_s: int, payload: bytes | memoryview, seq: int) -> None:
        if kind == ATTEMPT:
            self.attempts += 1
        elif kind == COUNT:
            self.attempts = int.from_bytes(payload, "big")
        elif kind == KEY_VALUE:
            self.state[payload[0]] = bytes(payload[1:])

    def snapshot(self) -> list[tuple[int, bytes]]:
        records = [(KEY_VALUE, bytes([key]) + value) for key, value in self.state.items()]
        return [*records, (COUNT, self.attempts.to_bytes(4, "big"))]

    def acknowledge(self, seq: int, time_s: int) -> bool:
        if not self.acknowledged < seq < self.next_seq:
            return False
        self.acknowledged = seq
        self.time_floor = max(self.time_floor, time_s)
        return True

    def lost(self, seq: int, first: int, last: int, time_s: int) -> None:
        """The journal had no room left, and recorded as event ``seq`` which events it gave up."""
        for gone in range(first, last + 1):
            self.events.pop(gone, None)
        self.events[seq] = (LOST, time_s, first.to_bytes(4, "big") + last.to_bytes(4, "big"))
        self.next_seq = max(self.next_seq, seq + 1)

    def unacknowledged(self) -> list[tuple[int, int, int, bytes]]:
        return [(seq, *self.events[seq]) for seq in sorted(self.events) if seq > self.acknowledged]

    def same(self, other: Model) -> bool:
        """Whether the two are equivalent; acknowledged events may be missing."""
        mine = (self.unacknowledged(), self.state, self.attempts, self.acknowledged, self.next_seq)
        theirs = (other.unacknowledged(), other.state, other.attempts, other.acknowledged, other.next_seq)
        return mine == theirs and self.time_floor == other.time_floor
