"""For the tests of the simulation: small firmware on either ground, and a host of few words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from consigne.sim import reference
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.broker import Faults
from consigne.sim.network.host import Host

KEY = bytes(range(32))
IDENTITY = {
    "locker": "L0001",
    "device_key": KEY.hex(),
    "mqtt_user": "L0001",
    "mqtt_password": "secret",
    "wifi_password": "secret",
}
EPOCH_S = 1_800_000_000
GROUNDS = ("virtual", "micropython")


def config(**changes: Any) -> dict[str, Any]:
    """The demo's cabinet; without a network unless one is asked for."""
    return {**reference.config(1883), "network": {}, **changes}


# An ESP32 on a bench, for programs that use its pins one by one: an expander and a display on its bus.
BENCH: dict[str, Any] = {
    "board": "esp32",
    "i2c": [{"id": 0, "scl": 22, "sda": 21, "freq_hz": 100_000}],
    "expanders": [{"kind": "mcp23017", "i2c": 0, "address": 32, "int_pin": -1}],
    "display": {"kind": "hd44780", "i2c": 0, "address": 39, "columns": 20, "rows": 4},
    "doors": [],
}


def script(directory: Path, text: str) -> Path:
    """A firmware that is one ``main.py``."""
    directory.mkdir(exist_ok=True)
    (directory / "main.py").write_text(text)
    return directory


def play(
    tmp_path: Path,
    ground: str,
    text: str,
    act: Callable[[SimLocker], None] = lambda locker: None,
    done: str = "done",
    timeout_s: float = 10,
) -> list[str]:
    """Run a small firmware on a board on a bench; returns what it printed until ``done``."""
    locker = SimLocker(
        BENCH, IDENTITY, tmp_path / f"device-{ground}", ground, firmware=script(tmp_path / "fw", text)
    )
    try:
        locker.call(lambda: act(locker))
        locker.start()
        locker.wait_for(lambda: done in locker.output() or locker.ends, timeout_s)
        assert not locker.failures, locker.failures
        output = locker.output()
        assert done in output, output
        return output[: output.index(done)]
    finally:
        locker.stop()


def connected_locker(
    tmp_path: Path, faults: Faults | None = None, seed: int = 0, firmware: Path | None = None
) -> tuple[SimLocker, Host]:
    """A locker under virtual time with the firmware itself, connected, its clock set by the host."""
    clock = VirtualClock()
    host = Host(clock, KEY, faults)
    locker = SimLocker(
        reference.config(1883),
        IDENTITY,
        tmp_path / "device",
        "virtual",
        clock=clock,
        network=host.network,
        firmware=firmware,
        seed=seed,
    )
    locker.start()
    locker.wait_for(lambda: host.status.get("up"), 60)
    host.know_time(EPOCH_S, offset_s=3600)
    locker.wait_for(lambda: host.status.get("trust") == 1, 60)
    return locker, host
