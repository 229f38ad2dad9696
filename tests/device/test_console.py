"""The console of a locker in production: who gets past it, and what trying costs."""

import hashlib
import json
import re
import runpy
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import device_kit as kit
import pytest
from consigne import firmware_dir
from consigne.device import prompt
from consigne.protocol import codes
from consigne.sim.board.flash import NorFlash
from console_kit import Terminal
from locker import config, controller
from locker.core import core, events, records
from locker.core.timekeeping import Clock
from locker.journal.log import Journal
from locker.site import Site

KEY = hashlib.sha256(b"a key for tests").digest()
NOW_S = 1_790_000_000


def site(**changes):
    """The demo's cabinet as the firmware reads it, with a technician and a courier of number 7."""
    with tempfile.TemporaryDirectory() as folder:
        made, _ = kit.compiled(kit.cabinet_file(Path(folder)))
    return Site(config.checked({**json.loads(json.dumps(made)), **changes}))


class Part:
    """Locks, display, buzzer and lamp at rest: nothing that a console does reaches them but ``off``."""

    was_off = False

    def off(self):
        self.was_off = True

    def busy(self):
        return False

    def show(self, lines):
        self.lines = lines

    def set(self, state):
        self.state = state

    def play(self, pattern):
        self.pattern = pattern


class Supervisor:
    ended = last = ""
    faults = ()

    def end(self, why):
        self.ended = why


class ConsoleRig(Terminal):
    """A controller over a real journal, and its console."""

    def __init__(self, clock_is_set=True, duress=False):
        self.journal = Journal(NorFlash(256 * 1024))
        self.journal.open()
        clock = Clock(NOW_S, 0)
        if clock_is_set:
            clock.set(0, NOW_S)
        self.locks = Part()
        made = core.Core(site(duress=duress), KEY)
        self.controller = controller.Controller(
            made, self.journal, clock, self.locks, Part(), Part(), Part(), 1500
        )
        self.controller.now = lambda: (0, *clock.now(0)[1:])
        self.supervisor = Supervisor()
        self.attach(self.controller, self.supervisor, "0.1.0; journal: clean")

    def records(self):
        found = []
        self.journal.replay(lambda kind, t, payload, seq: found.append(records.describe(kind, payload)))
        return found


def code(role, action, holder, at_s=NOW_S):
    return codes.window_code(KEY, role, action, holder, at_s)


@pytest.fixture
def rig(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return ConsoleRig()


def test_the_technician_of_this_hour_gets_in_and_the_relays_are_off_first(rig, tmp_path):
    said = rig.type(code(3, 4, 1) + "\r")
    assert "right; starting for service" in said
    assert rig.supervisor.ended == "service" and rig.locks.was_off
    assert (tmp_path / "service").exists()
    kinds = [record["kind"] for record in rig.records()]
    assert kinds[-2:] == ["attempt", "accepted"]
    assert rig.records()[-1]["via"] == events.VIA_CONSOLE


def test_a_technician_who_is_forced_gets_in_and_the_host_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rig = ConsoleRig(duress=True)
    good = code(3, 4, 1)
    said = rig.type(good[:-1] + str((int(good[-1]) + 1) % 10) + "\r")
    assert "right; starting for service" in said and rig.supervisor.ended == "service"
    assert [record["kind"] for record in rig.records()][-3:] == ["attempt", "accepted", "alarm"]
    assert rig.records()[-1]["alarm"] == 2


def test_what_is_typed_is_not_shown(rig):
    assert rig.type(code(3, 4, 1)) == "********"


@pytest.mark.parametrize(
    "digits",
    [code(1, 1, 7), code(3, 4, 2), code(3, 4, 1, NOW_S - 7200), "00000000", "1", "123456789012"],
    ids=["a courier's", "another technician's", "of two hours ago", "any", "too short", "too long"],
)
def test_other_codes_open_nothing_and_are_recorded(rig, tmp_path, digits):
    said = rig.type(digits + "\r")
    assert "wrong code" in said and not rig.supervisor.ended
    assert not (tmp_path / "service").exists()
    assert [record["kind"] for record in rig.records()][-2:] == ["attempt", "refused"]


def test_guessing_ends_after_twenty_tries_for_the_keypad_too(rig):
    for _ in range(20):
        assert "wrong code" in rig.type("00000000\r")
    before = len(rig.records())
    assert "too many wrong codes; wait" in rig.type(code(3, 4, 1) + "\r")
    assert len(rig.records()) == before and not rig.supervisor.ended
    assert rig.controller.core.access.may_try(rig.controller.now())[0] == 0


@pytest.fixture
def timeless(tmp_path, monkeypatch):
    """No clock chip, no network: only the newest time in the journal is known."""
    monkeypatch.chdir(tmp_path)
    return ConsoleRig(clock_is_set=False)


def number(said):
    """The number that the console shows, as the operator types it."""
    (shown,) = re.findall(r"the code to number (\d{3}) (\d{3}) (\d{3})", said)
    return int("".join(shown))


def test_without_a_clock_the_technician_is_told_a_number_and_let_in_with_the_code_to_it(timeless, tmp_path):
    shown = number(timeless.type("\r"))
    assert number(timeless.type("\x03")) == shown, "a tool that asks again and again changes nothing"
    assert "right; starting for service" in timeless.type(codes.console_code(KEY, 1, shown) + "\r")
    assert timeless.supervisor.ended == "service" and (tmp_path / "service").exists()
    assert [record["kind"] for record in timeless.records()][-2:] == ["attempt", "accepted"]


def test_without_a_clock_no_code_of_any_hour_counts(timeless):
    for at_s in (NOW_S, NOW_S + 3600, NOW_S - 3600):
        said = timeless.type(code(3, 4, 1, at_s) + "\r")
        assert "not taken" in said and "the clock is not set" in said and not timeless.supervisor.ended


def test_a_number_is_good_for_one_try(timeless):
    shown = number(timeless.type("\r"))
    assert number(timeless.type("00000000\r")) != shown
    assert "not taken" in timeless.type(codes.console_code(KEY, 1, shown) + "\r")
    assert not timeless.supervisor.ended


def test_a_number_is_good_for_an_hour(timeless):
    shown = number(timeless.type("\r"))
    _, epoch_s, trust = timeless.controller.now()
    timeless.controller.now = lambda: (0, epoch_s + 3600, trust)
    assert "not taken" in timeless.type(codes.console_code(KEY, 1, shown) + "\r")
    assert not timeless.supervisor.ended


def test_the_code_to_a_number_is_one_technicians_and_ends_with_his_others(timeless):
    shown = number(timeless.type("\r"))
    assert "not taken" in timeless.type(codes.console_code(KEY, 2, shown) + "\r"), "nobody here has number 2"
    revoked = records.pack(records.HOLDER_COUNTER, 3, 4, 1, 40_000)
    timeless.controller.core.apply(records.HOLDER_COUNTER, NOW_S, revoked)
    assert "not taken" in timeless.type(codes.console_code(KEY, 1, number(timeless.type("\r"))) + "\r")
    assert "right" in timeless.type(codes.console_code(KEY, 40_000, number(timeless.type("\r"))) + "\r")


def test_the_code_to_a_number_opens_nothing_else_and_nothing_once_the_clock_is_set(timeless):
    shown = number(timeless.type("\r"))
    answer = codes.console_code(KEY, 1, shown)
    core = timeless.controller.core
    core.apply(records.ATTEMPT, NOW_S, records.pack(records.ATTEMPT, events.VIA_KEYPAD))
    assert core.access.check_digits(answer, timeless.controller.now())[0] != 0, "at the keypad"
    timeless.controller.now = lambda: (0, NOW_S, events.TRUST_SET)
    assert "wrong code" in timeless.type(answer + "\r") and "number" not in timeless.said
    assert not timeless.supervisor.ended


def test_guessing_without_a_clock_ends_after_twenty_tries_too(timeless):
    for _ in range(20):
        assert "not taken" in timeless.type("00000000\r")
    answer = codes.console_code(KEY, 1, number(timeless.type("\r")))
    assert "too many wrong codes; wait" in timeless.type(answer + "\r") and not timeless.supervisor.ended


def test_who_only_looks_is_told_what_failed_and_nothing_secret(rig):
    rig.supervisor.faults, rig.supervisor.last = ["display"], "display: OSError: 19"
    said = rig.type("?")
    assert "0.1.0; journal: clean; clock set; faults: display; last: display: OSError: 19; serving" in said
    assert rig.records() == [] and KEY.hex() not in said
    assert "right" in rig.type(code(3, 4, 1) + "\r")


class Wire:
    """A serial line to a rig's console: seconds pass while it is read; ``at_s`` says what happens when.

    The last ``late_bytes`` of an answer to "?" come only when something else is written.
    """

    port = "PORT"

    def __init__(self, rig, at_s, late_bytes=0):
        self.rig, self.at_s, self.now_s, self.unread = rig, at_s, 0.0, b""
        self.late, self.late_bytes = b"", late_bytes
        self.transport = self.serial = self

    def device_errors(self):
        return nullcontext()

    def write(self, data):
        answer = self.late + self.rig.type(data.decode()).encode()
        on_time = len(answer) - (self.late_bytes if data == b"?" else 0)
        self.unread, self.late = self.unread + answer[:on_time], answer[on_time:]

    def read_until(self, _, ending, timeout=10, timeout_overall=None):
        head, found, tail = self.unread.partition(ending)
        self.unread = tail
        if not found:
            self.now_s += min(timeout, timeout_overall)
            self.at_s.pop(int(self.now_s), lambda: None)()
        return head + found


def tool_types(rig, digits, **more):
    """The technician's commands give a code to a console; how many seconds they took."""
    wire = Wire(rig, **{"at_s": {}, **more})
    prompt.type_code(wire, digits, lambda: wire.now_s)
    return wire.now_s


def test_the_second_of_two_commands_waits_until_the_restarted_board_knows_the_time(timeless):
    def told_the_time():
        timeless.controller.now = lambda: (0, NOW_S, events.TRUST_SET)

    took_s = tool_types(timeless, code(3, 4, 1), at_s={4: told_the_time})
    assert timeless.supervisor.ended == "service" and 4 <= took_s < 6
    assert [record["kind"] for record in timeless.records()].count("attempt") == 1


def test_the_code_to_a_number_is_typed_where_no_time_comes_and_no_command_waits_where_it_is_known(
    timeless, rig
):
    answer = codes.console_code(KEY, 1, number(timeless.type("\r")))
    assert tool_types(timeless, answer) >= prompt.CLOCK_S
    assert timeless.supervisor.ended == "service"
    assert tool_types(rig, code(3, 4, 1)) < 2


@pytest.mark.parametrize("late_bytes", [1, 4, 60])
def test_a_code_is_taken_although_a_slow_board_still_answers_the_question_before_it(rig, late_bytes):
    tool_types(rig, code(3, 4, 1), late_bytes=late_bytes)
    assert rig.supervisor.ended == "service"


@pytest.mark.parametrize("tool", ["\x03", "\x01", "\r", "\n", "\r\x03\r\x01"])
def test_a_tool_that_asks_for_the_prompt_is_told_that_it_is_closed(rig, tool):
    assert prompt.CLOSED.decode() in rig.type(tool)


def test_a_tool_that_interrupts_begins_a_code_anew(rig):
    rig.type("1234")
    rig.type("\x03")
    assert "right" in rig.type(code(3, 4, 1) + "\r")


def test_nothing_of_a_code_is_in_the_journal(rig):
    digits = code(3, 4, 1)
    rig.type(digits + "\r")
    assert digits not in json.dumps(rig.records())


@pytest.mark.parametrize("file", ["boot.py", "start.py"])
def test_a_ctrl_c_that_came_before_the_first_line_ends_neither_file(file, monkeypatch):
    """A board raises what came while Ctrl-C was on at the next jump; a file so ended leaves the prompt."""
    told = []

    def kbd_intr(char):
        told.append(char)
        if len(told) == 1:
            raise KeyboardInterrupt

    for name, module in {
        "micropython": SimpleNamespace(kbd_intr=kbd_intr),
        "machine": SimpleNamespace(),
        "vfs": SimpleNamespace(),
        "esp32": SimpleNamespace(Partition=SimpleNamespace(TYPE_DATA=1, find=lambda kind, label: [])),
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    runpy.run_path(str(firmware_dir() / file))
    assert told[:2] == [-1, -1]
