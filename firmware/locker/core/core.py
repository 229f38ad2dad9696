"""The whole decision: ``handle(event, now) -> effects``, and the fold that restores it.

``Core`` reads no clock, awaits nothing and touches no pin.  Each lasting fact goes
through ``record``: it becomes an ``FX_RECORD`` effect *and* is folded into the state with the same
``apply`` that replays the journal, so the running state and the recovered state cannot differ.  The
shell carries the effects out in order and stops at the first record that will not be durable.
"""

import struct

from micropython import const

from . import cabinet, dialog, doors, events, orders, records
from .access import Access
from .reasons import R_FULL, R_OK
from .session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import (
        BareEvent,
        BootEvent,
        CommandEvent,
        DoorEvent,
        Effect,
        Effects,
        Event,
        EventHandler,
        ExpectedEvent,
        GrantsEvent,
        Members,
        Now,
        NumberEvent,
        OrderEvent,
        PairEvent,
        Payload,
        RevokeEvent,
        Screen,
        SupplyEvent,
        TextEvent,
        Value,
        Values,
    )
    from ..site import Site
    from .senses import Senses

DOORS_TIMER = const(2)
FLOOR_TIMER = const(3)

_FLOOR_MS = const(3_600_000)  # after a restart the clock's floor is at most this much too early
_EXPECTED_MAX = const(256)
_WORD_BYTES = struct.calcsize("P")
_EXPECTED_WORDS = const(20)  # of heap for one
_RESERVE_WORDS = const(4096)  # for a connection, the last key of a code, and a message of the host
_PART_GRANTS = const(8)

_OF_ORDER = {
    cabinet.ORDERED: orders.OK,
    cabinet.IS_OPEN: orders.IS_OPEN,
    cabinet.IS_BUSY: orders.BUSY,
    cabinet.OUT_OF_ORDER: orders.OUT_OF_ORDER,
}


def _session_of(service: str) -> type[Session]:
    """The dialog for a kind of service; the other kinds are not imported, which saves heap."""
    if service == "locker":
        return Session
    from .services import KINDS

    return KINDS[service]


class Core:
    """One locker's decisions.

    ``site`` is the validated configuration (``site.Site``): ``names``, ``sizes``, ``low``,
    ``digits``, ``holders``, ``duress``, ``pulse_ms``, ``reopen_s``, ``language``, ``languages``,
    ``site_name``.  ``device_key`` is the locker's own, 32 bytes: all codes are derived from it.
    """

    def __init__(self, site: "Site", device_key: bytes) -> None:
        self.names = site.names
        self.sizes = site.sizes
        self.digits = site.digits
        self.site_name = site.site_name
        self.access = Access(device_key, site.digits, site.holders, site.duress, len(site.names))
        self.cabinet = cabinet.Cabinet(
            site.sizes, site.low, site.pulse_ms, site.reopen_s, self._door_record, self.effect
        )
        self.hours = site.hours
        self.session = _session_of(site.service)(self, site.language, site.languages)
        self.orders = orders.Orders(self, site)
        self.senses: Senses | None = None  # None if the cabinet has none, see senses.py
        self.tag = b""  # what the journal says in BOUND, see ``codes.journal_tag``
        self.wants = False  # a fresh journal, and the host has not yet said what lies where
        self.command_counter = 0
        self.failed_command = ""  # id of the newest that a fault ended; a snapshot forgets it
        self._expected: dict[
            str, tuple[int, int]
        ] = {}  # parcel -> (size, until epoch s), at most _EXPECTED_MAX
        self._expected_max = _EXPECTED_MAX
        self._refused = orders.OK  # why a part of the command being carried out was not taken
        self._fx: Effects = []
        self._now: Now = (0, 0, events.TRUST_FLOOR)  # pyright: ignore[reportAttributeAccessIssue] - no tick yet

    # --- the fold ------------------------------------------------------------------------------------

    def apply(self, kind: int, time_s: int, payload: "Payload", seq: int = 0) -> None:
        """Fold one record, replayed or new.  ``seq`` is not needed for the state."""
        self.access.apply(kind, time_s, payload, seq)
        self.cabinet.apply(kind, time_s, payload)
        self.orders.apply(kind, payload)
        if self.senses:
            self.senses.apply(kind, payload)
        if kind == records.DEPOSITED:
            values = records.unpack(kind, payload)
            self.access.bind(values[0], values[-1])
            self._expected.pop(values[-1], None)
        elif kind == records.DOOR_STATE:
            values = records.unpack(kind, payload)
            self.access.unbind(values[0])
            if values[-1] and values[1] in (doors.PARCEL, doors.TAKEN, doors.EMPTY):
                self.access.bind(values[0], values[-1])
        elif kind == records.PULSE:
            values = records.unpack(kind, payload)
            if values[1] == doors.FOR_DEPOSIT:
                self.access.unbind(values[0])
        elif kind in (records.EXPECTED, records.EXPECTED_DROP):
            self._apply_expected(kind, records.unpack(kind, payload))
        elif kind in (records.COMMAND, records.COMMAND_STATE):
            values = records.unpack(kind, payload)
            self.command_counter = max(self.command_counter, values[0])
            if kind == records.COMMAND and values[1] == orders.FAILED:
                self.failed_command = values[-1]

    def _apply_expected(self, kind: int, values: "Values") -> None:
        parcel = values[-1]
        if kind == records.EXPECTED_DROP:
            self._expected.pop(parcel, None)
        elif len(self._expected) < _EXPECTED_MAX or parcel in self._expected:
            self._expected[parcel] = values[:2]

    def snapshot(self) -> "Members":
        """Yield ``(kind, payload)`` of records that fold to the present state."""
        yield records.BOUND, records.pack(records.BOUND, self.tag, self.wants)
        yield from self.access.snapshot()
        yield from self.cabinet.snapshot()
        yield from self.orders.snapshot()
        if self.senses:
            yield from self.senses.snapshot()
        for parcel, (size, until) in self._expected.items():
            yield records.EXPECTED, records.pack(records.EXPECTED, size, until, parcel)
        if self.command_counter:
            yield records.COMMAND_STATE, records.pack(records.COMMAND_STATE, self.command_counter)

    def bound(self, free_bytes: int) -> None:
        """Once, after the replay: bound the lists that the host fills by what is free of the heap.

        Computed with what they hold now, so that it is the same after each start.  A full heap would end the
        locker in the middle of an event; a full list is an answer.  The rest is for revoked parcels.
        """
        each = _EXPECTED_WORDS * _WORD_BYTES
        held = len(self._expected) * each + self.access.grants_bytes()
        bytes_max = max(0, free_bytes + held - _RESERVE_WORDS * _WORD_BYTES)
        self.access.bound_grants(bytes_max * 3 // 8)
        self._expected_max = min(_EXPECTED_MAX, 1 + bytes_max // (4 * each))

    # --- for the parts of the core ----------------------------------------------------------------------

    def record(self, kind: int, *values: "Value") -> None:
        """Record a fact: as an effect, and in the state."""
        payload = records.pack(kind, *values)
        self._fx.append((events.FX_RECORD, kind, payload))
        self.apply(kind, self._now[1], payload)

    def _door_record(self, kind: int, *values: "Value") -> None:
        """``record`` for the doors.  A token is used once its door was seen open: that is recorded first."""
        if kind == records.OPENED:
            door: int = values[0]
            ref: int = values[3]
            end = self.access.token_end(ref)
            if not end and not self.cabinet.doors[door].pulses:
                end = self.access.lost_token_end(ref)
            if end:
                self.record(records.TOKEN_USED, ref, end)
        self.record(kind, *values)

    def effect(self, effect: "Effect") -> None:
        self._fx.append(effect)

    def expected_size(self, parcel: str, now: "Now") -> int:
        """The size an announced parcel needs (bit 4: low, please), or 0 when it was not announced."""
        size, until = self._expected.get(parcel, (0, 0))
        return size if now[1] <= until else 0

    def idle_screen(self, language: str) -> "Screen":
        """``(screen, args)`` of what the display shows while no person is at the locker."""
        notice = self.orders.notice(language, self._now[1])
        return notice or self.session.greeting(self._now)

    # --- events ------------------------------------------------------------------------------------------

    def handle(self, event: "Event", now: "Now") -> "Effects":
        """Decide on one event; ``now`` and the effects are described in ``events``."""
        self._fx = []
        self._now = now
        self._HANDLERS[event[0]](self, event, now)
        self._tell_session(now)
        left = self.cabinet.deadline(now)
        self.effect((events.FX_TIMER, DOORS_TIMER, -1 if left is None else left))
        return self._fx

    def _tell_session(self, now: "Now") -> None:
        notes = self.cabinet.notes
        while notes:
            door, note = notes.pop(0)
            if note == cabinet.NOTE_ALARM:
                self.effect((events.FX_BEEP, events.BEEP_ALARM))
                continue
            if note == cabinet.NOTE_REMIND and door != self.session.door:
                self.effect((events.FX_BEEP, events.BEEP_REMIND))
            self.session.door_note(door, note, now)

    def _on_boot(self, event: "BootEvent", now: "Now") -> None:
        self.record(records.BOOT, *event[1:])
        self.cabinet.started(now)
        self.orders.led(events.LED_READY)
        self.orders.watch_notice(now)
        self.orders.watch_clock(now)
        self.effect((events.FX_TIMER, FLOOR_TIMER, _FLOOR_MS))
        self.session.home()

    def _on_key(self, event: "TextEvent", now: "Now") -> None:
        self.session.key(event[1], now)

    def _on_keys_together(self, event: "BareEvent", now: "Now") -> None:
        self.session.keys_together(now)

    def _on_scan(self, event: "TextEvent", now: "Now") -> None:
        self.session.scan(event[1], now)

    def _on_card(self, event: "TextEvent", now: "Now") -> None:
        self.session.card(event[1], now)

    def _on_scan_garbled(self, event: "BareEvent", now: "Now") -> None:
        self.session.garbled(now)

    def _on_check(self, event: "TextEvent", now: "Now") -> None:
        self.session.check(event[1], now)

    def _on_door(self, event: "DoorEvent", now: "Now") -> None:
        self.cabinet.signal(event[1], doors.SEEN_OPEN if event[2] else doors.SEEN_CLOSED, now)

    def _on_sensor_fault(self, event: "PairEvent", now: "Now") -> None:
        self.cabinet.sensor_fault(event[1], event[2], now)

    def _on_pulsed(self, event: "NumberEvent", now: "Now") -> None:
        self.cabinet.signal(event[1], doors.PULSED, now)

    def _on_pulse_failed(self, event: "NumberEvent", now: "Now") -> None:
        self.cabinet.signal(event[1], doors.PULSE_FAILED, now)

    def _on_timer(self, event: "NumberEvent", now: "Now") -> None:
        if event[1] == dialog.TIMER:
            self.session.timeout(now)
        elif event[1] == DOORS_TIMER:
            self.cabinet.tick(now)
        elif event[1] != FLOOR_TIMER:
            self.orders.timer(event[1], now)
        else:
            self.record(records.TIME_FLOOR, now[1])
            self.cabinet.hour()
            self.cabinet.forget_remote(now)
            if self.senses:
                self.senses.hour()
            untold = self.access.untold_tokens()
            if untold:
                self.record(
                    records.FAULT, events.FAULT_SCANNER, "scanner: {} more refused tokens".format(untold)
                )
            earned = self.access.throttle_due(now)
            if earned:  # tries earned since, which a restart would otherwise lose
                self.record(records.THROTTLE_STATE, *earned)
            self.effect((events.FX_TIMER, FLOOR_TIMER, _FLOOR_MS))

    def _on_grants(self, event: "GrantsEvent", now: "Now") -> None:
        """A delta of the versioned set; one that does not start where we stand is asked for again.

        One from version 0 begins the whole set anew, to repair a set that differs from the host's.  It is
        taken in parts, so that the effects of all its grants never lie in the heap together; ``from_version``
        is -1 for all parts but the first.
        """
        _, from_version, to_version, added, dropped, more = event
        if not from_version:
            self.record(records.GRANTS_RESET, to_version)
        elif from_version not in (-1, self.access.grants_version):
            self.effect((events.FX_ASK_GRANTS, self.access.grants_version))
            return
        if dropped:  # before the others: they make room
            for grant in dropped[:_PART_GRANTS]:
                self.record(records.GRANT_DROP, grant)
            dropped = dropped[_PART_GRANTS:]
        else:
            for payload in added[:_PART_GRANTS]:
                self._admit(records.GRANT, payload)
            added = added[_PART_GRANTS:]
        if not (dropped or added or more or self._refused):
            dropped = self.access.stale_grants()
            more = True
        if dropped or added:
            self.effect((events.FX_THEN, (events.EV_GRANTS, -1, to_version, added, dropped, more)))
        elif not self._refused:  # else the answer says why, and the host sends the others without it
            self.record(records.GRANTS_VERSION, to_version)

    def _admit(self, kind: int, payload: "Payload") -> None:
        """Journal what the host sent if it makes sense, else why the first of a command did not."""
        reason = self.access.admit(kind, payload)
        if reason == R_OK:
            count = len(self._fx)
            try:
                self.record(kind, *records.unpack(kind, payload))
                return
            except MemoryError:  # no free piece of the heap is long enough, and nothing has changed
                del self._fx[count:]
                reason = R_FULL
        if not self._refused:
            self._refused = orders.FULL if reason == R_FULL else orders.UNFIT
            self.record(records.REFUSED, reason, events.VIA_COMMAND)

    def _on_expected(self, event: "ExpectedEvent", now: "Now") -> None:
        _, parcel, size, until = event
        if len(self._expected) >= self._expected_max and parcel not in self._expected:
            oldest = min(self._expected, key=lambda p: self._expected[p][1])
            self.record(records.EXPECTED_DROP, oldest)
        self.record(records.EXPECTED, size, until, parcel)

    def _on_open_order(self, event: "CommandEvent", now: "Now") -> None:
        _, door, counter, command_id = event
        if not 0 <= door < len(self.names):
            result = orders.NO_SUCH_DOOR
        elif not self.cabinet.remote_open_allowed(now):
            result = orders.TOO_MANY
        else:
            result = _OF_ORDER[self.cabinet.readiness(door)]
        # The counter is spent before the door moves: a replay after a power cut finds it used.
        self.orders.spend(counter, result, command_id)
        if result == orders.OK:
            self.cabinet.order(door, doors.FOR_REMOTE, 0, 0, 0, self.cabinet.doors[door].parcel, now)

    def _on_command(self, event: "CommandEvent", now: "Now") -> None:
        """A command that needs no decision here was carried out: its counter is spent."""
        _, counter, result, command_id = event
        self.orders.spend(counter, result or self._refused, command_id)
        self._refused = orders.OK

    def _on_order(self, event: "OrderEvent", now: "Now") -> None:
        self.orders.order(event[1], now)

    def _on_rejected(self, event: "PairEvent", now: "Now") -> None:
        self.record(records.REJECTED, *event[1:])

    def _on_revoke(self, event: "RevokeEvent", now: "Now") -> None:
        self._admit(event[1], event[2])

    def _on_time(self, event: "PairEvent", now: "Now") -> None:
        _, before_s, source = event
        self.record(records.TIME_SET, source, before_s)

    def _on_sense(self, event: "PairEvent", now: "Now") -> None:
        if self.senses:
            self.senses.sense(event[1], event[2])

    def _on_supply(self, event: "SupplyEvent", now: "Now") -> None:
        if self.senses:
            self.senses.pulsed(*event[1:])

    def _on_link(self, event: "NumberEvent", now: "Now") -> None:
        self.orders.led(events.LED_READY if event[1] else events.LED_ATTENTION)

    _HANDLERS: "dict[int, EventHandler]" = {
        events.EV_KEY: _on_key,
        events.EV_KEYS_TOGETHER: _on_keys_together,
        events.EV_SCAN: _on_scan,
        events.EV_SCAN_GARBLED: _on_scan_garbled,
        events.EV_DOOR: _on_door,
        events.EV_SENSOR_FAULT: _on_sensor_fault,
        events.EV_PULSED: _on_pulsed,
        events.EV_PULSE_FAILED: _on_pulse_failed,
        events.EV_TIMER: _on_timer,
        events.EV_CHECK: _on_check,
        events.EV_GRANTS: _on_grants,
        events.EV_EXPECTED: _on_expected,
        events.EV_OPEN_ORDER: _on_open_order,
        events.EV_LINK: _on_link,
        events.EV_TIME: _on_time,
        events.EV_BOOT: _on_boot,
        events.EV_COMMAND: _on_command,
        events.EV_REJECTED: _on_rejected,
        events.EV_REVOKE: _on_revoke,
        events.EV_ORDER: _on_order,
        events.EV_SENSE: _on_sense,
        events.EV_SUPPLY: _on_supply,
        events.EV_CARD: _on_card,
    }
