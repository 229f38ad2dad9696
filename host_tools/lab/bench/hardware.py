"""Rules of wiring, the device's cost of a compiled cabinet of 96 doors, and the wizard learning one."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from consigne import firmware_dir
from consigne.cabinet.compiler import compile_file, device_json
from consigne.cabinet.deviceconfig import Channel, WiredDoor
from consigne.cabinet.profiles import hardware_dir
from consigne.cabinet.rules.table import RULES
from consigne.learn.file import wiring_of
from consigne.learn.ground import SimTechnician, UnknownCabinet
from consigne.learn.learned import Progress
from consigne.learn.run import Learning, simulated
from consigne.sim.grounds.process import interpreter

from lab.rig.unknown import unknown_cabinet

from .machine import undisturbed

GOALS = {
    "hardware.config_bytes_96": "<= 8000",
    "hardware.config_read_ms_96": "<= 50",
    "hardware.learned_doors_right": ">= 96",
}

_ROUNDS = 9


_SEED = 96


def run() -> dict[str, float]:
    """Every number of the cabinet compiler and of the wizard; takes a few seconds."""
    return {"hardware.pin_rules": len(RULES), **_compiled(), **learned()}


def learned() -> dict[str, float]:
    """An unknown cabinet of 96 doors on mixed boards, learned under virtual time by a simulated technician.

    Seconds are the cabinet's time, from the first request on the wires until the file is written, with two
    for each look at the doors; without the proof that opens each door once more.
    """
    with tempfile.TemporaryDirectory() as folder:
        truth, out = Path(folder, "truth.toml"), Path(folder, "learned.toml")
        truth.write_text(unknown_cabinet(_SEED), encoding="utf-8")
        site = UnknownCabinet(simulated(truth), _SEED)
        started_us = site.clock.now_us()
        technician = SimTechnician(site)
        progress = Progress.beside(out, wiring_of(truth))
        learning = Learning.over_console(progress, site.console, lambda text: None)
        learning.find(technician, 8, with_pins=False)
        learning.ask(technician)
        learning.write(out)
        took_us = site.clock.now_us() - started_us
        found = {door["name"]: _wired(door) for door in simulated(out)["doors"]}
        right = sum(found.get(door["name"]) == _wired(door) for door in simulated(truth)["doors"])
    return {
        "hardware.learned_doors_right": right,
        "hardware.learned_opens": progress.opens,
        "hardware.learned_s": round(took_us / 1e6),
    }


def _wired(door: WiredDoor) -> tuple[Channel, Channel, int]:
    """The facts about a door that the wizard has to find."""
    return door["lock"], door["reed"], door["closed_level"]


def _compiled() -> dict[str, float]:
    config, _ = compile_file(hardware_dir() / "cabinets" / "boards-96.toml")
    text = device_json(config)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.json"
        file.write_text(text, encoding="utf-8")
        probe = Path(__file__).with_name("probe_hardware.py")
        asked = [str(probe), str(firmware_dir()), str(file), str(_ROUNDS)]
        command = [interpreter(), "-X", "heapsize=256k", *asked]
        with undisturbed():
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    doors, times_us = json.loads(done.stdout)
    if doors != 96:
        raise AssertionError(f"{doors} doors were read")
    return {
        "hardware.config_bytes_96": len(text.encode()),
        "hardware.config_read_ms_96": min(times_us) / 1000,  # other processes only add time
    }
