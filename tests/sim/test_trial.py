"""Who carries out the steps of ``consigne sim`` does at the keypad what a person would."""

from pathlib import Path

import pytest
from consigne.demo.steps import KEYS, Step
from consigne.demo.trial import Trial
from consigne.sim import reference
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.host import Host
from consigne.sim.parts.wiegand import WiegandKeypad
from sim_kit import IDENTITY, KEY


@pytest.mark.parametrize("lost", [0, 4, 8], ids=["the first digit", "one in the middle", "the last sign"])
def test_a_code_of_which_a_key_was_refused_is_typed_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lost: int
) -> None:
    """A bit is missing, as when the chip stood still; the display asks for one key at a time."""
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
            whole(key)

    keypad.down = down  # type: ignore[method-assign]  a finger whose key comes broken once
    locker.start()
    trial = Trial(locker, KEY, locker.run_for)
    trial.until_ready(lambda: bool(host.status))
    assert trial.run([Step(KEYS, "12345678#")])
    locker.stop()
    told = capsys.readouterr().out
    assert "one key at a time" in told and told.count("again\n") == 1
    assert "12345678" in "".join(pressed)[lost + 1 :], "all of it"
    assert "known here" in told, "the code arrived whole"
