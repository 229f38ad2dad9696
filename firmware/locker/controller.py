"""The shell round the core: it turns what happens into events, and carries out the core's effects.

Everything that happens goes through ``sink``: the core decides, and its effects are carried out at
once and in order, the journal first.  So a relay follows the last key within one call, and nothing
is visible outside before its record is durable.  Durations (pulses, deadlines, housekeeping) are
kept by the two tasks at the end, which ``supervisor`` supervises.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from . import texts
from .core import dialog, events, records
from .core.orders import FAILED, IN_THE_PAST, OK, RESULT_NAMES
from .core.reasons import R_OK
from .core.timekeeping import EARLIEST_S
from .journal.log import JournalFailed, JournalFull
from .supervisor import HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .core.core import Core
    from .core.timekeeping import Clock
    from .journal.log import Journal
    from .ports import (
        BareEffect,
        Buzzer,
        Display,
        EffectHandler,
        Effects,
        Ending,
        Event,
        HostEvent,
        Lamp,
        Locks,
        Now,
        NumberEffect,
        PairEffect,
        Payload,
        RecordEffect,
        ReplyEffect,
        ShowEffect,
        Sync,
        ThenEffect,
        Ticks,
        TimeOrder,
        Value,
    )
    from .sweeping import Sweeper

_SLICE_MS = const(100)  # a deadline may be noticed this much late
_HOUSEKEEPING_MS = const(1_000)
_PULSE_POLL_MS = const(20)
_INBOX_MAX = const(64)

# Records of these kinds change the retained messages: occupancy here, status below.
_OCCUPANCY_KINDS = (
    records.OPENED, records.CLOSED, records.DEPOSITED, records.COLLECTED, records.RETURNED,
    records.DEPOSIT_UNDONE, records.NOT_OPENED, records.FORCED, records.BLOCKED, records.RELEASED,
    records.DOOR_FAULT, records.BOUND,
)  # fmt: skip
_UNHURRIED = (dialog.IDLE, dialog.TAKE, dialog.FILL, dialog.DONE, dialog.MESSAGE)
_TOUCHES = (events.EV_KEY, events.EV_CARD, events.EV_SCAN)
_STATUS_KINDS = (
    records.GRANTS_VERSION, records.FAULT, records.TIME_SET, records.LOST, records.ALARM, records.BOUND,
    records.REVOKE_PARCEL, records.REVOKE_NONCE, records.HOLDER_COUNTER,
)  # fmt: skip


class Controller:
    """Joins a ``Core`` with the journal, the clock, the parts (``ports``) and the sync.

    ``clock`` is a ``timekeeping.Clock``.  ``attach_sync`` gives the one part that is made
    after the controller, since it needs the controller's own functions.
    """

    def __init__(
        self,
        core: "Core",
        journal: "Journal",
        clock: "Clock",
        locks: "Locks",
        display: "Display",
        buzzer: "Buzzer",
        lamp: "Lamp",
        rest_ms: int,
    ) -> None:
        self.core = core
        self._journal = journal
        self._clock = clock
        self._locks = locks
        self._display = display
        self._buzzer = buzzer
        self._lamp = lamp
        self._rest_ms = rest_ms
        self._sync: Sync | None = None
        self._supervisor: Ending | None = None
        self._inbox: list[Event] = []
        self._busy = False
        self._deadlines: dict[int, Ticks] = {}  # FX_TIMER name -> tick
        self._pulses: list[
            tuple[int, int]
        ] = []  # (door, pulse_ms) that wait for their turn: at most one for each door
        self._pulse_wanted = asyncio.Event()
        self._pulsing = -1
        self._pulse_turns = 0
        self.timer_turns = 0
        self._rested: dict[int, Ticks] = {}  # door -> tick from which its lock may be pulsed again
        self.time_told = False  # the host has said what time it is, since this start, and is believed
        self.in_doubt = False  # the time is provisional, or the host's newest answer was refused
        self.time_set: Callable[[int], None] | None = (
            None  # called with each time that the host has set, in epoch seconds
        )
        self.sweeper: Sweeper | None = None  # a ``sweeping.Sweeper``, once all lasting objects exist
        self.failed = ""  # why nothing may be decided any more: a record that was not durable
        self._is_ahead = False  # an event was carried out in part: the state may be ahead of the journal

    def attach_sync(self, sync: "Sync") -> None:
        self._sync = sync

    def attach_supervisor(self, supervisor: "Ending") -> None:
        self._supervisor = supervisor

    def now(self) -> "Now":
        return self._clock.now(ticks_ms())

    def dated(self) -> "Now":
        """``now`` for judging a certificate: by a provisional time the locker might shut itself out."""
        now_ms, epoch_s, trust = self.now()
        believed_s = epoch_s - self._clock.ahead_s
        if believed_s == epoch_s or believed_s < EARLIEST_S:
            return now_ms, epoch_s, trust
        return now_ms, believed_s, events.TRUST_FLOOR

    def is_idle(self) -> bool:
        """No person is at the keypad and no coil is on: a good moment to stop the interpreter briefly."""
        return self.core.session.state == dialog.IDLE and self._pulsing < 0 and not self._pulses

    def is_pulsing(self) -> bool:
        """A coil may be on."""
        return self._pulsing >= 0

    def _may_stall(self) -> bool:
        """Whether the chip may block for the time of an erase: no key is being pressed and no coil is on.  A
        person who takes a parcel out or puts one in does not notice it.
        """
        return self.core.session.state in _UNHURRIED and self._pulsing < 0 and not self._pulses

    # --- events in ---------------------------------------------------------------------------------

    def sink(self, event: "Event") -> None:
        """Decide on an event and carry out what follows.  A plain function, done when it returns.

        Called again from within (a driver that answers at once), it only queues.  Events beyond
        ``_INBOX_MAX`` are refused with ``RuntimeError``: only a broken part can send so many.

        Any exception meanwhile ends the locker, whichever task it came from: only a new start, which reads
        the journal, finds the true state again.
        """
        if self.failed or self._is_ahead:
            return
        if len(self._inbox) >= _INBOX_MAX:
            raise RuntimeError("too many events at once")
        self._inbox.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            self.snapshot_if_due()  # usually done by the housekeeping before, unless the keypad never rests
            while self._inbox:
                self._carry_out(self.core.handle(self._inbox.pop(0), self.now()))
        except Exception:
            self._is_ahead = True
            self._end("an event carried out in part")
            raise
        finally:
            self._busy = False
        self.core.access.warm(self.now())  # after the relay: prepare what the next code will need
        if self.sweeper:  # not earlier, so that no pause comes between the last key and the relay
            self.sweeper.behind(event[0] in _TOUCHES)

    def from_host(self, event: "HostEvent") -> None:
        """``sink`` for the sync: it also takes the events of ``Inbox`` for the shell."""
        if event[0] == "ack":
            assert self._sync
            self._journal.acknowledge(event[2], self.now()[1])
            self._sync.wake()
        elif event[0] == "time":
            self._take_time(event[1])
        elif event[0] == "fault":
            self.fact(records.FAULT, events.FAULT_PART, event[1])
        elif event[0] == "failed":
            # Recorded even if the counter was used, so the host hears of it after the restart.
            self.fact(records.COMMAND, event[1], FAILED, event[2])
        else:
            self.sink(event)

    def _take_time(self, body: "TimeOrder") -> None:
        """The host answers what time it is, or an operator orders it.

        An answer that the clock refuses changes nothing, and one that changes nothing leaves no record:
        while host and locker differ there is one every minute.
        """
        assert self._sync
        clock = self._clock
        now_ms, before_s, trust = self.now()
        ahead_s, doubted = clock.ahead_s, self.in_doubt
        by_order = body["cmd"] == "clock"
        taken = clock.order(now_ms, body["t"]) if by_order else clock.set(now_ms, body["t"])
        self.in_doubt = taken != R_OK or clock.ahead_s > 0
        if self.in_doubt != doubted or clock.ahead_s != ahead_s:
            self._sync.status_changed()
        if taken != R_OK:
            self._sync.reply(body["id"], RESULT_NAMES[IN_THE_PAST])
            return
        self.note_ahead()
        self.time_told = self.time_told or self.dated()[1:] == self.now()[1:]
        if self.time_set and not clock.ahead_s:
            self.time_set(body["t"])
        told = (body["offset_s"], body["next_s"], body["next_offset_s"])
        if by_order or trust == events.TRUST_FLOOR or clock.ahead_s != ahead_s:
            source = events.TIME_FROM_ORDER if by_order else events.TIME_FROM_HOST
            self.sink((events.EV_TIME, before_s, source))
        elif told == self.core.orders.local.told:
            self._sync.reply(body["id"], RESULT_NAMES[OK])
            return
        self.sink((events.EV_ORDER, body))

    def note_ahead(self) -> None:
        """Journal how far the time is ahead of what is believed, before any other record has that time."""
        ahead_s, now_s = self._clock.ahead_s, self.now()[1]
        if self.failed or (ahead_s == self.core.access.ahead_s and now_s >= self._journal.time_floor):
            return
        payload = records.pack(records.TIME_AHEAD, ahead_s)
        self.core.apply(records.TIME_AHEAD, now_s, payload)
        self._append(records.TIME_AHEAD, payload, True)

    def fact(self, kind: int, *values: "Value") -> None:
        """Journal something that needs no decision: a part or a task that failed."""
        if not self.failed:
            self._fx_record((events.FX_RECORD, kind, records.pack(kind, *values)))

    def _carry_out(self, effects: "Effects") -> None:
        for fx in effects:
            self._EFFECTS[fx[0]](self, fx)

    # --- effects out -------------------------------------------------------------------------------

    def _append(self, kind: int, payload: "Payload", back: bool = False) -> None:
        try:
            self._journal.append(kind, payload, self.now()[1], back)
        except (OSError, JournalFull, JournalFailed) as error:
            # No effect without its record: stop deciding, release everything.
            self.stop("journal: {}".format(error))
            self._end("journal")
            raise

    def _fx_record(self, fx: "RecordEffect") -> None:
        self._append(fx[1], fx[2])
        if self._sync:
            self._sync.wake()
            if fx[1] in _OCCUPANCY_KINDS:
                self._sync.occupancy_changed()
            if fx[1] in _STATUS_KINDS:
                self._sync.status_changed()

    def _fx_pulse(self, fx: "PairEffect") -> None:
        _, door, pulse_ms = fx
        if self._pulsing < 0 and not self._pulses and self._may_pulse(door):
            self._start(door, pulse_ms)
        else:
            self._pulses.append((door, pulse_ms))
        self._pulse_wanted.set()

    def _fx_show(self, fx: "ShowEffect") -> None:
        _, screen, args, language = fx
        self._display.show(texts.render(screen, args, language))

    def _fx_beep(self, fx: "NumberEffect") -> None:
        self._buzzer.play(fx[1])

    def _fx_led(self, fx: "NumberEffect") -> None:
        self._lamp.set(fx[1])

    def _fx_timer(self, fx: "PairEffect") -> None:
        _, which, delay_ms = fx
        if delay_ms < 0:
            self._deadlines.pop(which, None)
        else:
            self._deadlines[which] = ticks_add(ticks_ms(), delay_ms)

    def _fx_then(self, fx: "ThenEffect") -> None:
        self._inbox.insert(0, fx[1])

    def _fx_ask_grants(self, fx: "NumberEffect") -> None:
        if self._sync:
            self._sync.ask_grants(fx[1])

    def _fx_reply(self, fx: "ReplyEffect") -> None:
        if self._sync:
            self._sync.reply(fx[1], fx[2])

    def _fx_restart(self, fx: "BareEffect") -> None:
        self.stop("restart ordered")
        self._end(HOST)

    def _end(self, why: str) -> None:
        if self._supervisor:
            self._supervisor.end(why)

    def stop(self, why: str) -> None:
        """Decide nothing any more: switch all coils off, and show it."""
        self.failed = why
        self._locks.off()
        self._lamp.set(events.LED_FAULT)
        self._display.show(texts.render("out_of_service", (), self.core.session.language))

    # --- pulses --------------------------------------------------------------------------------------

    def _may_pulse(self, door: int) -> bool:
        rested = self._rested.get(door)
        return not self._locks.busy() and (rested is None or ticks_diff(ticks_ms(), rested) >= 0)

    def _start(self, door: int, pulse_ms: int) -> None:
        try:
            self._locks.start(door, pulse_ms)
        except OSError:
            self.sink((events.EV_PULSE_FAILED, door))
            return
        self._pulsing = door

    def pulse_turns(self) -> int | None:
        """Turns of ``run_pulses``, None while no pulse is wanted."""
        return self._pulse_turns if self._pulsing >= 0 or self._pulses else None

    async def run_pulses(self) -> None:
        """One coil at a time over the whole cabinet, with a rest for each lock."""
        while True:
            await self._pulse_wanted.wait()
            self._pulse_wanted.clear()
            while self._pulsing >= 0 or self._pulses:
                await asyncio.sleep_ms(_PULSE_POLL_MS)
                self._pulse_turns = self._pulse_turns + 1 & 0xFFFF
                what = events.EV_PULSED
                try:
                    if self._locks.busy():
                        continue
                except OSError:
                    what = events.EV_PULSE_FAILED
                if self._pulsing >= 0:
                    door, self._pulsing = self._pulsing, -1
                    self._rested[door] = ticks_add(ticks_ms(), self._rest_ms)
                    self.sink((what, door))
                self._next_pulse()

    def _next_pulse(self) -> None:
        for i, (door, pulse_ms) in enumerate(self._pulses):
            if self._may_pulse(door):
                self._pulses.pop(i)
                self._start(door, pulse_ms)
                return

    # --- time ------------------------------------------------------------------------------------------

    async def run_timers(self) -> None:
        """Deadlines of the core, and housekeeping of the journal while no person is being served."""
        housekeeping = ticks_ms()
        while True:
            wait_ms = _SLICE_MS
            self.timer_turns = self.timer_turns + 1 & 0xFFFF
            now_ms = ticks_ms()
            for which, deadline in list(self._deadlines.items()):
                left_ms = ticks_diff(deadline, now_ms)
                if left_ms <= 0:
                    self._deadlines.pop(which)
                    self.sink((events.EV_TIMER, which))
                elif left_ms < wait_ms:
                    wait_ms = left_ms
            if ticks_diff(now_ms, housekeeping) >= _HOUSEKEEPING_MS and self._may_stall():
                housekeeping = now_ms
                self.sweeper.beside(self._keep_house) if self.sweeper else self._keep_house()
            self.sweep_if_due()
            await asyncio.sleep_ms(wait_ms)

    def sweep_if_due(self) -> None:
        """Sweep the heap if it is time and no person would notice."""
        if self.sweeper and self._may_stall():
            self.sweeper.turn()

    def sweep_soon(self) -> None:
        if self.sweeper:
            self.sweeper.want()

    def free_bytes(self) -> int:  # after the newest garbage collection; -1: not known
        return self.sweeper.free_bytes if self.sweeper else -1

    def _keep_house(self) -> None:
        """Do the work that blocks the chip for tens of milliseconds while no person waits."""
        if self.failed or self._is_ahead:
            return
        self._forget_rests()
        if not self.snapshot_if_due():
            self._journal.maintain()

    def _forget_rests(self) -> None:
        """Drop rests that are over: after six days, half the range of ticks, they would seem to lie ahead."""
        for door, rested in list(self._rested.items()):
            if ticks_diff(ticks_ms(), rested) >= 0:
                self._rested.pop(door)

    def snapshot_if_due(self) -> bool:
        """Only between events: during one the state is ahead of the journal.

        Never of an unproven state: the next start would trust it.
        """
        due = self.core.session.proven and self._journal.snapshot_due()
        if due:
            self._journal.snapshot(self.core.snapshot(), self.now()[1])
        return due

    _EFFECTS: "dict[int, EffectHandler]" = {
        events.FX_RECORD: _fx_record,
        events.FX_PULSE: _fx_pulse,
        events.FX_SHOW: _fx_show,
        events.FX_BEEP: _fx_beep,
        events.FX_LED: _fx_led,
        events.FX_TIMER: _fx_timer,
        events.FX_THEN: _fx_then,
        events.FX_ASK_GRANTS: _fx_ask_grants,
        events.FX_REPLY: _fx_reply,
        events.FX_RESTART: _fx_restart,
    }
