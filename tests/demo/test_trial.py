"""Who carries out the steps of ``consigne sim`` does at the keypad what a person would."""

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from consigne.cli import app
from consigne.demo.headless import Proof
from consigne.demo.reading import greets, next_key, read, typed
from consigne.demo.stage import Stage, log_line
from consigne.demo.steps import KEYS, Step
from consigne.demo.trial import Trial
from consigne.sim import reference
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.host import Host
from consigne.sim.parts.wiegand import WiegandKeypad
from locker import texts
from sim_kit import IDENTITY, KEY
from typer.testing import CliRunner

STEERING = "t\x1b]0;title\x07\nt"
"""A text that gives the terminal another title."""


@pytest.mark.parametrize(
    ("lost", "look_s", "late_us"),
    [(0, 0.0, 0), (4, 0.0, 0), (8, 0.0, 0), (0, 1.0, 0), (4, 1.0, 0), (0, 0.0, 20_000), (4, 0.0, 20_000)],
    ids=[
        "the first digit", "one in the middle", "the last sign", "the first, busy", "in the middle, busy",
        "the first, slow", "in the middle, slow",
    ],
)  # fmt: skip
def test_a_code_of_which_a_key_was_refused_is_typed_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lost: int, look_s: float, late_us: int
) -> None:
    """A bit is missing, as when the chip stood still; the display asks for one key at a time.

    A busy computer looks at the display only each ``look_s``.  The keys reach the firmware ``late_us`` late,
    as where it is slow: the second half of an error's tone then comes when all keys have been pressed.
    """
    clock = VirtualClock()
    host = Host(clock, KEY)
    config = reference.config(1883)
    rows = config["keypad"]["rows"]  # type: ignore[typeddict-item]
    config["keypad"] = {"kind": "wiegand", "d0": rows[0], "d1": rows[1], "bits": 4, "gap_ms": 40}
    locker = SimLocker(config, IDENTITY, tmp_path, "virtual", clock=clock, network=host.network)
    keypad = locker.cabinet.keypad
    assert isinstance(keypad, WiegandKeypad)
    whole, pressed = keypad.down, list[str]()

    def down(key: str) -> None:
        pressed.append(key)
        if len(pressed) == lost + 1:
            keypad.raw("101")
        else:
            clock.call_in(late_us, whole, key)

    keypad.down = down  # type: ignore[method-assign]  a finger whose key comes broken once
    locker.start()
    trial = Trial(locker, KEY, lambda seconds: locker.run_for(max(seconds, look_s)))
    trial.until_ready(lambda: bool(host.status))
    assert trial.run([Step(KEYS, "12345678#")])
    locker.stop()
    told = capsys.readouterr().out
    assert told.count("again\n") == 1
    assert look_s or "one key at a time" in told
    assert "12345678" in "".join(pressed)[lost + 1 :], "all of it"
    assert "known here" in told, "the code arrived whole"


def test_next_comes_what_the_glass_does_not_show_yet() -> None:
    assert [next_key("1123", "1123"[:count]) for count in range(5)] == ["1", "1", "2", "3", "#"]
    assert next_key("1123", "11223") == "*", "taken twice"


def test_digits_are_read_from_a_whole_screen_and_not_while_it_is_drawn() -> None:
    idle, digits = (texts.render(*screen, "fr") for screen in (("idle", ("Consigne",)), ("typing", ("12",))))
    assert typed(digits) == "12" and typed(texts.render("typing", ("",), "fr")) == ""
    assert typed(idle) == "" and greets(idle) and not greets(digits)
    assert typed([digits[0], *idle[1:]]) is None
    assert typed([digits[0], digits[1].replace("_", " "), *digits[2:]]) is None


@pytest.mark.parametrize("lost", [3, 7, 8], ids=["a digit", "the last digit", "the last sign"])
def test_who_proves_the_demo_types_the_whole_code_anew_once_the_half_one_is_gone(
    tmp_path: Path, lost: int
) -> None:
    """One contact fails, and on a busy machine that is noticed when the display shows its greeting again."""
    clock = VirtualClock()
    config = {**reference.config(1883), "network": {}}
    locker = SimLocker(config, IDENTITY, tmp_path, "virtual", clock=clock)
    keypad = locker.cabinet.keypad
    assert keypad is not None
    whole, pressed = keypad.down, list[str]()

    def down(key: str) -> None:
        pressed.append(key)
        if len(pressed) != lost + 1:
            whole(key)

    keypad.down = down  # type: ignore[method-assign]  a contact that fails once

    async def world() -> None:
        while True:
            locker.run_for(1.0)
            await asyncio.sleep(0.01)

    async def prove() -> Proof:
        proof = Proof(cast(Stage, SimpleNamespace(host=None, locker=locker)))
        passing = asyncio.create_task(world())
        await proof._type("12345678")
        await proof.until("what the locker says of it", lambda: "known here" in read(locker.display()))
        passing.cancel()
        return proof

    locker.start()
    locker.run_for(2)
    proof = asyncio.run(prove())
    locker.stop()
    assert proof.keys_repeated >= 1 and len(pressed) == 9 + proof.keys_repeated


@pytest.mark.parametrize(
    "words",
    [("--pry", STEERING), ("--shut", STEERING), ("--keys", f"{{{STEERING}}}#"), (STEERING,)],
    ids=lambda words: words[0].replace(STEERING, "word"),
)
def test_no_step_steers_the_terminal(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["sim", "--ground", "virtual", *words])
    assert done.exit_code == 2 and "]0;title" in done.output, done.output
    assert not set(done.output) & set("\x1b\x07"), done.output


@pytest.mark.parametrize("words", [("sim", "--wait", "1"), ("demo", "--headless")], ids=["sim", "demo"])
def test_a_cabinet_named_in_the_environment_that_cannot_be_read_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.delitem(sys.modules, reference.__name__)  # it reads the file when it is imported
    monkeypatch.setenv(reference.VARIABLE, "/dev/full")
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1 and done.output.startswith("/dev/full: cannot be read: "), done.output
    assert done.output.count("\n") == 1


def test_a_line_of_the_log_is_one_line_whatever_was_scanned() -> None:
    assert log_line((1_000_000, "-", f"--scan {STEERING}")) == (
        "     1.000  -        --scan t\\u001b]0;title\\u0007\\u000at"
    )
