"""The whole decision: ``handle(event, now) -> effects``, and the fold that restores it.

``Core`` reads no clock, awaits nothing and touches no pin (DESIGN 2).  Each lasting fact goes
through ``record``: it becomes an ``FX_RECORD`` effect *and* is folded into the state with the same
``apply`` that replays the journal, so what runs and what would be recovered cannot differ.  The
shell carries the effects out in order and stops at the first record that will not be durable.
"""

from micropython import const

from . import cabinet as C
from . import dialog, orders
from . import doors as D
from . import events as E
from . import records as R
from .access import Access
from .reasons import R_OK
from .session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .senses import Senses

DOORS_TIMER = const(2)
FLOOR_TIMER = const(3)

_FLOOR_MS = const(3_600_000)  # an unknown time after a restart is at most this much too early
_EXPECTED_MAX = const(256)
_FAULT_SCANNER = const(5)  # records.FAULT: many tokens were refused (3 is health.py's, 4 senses.py's)

_OF_ORDER = {
    C.ORDERED: orders.OK,
    C.IS_OPEN: orders.IS_OPEN,
    C.IS_BUSY: orders.BUSY,
    C.OUT_OF_ORDER: orders.OUT_OF_ORDER,
}


def _session_of(service):
    """The dialog for a kind of service; the others' steps take heap only where they are wanted."""
    if service == "locker":
        return Session
    from .services import KINDS

    return KINDS[service]


class Core:
    """One locker's decisions.

    ``site`` is the validated configuration (``site.Site``): ``names``, ``sizes``, ``low``,
    ``digits``, ``holders``, ``duress``, ``pulse_ms``, ``reopen_s``, ``language``, ``languages``,
    ``site_name``.  ``device_key`` is the 32-byte key of DESIGN 5.
    """

    def __init__(self, site, device_key):
        self.names = site.names
        self.sizes = site.sizes
        self.digits = site.digits
        self.site_name = site.site_name
        self.access = Access(device_key, site.digits, site.holders, site.duress, len(site.names))
        self.cabinet = C.Cabinet(
            site.sizes, site.low, site.pulse_ms, site.reopen_s, self._door_record, self.effect
        )
        self.hours = site.hours
        self.session = _session_of(site.service)(self, site.language, site.languages)
        self.orders = orders.Orders(self, site)
        self.senses: Senses | None = None  # where the cabinet has any, see senses.py
        self.command_counter = 0
        self.failed_command = ""  # id of the newest that broke off; a snapshot forgets it
        self._expected = {}  # parcel -> (size, until epoch s), at most _EXPECTED_MAX
        self._fx = []
        self._now = (0, 0, E.TRUST_FLOOR)

    # --- the fold ------------------------------------------------------------------------------------

    def apply(self, kind, time_s, payload, seq=0):
        """Fold one record, replayed or new.  ``seq`` is not needed to know what is true."""
        self.access.apply(kind, time_s, payload, seq)
        self.cabinet.apply(kind, time_s, payload)
        self.orders.apply(kind, payload)
        if self.senses:
            self.senses.apply(kind, payload)
        if kind == R.DEPOSITED:
            values = R.unpack(kind, payload)
            self.access.bind(values[0], values[-1])
            self._expected.pop(values[-1], None)
        elif kind == R.DOOR_STATE:
            values = R.unpack(kind, payload)
            if values[-1] and values[1] in (D.PARCEL, D.TAKEN, D.EMPTY):
                self.access.bind(values[0], values[-1])
        elif kind == R.PULSE:
            values = R.unpack(kind, payload)
            if values[1] == D.FOR_DEPOSIT:
                self.access.unbind(values[0])
        elif kind in (R.EXPECTED, R.EXPECTED_DROP):
            self._apply_expected(kind, R.unpack(kind, payload))
        elif kind in (R.COMMAND, R.COMMAND_STATE):
            values = R.unpack(kind, payload)
            self.command_counter = max(self.command_counter, values[0])
            if kind == R.COMMAND and values[1] == orders.FAILED:
                self.failed_command = values[-1]

    def _apply_expected(self, kind, values):
        parcel = values[-1]
        if kind == R.EXPECTED_DROP:
            self._expected.pop(parcel, None)
        elif len(self._expected) < _EXPECTED_MAX or parcel in self._expected:
            self._expected[parcel] = values[:2]

    def snapshot(self):
        """Yield ``(kind, payload)`` of records that fold to the present state."""
        yield from self.access.snapshot()
        yield from self.cabinet.snapshot()
        yield from self.orders.snapshot()
        if self.senses:
            yield from self.senses.snapshot()
        for parcel, (size, until) in self._expected.items():
            yield R.EXPECTED, R.pack(R.EXPECTED, size, until, parcel)
        if self.command_counter:
            yield R.COMMAND_STATE, R.pack(R.COMMAND_STATE, self.command_counter)

    # --- for the parts of the core ----------------------------------------------------------------------

    def record(self, kind, *values):
        """Make a fact: into the effects, and into the state."""
        payload = R.pack(kind, *values)
        self._fx.append((E.FX_RECORD, kind, payload))
        self.apply(kind, self._now[1], payload)

    def _door_record(self, kind, *values):
        """``record`` for the doors.  A token is spent when its door was seen open: first that."""
        if kind == R.OPENED:
            ref = values[3]
            end = self.access.token_end(ref)
            if not end and not self.cabinet.doors[values[0]].pulses:
                end = self.access.lost_token_end(ref)
            if end:
                self.record(R.TOKEN_USED, ref, end)
        self.record(kind, *values)

    def effect(self, effect):
        self._fx.append(effect)

    def expected_size(self, parcel, now):
        """The size an announced parcel needs (bit 4: low, please), or 0 when nobody announced it."""
        size, until = self._expected.get(parcel, (0, 0))
        return size if now[1] <= until else 0

    def idle_screen(self, language):
        """``(screen, args)`` of what stands on the display while nobody does."""
        notice = self.orders.notice(language, self._now[1])
        return notice or self.session.greeting(self._now)

    # --- events ------------------------------------------------------------------------------------------

    def handle(self, event, now):
        """Decide on one event; ``now`` and the effects are described in ``events``."""
        self._fx = []
        self._now = now
        getattr(self, _HANDLERS[event[0]])(event, now)
        self._tell_session(now)
        left = self.cabinet.deadline(now)
        self.effect((E.FX_TIMER, DOORS_TIMER, -1 if left is None else left))
        return self._fx

    def _tell_session(self, now):
        notes = self.cabinet.notes
        while notes:
            door, note = notes.pop(0)
            if note == C.NOTE_ALARM:
                self.effect((E.FX_BEEP, E.BEEP_ALARM))
                continue
            if note == C.NOTE_REMIND and door != self.session.door:
                self.effect((E.FX_BEEP, E.BEEP_REMIND))
            self.session.door_note(door, note, now)

    def _on_boot(self, event, now):
        self.record(R.BOOT, *event[1:])
        self.orders.led(E.LED_READY)
        self.orders.watch_notice(now)
        self.orders.watch_clock(now)
        self.effect((E.FX_TIMER, FLOOR_TIMER, _FLOOR_MS))
        self.session.home()

    def _on_key(self, event, now):
        self.session.key(event[1], now)

    def _on_keys_together(self, event, now):
        self.session.keys_together(now)

    def _on_scan(self, event, now):
        self.session.scan(event[1], now)

    def _on_card(self, event, now):
        self.session.card(event[1], now)

    def _on_scan_garbled(self, event, now):
        self.session.garbled(now)

    def _on_check(self, event, now):
        self.session.check(event[1], now)

    def _on_door(self, event, now):
        self.cabinet.signal(event[1], D.SEEN_OPEN if event[2] else D.SEEN_CLOSED, now)

    def _on_sensor_fault(self, event, now):
        self.cabinet.sensor_fault(event[1], event[2], now)

    def _on_pulsed(self, event, now):
        self.cabinet.signal(event[1], D.PULSED, now)

    def _on_pulse_failed(self, event, now):
        self.cabinet.signal(event[1], D.PULSE_FAILED, now)

    def _on_timer(self, event, now):
        if event[1] == dialog.TIMER:
            self.session.timeout(now)
        elif event[1] == DOORS_TIMER:
            self.cabinet.tick(now)
        elif event[1] != FLOOR_TIMER:
            self.orders.timer(event[1], now)
        else:
            self.record(R.TIME_FLOOR, now[1])
            self.cabinet.hour()
            if self.senses:
                self.senses.hour()
            untold = self.access.untold_tokens()
            if untold:
                self.record(R.FAULT, _FAULT_SCANNER, "scanner: {} more refused tokens".format(untold))
            earned = self.access.throttle_due(now)
            if earned:  # tries that a restart would otherwise take back
                self.record(R.THROTTLE_STATE, *earned)
            self.effect((E.FX_TIMER, FLOOR_TIMER, _FLOOR_MS))

    def _on_grants(self, event, now):
        """A delta of the versioned set; one that does not start where we stand is asked for again.

        One from version 0 begins the whole set anew: it mends a set that is not the host's.
        """
        _, from_version, to_version, added, dropped, more = event
        if not from_version:
            self.record(R.GRANTS_RESET, to_version)
        elif from_version != self.access.grants_version:
            self.effect((E.FX_ASK_GRANTS, self.access.grants_version))
            return
        for grant in dropped:
            self.record(R.GRANT_DROP, grant)
        for payload in added:
            self._admit(R.GRANT, payload)
        if not more:
            for grant in self.access.stale_grants():
                self.record(R.GRANT_DROP, grant)
        self.record(R.GRANTS_VERSION, to_version)

    def _admit(self, kind, payload):
        """Journal what the host sent if it makes sense, else journal why it did not."""
        reason = self.access.admit(kind, payload)
        if reason == R_OK:
            self.record(kind, *R.unpack(kind, payload))
        else:
            self.record(R.REFUSED, reason, E.VIA_COMMAND)

    def _on_expected(self, event, now):
        _, parcel, size, until = event
        if len(self._expected) >= _EXPECTED_MAX and parcel not in self._expected:
            oldest = min(self._expected, key=lambda p: self._expected[p][1])
            self.record(R.EXPECTED_DROP, oldest)
        self.record(R.EXPECTED, size, until, parcel)

    def _on_open_order(self, event, now):
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
            self.cabinet.order(door, D.FOR_REMOTE, 0, 0, 0, self.cabinet.doors[door].parcel, now)

    def _on_command(self, event, now):
        """A command that needs no decision of ours was carried out: its counter is spent."""
        self.orders.spend(*event[1:])

    def _on_order(self, event, now):
        self.orders.order(event[1], now)

    def _on_rejected(self, event, now):
        self.record(R.REJECTED, *event[1:])

    def _on_revoke(self, event, now):
        self._admit(event[1], event[2])

    def _on_time(self, event, now):
        _, before_s, source = event
        self.record(R.TIME_SET, source, before_s)

    def _on_sense(self, event, now):
        if self.senses:
            self.senses.sense(event[1], event[2])

    def _on_supply(self, event, now):
        if self.senses:
            self.senses.pulsed(*event[1:])

    def _on_link(self, event, now):
        self.orders.led(E.LED_READY if event[1] else E.LED_ATTENTION)


_HANDLERS = {
    E.EV_KEY: "_on_key",
    E.EV_KEYS_TOGETHER: "_on_keys_together",
    E.EV_SCAN: "_on_scan",
    E.EV_SCAN_GARBLED: "_on_scan_garbled",
    E.EV_DOOR: "_on_door",
    E.EV_SENSOR_FAULT: "_on_sensor_fault",
    E.EV_PULSED: "_on_pulsed",
    E.EV_PULSE_FAILED: "_on_pulse_failed",
    E.EV_TIMER: "_on_timer",
    E.EV_CHECK: "_on_check",
    E.EV_GRANTS: "_on_grants",
    E.EV_EXPECTED: "_on_expected",
    E.EV_OPEN_ORDER: "_on_open_order",
    E.EV_LINK: "_on_link",
    E.EV_TIME: "_on_time",
    E.EV_BOOT: "_on_boot",
    E.EV_COMMAND: "_on_command",
    E.EV_REJECTED: "_on_rejected",
    E.EV_REVOKE: "_on_revoke",
    E.EV_ORDER: "_on_order",
    E.EV_SENSE: "_on_sense",
    E.EV_SUPPLY: "_on_supply",
    E.EV_CARD: "_on_card",
}
