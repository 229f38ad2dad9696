"""Rules of wiring, and what a compiled cabinet of 96 doors costs the device."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from ..cabinet.compiler import compile_file, device_json
from ..cabinet.profiles import hardware_dir
from ..cabinet.rules import RULES
from ..firmware_path import firmware_dir
from ..sim.process import interpreter

GOALS = {
    "hardware.config_bytes_96": "<= 8000",
    "hardware.config_read_ms_96": "<= 50",
}

_ROUNDS = 9


def run() -> dict[str, float]:
    """Every number of the cabinet compiler; takes a second."""
    config, _ = compile_file(hardware_dir() / "cabinets" / "boards-96.toml")
    text = device_json(config)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.json"
        file.write_text(text, encoding="utf-8")
        probe = Path(__file__).with_name("probe_hardware.py")
        asked = [str(probe), str(firmware_dir()), str(file), str(_ROUNDS)]
        command = [interpreter(), "-X", "heapsize=256k", *asked]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    doors, times_us = json.loads(done.stdout)
    if doors != 96:
        raise AssertionError(f"{doors} doors were read")
    return {
        "hardware.pin_rules": len(RULES),
        "hardware.config_bytes_96": len(text.encode()),
        "hardware.config_read_ms_96": min(times_us) / 1000,  # what else runs here only adds
    }
