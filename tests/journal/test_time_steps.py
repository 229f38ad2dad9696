"""Steps of the time in either direction, mixed with power cuts: no single answer is believed.

The real controller, core and clock on a flash that loses power in the middle of any write.
"""

import pytest
from consigne.sim.board.flash import DONE, DROPPED, NOT_DONE, SECTOR_BYTES, TORN, NorFlash, PowerCut
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from lab.soak.powercut.rig import KEY, SITE
from locker import controller as controller_module
from locker.controller import Controller
from locker.core import core as core_module
from locker.core import events
from locker.core.core import Core
from locker.core.timekeeping import AHEAD_MAX_S, DAY_S, HOUR_S, Clock
from locker.journal.log import Journal

EPOCH_S = 1_790_000_000
YEAR_S = 365 * DAY_S
WRONG = (2 * DAY_S, YEAR_S, 4_294_967_000 - EPOCH_S, -2 * DAY_S, -YEAR_S)
CHIP_WRONG = (3 * DAY_S, 2 * YEAR_S, -3 * DAY_S)
SECTORS = 12


class Quiet:
    """Coils, display, buzzer, lamp and network of a locker that nobody uses: what it is told is dropped."""

    def __getattr__(self, name):
        return lambda *_: None

    def busy(self):
        return False


class TimeSteps(RuleBasedStateMachine):
    """``true_s`` is the truth; ``fooled``: a wrong time was said so that it has to be believed."""

    ticks_ms = 0

    def __init__(self):
        super().__init__()
        self.flash = NorFlash(SECTORS * SECTOR_BYTES)
        self.true_s = EPOCH_S
        self.counter = 0
        self.fooled = False
        self.said = (0, 0)  # how wrong the host is, and the uptime since it is
        self.uptime_s = 0
        self.durable_s = 0  # what was believed at the newest record
        self.start()
        self.order()

    # --- the locker -------------------------------------------------------------------------------------

    def start(self):
        """Power on, as ``serving.Locker`` puts it together."""
        self.flash.power_on()
        self.journal = Journal(self.flash, lambda: 7)
        report = self.journal.open()
        assert not report.read_only and report.proven, report.text
        core = Core(SITE, KEY)
        self.journal.replay(core.apply)
        floor_s = self.journal.time_floor - core.access.ahead_s
        assert floor_s >= self.durable_s, "what was believed and durable is forgotten"
        self.clock = Clock(floor_s, TimeSteps.ticks_ms)
        quiet = Quiet()
        self.controller = Controller(core, self.journal, self.clock, quiet, quiet, quiet, quiet, 1500)
        self.controller.attach_sync(quiet)
        self.uptime_s = 0
        self.said = (0, 0)
        self.controller.note_ahead()
        self.controller.sink((events.EV_BOOT, 1, 0, 0, "test"))

    def do(self, what, *arguments):
        """Something that writes; when the power goes, until it starts again."""
        try:
            what(*arguments)
        except PowerCut:
            while True:
                try:
                    self.start()
                    break
                except PowerCut:
                    continue
            return False
        self.durable_s = max(self.durable_s, self.journal.time_floor - self.controller.core.access.ahead_s)
        return True

    def body(self, off_s, cmd="time"):
        self.counter += 1
        times = {"t": self.true_s + off_s, "offset_s": 0, "next_s": 0, "next_offset_s": 0, "nonce": 1}
        return {"id": "c", "n": self.counter, "cmd": cmd, **times}

    def shown(self):
        return self.controller.now()[1]

    # --- what happens -----------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((1, 60, 700, HOUR_S, 3 * HOUR_S, DAY_S)))
    def time_passes(self, seconds):
        for _ in range(max(1, seconds // HOUR_S)):
            step_s = min(seconds, HOUR_S)
            TimeSteps.ticks_ms += step_s * 1000
            self.true_s += step_s
            self.uptime_s += step_s
            if step_s == HOUR_S:
                self.do(self.controller.sink, (events.EV_TIMER, core_module.FLOOR_TIMER))

    @rule(off_s=st.sampled_from(WRONG), hold_s=st.sampled_from((0, 0, 600, 2 * HOUR_S)))
    def a_wrong_host_answers(self, off_s, hold_s):
        if self.said[0] != off_s:
            self.said = (off_s, self.uptime_s)
        if hold_s:
            self.time_passes(hold_s)
        self.fooled = self.fooled or self.uptime_s - self.said[1] >= HOUR_S
        self.do(self.controller.from_host, ("time", self.body(off_s)))

    @rule()
    def the_host_is_right(self):
        self.said = (0, 0)
        if self.do(self.controller.from_host, ("time", self.body(0))) and not self.fooled:
            assert abs(self.shown() - self.true_s) <= AHEAD_MAX_S and self.controller.now()[2]
            assert not self.controller.in_doubt or self.clock.ahead_s, "refused"

    @rule(off_s=st.sampled_from((0, *CHIP_WRONG)))
    def the_chip_is_read(self, off_s):
        self.clock.set(TimeSteps.ticks_ms, self.true_s + off_s, True)
        self.do(self.controller.note_ahead)

    @rule()
    def order(self):
        self.fooled = False
        self.durable_s = 0
        if self.do(self.controller.from_host, ("time", self.body(0, "clock"))):
            assert self.shown() == self.true_s and not self.clock.ahead_s
        else:
            self.order()

    @rule()
    def something_is_recorded(self):
        self.do(self.controller.sink, (events.EV_REJECTED, 2, 1))

    @rule()
    def a_snapshot_is_written(self):
        self.do(lambda: self.journal.snapshot(self.controller.core.snapshot(), self.shown()))

    @rule(off_s=st.sampled_from((0, 60, HOUR_S, 10 * DAY_S)))
    def the_power_goes(self, off_s):
        self.true_s += off_s
        self.do(self.start)

    @rule(
        operation=st.integers(0, 6),
        aftermath=st.sampled_from((NOT_DONE, DONE, TORN, DROPPED)),
        torn=st.integers(0, 64),
    )
    def the_power_will_go_in_the_middle(self, operation, aftermath, torn):
        self.flash.cut(operation, aftermath, torn)

    # --- what must hold -----------------------------------------------------------------------------------

    @precondition(lambda self: not self.fooled)
    @invariant()
    def what_is_believed_is_never_later_than_the_truth(self):
        assert self.shown() - self.clock.ahead_s <= self.true_s + AHEAD_MAX_S

    @invariant()
    def the_fold_knows_what_the_clock_knows(self):
        assert self.controller.core.access.ahead_s == self.clock.ahead_s
        assert self.journal.time_floor <= self.shown()


def test_whatever_is_said_and_whenever_the_power_goes_no_single_answer_is_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(controller_module, "ticks_ms", lambda: TimeSteps.ticks_ms)
    run_state_machine_as_test(
        TimeSteps,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
