"""For the tests of the simulation: small firmware on either ground, and a host of few words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from consigne import codes, protocol
from consigne.demo import cabinet
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.netbroker import Broker, Faults
from consigne.sim.netmemory import MemoryNetwork

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
    return {**cabinet.config(1883), "network": {}, **changes}


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
    """Run a small firmware on a board with the demo's parts; returns what it printed until ``done``."""
    locker = SimLocker(
        config(), IDENTITY, tmp_path / f"device-{ground}", ground, firmware=script(tmp_path / "fw", text)
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


class Host:
    """Signs commands, reads events; acknowledges them when told to."""

    def __init__(self, clock: VirtualClock, faults: Faults | None = None) -> None:
        self.network = MemoryNetwork(clock)
        self.broker = Broker(clock, faults)
        self.network.listen(1883, self.broker)
        self.acknowledging = True
        self.events: dict[int, dict[str, Any]] = {}
        self.status: dict[str, Any] = {}
        self._counter = 0
        self.broker.subscribe("consigne/1/L0001/events", self._events)
        self.broker.subscribe("consigne/1/L0001/status", self._status)

    def _body(self, topic: str, payload: bytes) -> dict[str, Any]:
        body = codes.open_frame(KEY, "consigne/1/event", topic, payload)
        assert body is not None, f"a frame on {topic} is not signed"
        return json.loads(body)

    def _events(self, topic: str, payload: bytes, retained: bool) -> None:
        body = self._body(topic, payload)
        for seq, _, event in body["events"]:
            self.events[seq] = event
        contiguous = 0
        while contiguous + 1 in self.events:
            contiguous += 1
        if self.acknowledging:
            self._send("ack", protocol.ack_body(body["epoch"], contiguous), "consigne/1/command")

    def _status(self, topic: str, payload: bytes, retained: bool) -> None:
        self.status = self._body(topic, payload)

    def _send(self, branch: str, body: bytes, label: str) -> None:
        topic = f"consigne/1/L0001/{branch}"
        self.broker.publish(topic, codes.frame(KEY, label, topic, body))

    def command(self, name: str, **arguments: Any) -> None:
        self._counter += 1
        body = protocol.command_body(f"c{self._counter}", self._counter, EPOCH_S + 10**6, name, arguments)
        self._send("commands", body, "consigne/1/command")

    def kinds(self) -> list[str]:
        return [self.events[seq]["kind"] for seq in sorted(self.events)]


def connected_locker(tmp_path: Path, faults: Faults | None = None, seed: int = 0) -> tuple[SimLocker, Host]:
    """A locker under virtual time with the firmware itself, connected, its clock set by the host."""
    clock = VirtualClock()
    host = Host(clock, faults)
    locker = SimLocker(
        cabinet.config(1883),
        IDENTITY,
        tmp_path / "device",
        "virtual",
        clock=clock,
        network=host.network,
        seed=seed,
    )
    locker.start()
    locker.wait_for(lambda: host.status.get("up"), 60)
    host.command("time", t=EPOCH_S, offset_s=3600)
    locker.run_for(2)
    return locker, host
