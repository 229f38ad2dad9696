"""The order of a start: relay lines off, then the radio's memory, then all that lets Python's heap grow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from consigne.sim.locker import SimLocker
from consigne.sim.shim import _ops as ops
from sim_kit import IDENTITY, config

OUTPUT = 3  # machine.Pin.OUT


def first_calls(sim: SimLocker, relays: set[int]) -> list[str]:
    """What the firmware did until it was ready, in the order in which each kind of it was first done."""
    ground: Any = sim.ground
    port = ground.interpreter.port
    handle: Callable[..., Any] = port.handle
    seen: list[str] = []

    def noted(op: int, number: int, payload: bytes) -> Any:
        kinds = {ops.WLAN_ACTIVE: "radio", ops.WLAN_JOIN: "join", ops.FLASH_READ: "journal"}
        kind = kinds.get(op, "")
        if op == ops.PIN_SETUP and number in relays and payload[0] == OUTPUT:
            assert not payload[2], "a relay line is driven high"
            relays.discard(number)
            kind = "" if relays else "relays off"
        if kind and kind not in seen:
            seen.append(kind)
            if kind == "radio":
                loaded = ground.interpreter._graph.modules
                assert not {"locker.online", "locker.serving", "locker.core.core"} & loaded.keys()
        return handle(op, number, payload)

    port.handle = noted
    sim.wait_for(lambda: "ready" in sim.output(), 30)
    sim.run_for(10)
    return seen


@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
def test_the_radio_takes_its_memory_behind_the_relay_lines_and_before_the_journal_is_read(
    tmp_path: Path, online: bool
) -> None:
    wanted = config()
    if online:
        wanted["network"] = {
            "kind": "wifi", "ssid": "consigne", "broker": "b.example", "port": 1883, "tls": False
        }  # fmt: skip
    relays = {door["lock"]["channel"] for door in wanted["doors"] if door["lock"]["bank"] == "gpio"}
    assert relays, "this cabinet has relays on pins"
    sim = SimLocker(wanted, IDENTITY, tmp_path, "virtual")
    try:
        sim.start()
        radio = ["radio"] if online else []
        join = ["join"] if online else []
        assert first_calls(sim, set(relays)) == ["relays off", *radio, "journal", *join]
    finally:
        sim.stop()
