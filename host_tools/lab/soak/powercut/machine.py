"""A Hypothesis state machine that compares the journal with ``model.Model`` through cuts and bit flips.

A cut is planned some operations ahead and hits the step that runs then; afterwards the journal
must read as the model before that step or after it, and nothing in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from consigne.sim.board import flash as nor
from consigne.sim.board.flash import SECTOR_BYTES, NorFlash, PowerCut
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from locker.core import records
from locker.journal.log import Journal
from locker.journal.report import REPAIRED

from .model import ATTEMPT, KEY_VALUE, LOST, Model

SECTORS = 9
EVERYTHING = 1 << 30


class JournalMachine(RuleBasedStateMachine):
    """Everything that can be done with a journal, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.flash = NorFlash(SECTORS * SECTOR_BYTES)
        self.model = Model()
        self.time_s = 1_790_000_000
        self.cursor = 0
        self.written: dict[int, int] = {}  # seq -> sectors erased when it was appended
        self.rotten: dict[int, int] = {}  # sector -> its erases when a bit flipped
        self.journal = Journal(self.flash, lambda: 7)
        self.journal.open()

    # --- comparing ---------------------------------------------------------------------------------

    def _observe(self) -> Model:
        """The journal's content as a model."""
        seen = Model()
        self.journal.replay(seen.fold)
        for seq, kind, time_s, payload in self.journal.unacknowledged(
            self.journal.acknowledged, EVERYTHING, EVERYTHING
        ):
            seen.events[seq] = (kind, time_s, bytes(payload))
        seen.acknowledged, seen.next_seq = self.journal.acknowledged, self.journal.next_seq
        seen.time_floor = self.journal.time_floor
        return seen

    def _compare(self, ideal: Callable[[Model], Any] | None = None) -> None:
        """The journal must read as the model, or as the model after ``ideal``, which is then done."""
        seen = self._observe()
        self._take_lost(self.model, seen)
        # An opening or part of a snapshot may have brought the time alone.
        if ideal and seen.time_floor == max(self.model.time_floor, self.time_s):
            self.model.time_floor = seen.time_floor
        if ideal and not self.model.same(seen):
            ideal(self.model)
            self._take_lost(self.model, seen)
        assert self.model.same(seen), f"the journal has {seen.__dict__}, the model {self.model.__dict__}"

    def _take_lost(self, model: Model, seen: Model) -> None:
        """Tell the model of events given up for room, after checking that this was necessary:

        nearly the whole ring must have been erased since they were written.
        """
        while seen.events.get(model.next_seq, (0,))[0] == LOST:
            _, time_s, payload = seen.events[model.next_seq]
            first, last = records.unpack(LOST, payload)
            assert first > model.acknowledged, "acknowledged events need no LOST record"
            for gone in range(first, last + 1):
                age = sum(self.flash.erases) - self.written.get(gone, 0)
                assert age >= SECTORS - 2, f"{gone} was given up after {age} erases"
            model.lost(model.next_seq, first, last, time_s)

    def _step(self, real: Callable[[], Any], ideal: Callable[[Model], Any], events: int = 0) -> None:
        """Do a step on both; if the power fails meanwhile, the journal has done it wholly or not at all.

        ``events``: how many the step adds.  The journal may add LOST records before and behind them.
        """
        try:
            got = real()
        except PowerCut:
            self.flash.power_on()
            self._start(ideal)
        else:
            ahead = self.journal.next_seq > self.model.next_seq + events
            seen = self._observe() if ahead else Model()
            self._take_lost(self.model, seen)
            assert got == ideal(self.model)
            self._take_lost(self.model, seen)

    def _start(self, ideal: Callable[[Model], Any] | None = None) -> None:
        self.journal = Journal(self.flash, lambda: 7)
        report = self.journal.open()
        assert not report.read_only and report.proven, report.text
        assert report.state <= REPAIRED and not report.skipped_sectors, report.text
        self._compare(ideal)

    # --- what can be done ------------------------------------------------------------------------------

    def _append(self, kind: int, payload: bytes) -> None:
        if self.journal.snapshot_due():
            self.snapshot()
        erased = sum(self.flash.erases)

        def ideal(model: Model) -> int:
            seq = model.append(kind, payload, self.time_s)
            self.written[seq] = erased
            return seq

        self._step(lambda: self.journal.append(kind, payload, self.time_s), ideal, int(kind < 64))

    @rule(kind=st.integers(1, 63).filter(lambda k: k != LOST), payload=st.binary(max_size=246))
    def event(self, kind: int, payload: bytes) -> None:
        self._append(kind, payload)

    @rule(key=st.integers(0, 5), value=st.binary(max_size=40))
    def internal(self, key: int, value: bytes) -> None:
        self._append(KEY_VALUE, bytes([key]) + value)

    @rule(count=st.integers(1, 60), size=st.sampled_from((0, 13, 70, 230)))
    def many(self, count: int, size: int) -> None:
        for _ in range(count):
            self._append(ATTEMPT, bytes(size))

    @rule(seconds=st.sampled_from((-5, 1, 60, 86400, 1 << 25)))
    def time(self, seconds: int) -> None:
        self.time_s += seconds

    @rule(back=st.integers(-2, 40))
    def acknowledge(self, back: int) -> None:
        seq = self.model.next_seq - 1 - back
        self._step(
            lambda: self.journal.acknowledge(seq, self.time_s),
            lambda model: model.acknowledge(seq, self.time_s),
        )

    @rule()
    def snapshot(self) -> None:
        def ideal(model: Model) -> None:
            model.time_floor = max(model.time_floor, self.time_s)

        self._step(lambda: self.journal.snapshot(self.model.snapshot(), self.time_s), ideal)

    @rule()
    def maintain(self) -> None:
        def real() -> None:
            self.journal.maintain()

        self._step(real, lambda model: None)

    @rule(limit=st.integers(1, 20), bytes_max=st.integers(0, 600))
    def send_some(self, limit: int, bytes_max: int) -> None:
        """Read on from where the last reading stopped, as the sync does."""
        after = max(self.cursor, self.model.acknowledged)
        want = [event for event in self.model.unacknowledged() if event[0] > after][:limit]
        got = [(*e[:3], bytes(e[3])) for e in self.journal.unacknowledged(after, limit, bytes_max)]
        assert got == want[: len(got)] and (got or not want)
        assert len(got) <= 1 or sum(len(event[3]) for event in got) <= bytes_max
        self.cursor = got[-1][0] if got else 0

    # --- what can happen ---------------------------------------------------------------------------------

    @rule(
        operation=st.integers(0, 9),
        aftermath=st.sampled_from((nor.NOT_DONE, nor.DONE, nor.TORN, nor.HALF_ERASED, nor.DROPPED)),
        parameter=st.integers(0, 255),
    )
    def plan_cut(self, operation: int, aftermath: int, parameter: int) -> None:
        self.flash.cut(operation, aftermath, parameter)

    @rule()
    def restart(self) -> None:
        try:
            self._start()
        except PowerCut:
            self.flash.power_on()
            self._start()

    @precondition(lambda self: len(self.rotten) < SECTORS)
    @rule(position=st.integers(0, SECTORS * SECTOR_BYTES - 1), bit=st.integers(0, 7))
    def rot(self, position: int, bit: int) -> None:
        """Flip one bit in a sector, which is repaired; two in one record would not be."""
        sector = position // SECTOR_BYTES
        if self.rotten.get(sector, -1) != self.flash.erases[sector]:
            self.rotten[sector] = self.flash.erases[sector]
            self.flash.rot(position, 1 << bit)
            self.restart()
