"""Chips and senses that a cabinet file asks for: compiled, taken by the firmware, and wired in simulation."""

import json
from pathlib import Path

import pytest
from consigne.cabinet.compiler import compile_file, device_json, open_cabinet, spelled_out
from consigne.cabinet.draw.harness import sheets
from consigne.cabinet.draw.power import bill
from consigne.sim.board.board import Board
from consigne.sim.clock import VirtualClock
from consigne.sim.parts.cabinet import Cabinet
from consigne.sim.parts.hc595 import Hc595
from consigne.sim.parts.pcf8574 import Pcf8574
from file_kit import GOOD, problems
from locker import config as device

# In place of the good file's boards, wire and MCP23017: three chips that its doors hang on.
CHIPS = """
[[expander]]
name = "P"
kind = "pcf8574"
address = 0x21

[[shift_register]]
name = "S"
data = 13
clock = 18
latch = 33
enable = 32
chips = 2
"""
SENSES = """
[mains]
pin = 5
[strip]
pin = 15
per = "column"
"""


def text() -> str:
    """The good file with a keypad of fewer pins, a lock on each new chip, and every sense."""
    changed = GOOD.replace("rows = [26, 27, 32, 33]\ncols = [4, 5, 15]", 'kind = "wiegand"\nd0 = 26\nd1 = 27')
    changed = changed.replace("tx = 13\nrx = 35\nde = 18", "tx = 4\nrx = 35")
    head, _, doors = changed.partition("[[compartment]]")
    doors = doors.replace('on = "left"', 'on = "S"\nreed_on = "P"', 1).replace("closed_level = 1", "", 1)
    return head + CHIPS + SENSES + "[[compartment]]" + doors


def test_a_cabinet_with_every_chip_and_sense_is_compiled_and_the_firmware_takes_it(tmp_path: Path) -> None:
    assert [str(problem) for problem in problems(tmp_path, text()) if not problem.is_warning] == []
    config, _ = compile_file(tmp_path / "cabinet.toml")
    read = device.checked(json.loads(device_json(config)))
    assert [chain["chips"] for chain in read["shifts"]] == [2]
    assert read["doors"][2]["lock"] == {"bank": "74hc595@33", "channel": 3}
    assert read["doors"][2]["reed"]["bank"] == "pcf8574@0:33"
    senses = read["senses"]
    assert senses["clock"]["kind"] == "ds3231" and senses["mains"] == {"pin": 5, "lost_level": 1}
    assert senses["supply"] == {"pin": 34, "ratio_milli": 7667, "weak_mv": 10_200}
    columns = [door["column"] for door in open_cabinet(tmp_path / "cabinet.toml").compartments]
    assert senses["strip"]["lights"] == [sorted(set(columns)).index(column) for column in columns]


def test_the_simulator_wires_what_the_file_asks_for(tmp_path: Path) -> None:
    (tmp_path / "cabinet.toml").write_text(text())
    cabinet = open_cabinet(tmp_path / "cabinet.toml")
    config, _ = compile_file(tmp_path / "cabinet.toml")
    made = Cabinet(Board(VirtualClock()), spelled_out(cabinet, config))
    assert isinstance(made.expanders["74hc595@33"], Hc595)
    assert isinstance(made.expanders["pcf8574@0:33"], Pcf8574)
    assert made.clock_chip and made.lid and made.mains and made.rail and made.strip


def test_the_bill_names_the_chips_and_a_light_for_each_column(tmp_path: Path) -> None:
    (tmp_path / "cabinet.toml").write_text(text())
    cabinet = open_cabinet(tmp_path / "cabinet.toml")
    counts = {item.part: item.count for item in bill(cabinet)}
    columns = {door["column"] for door in cabinet.compartments}
    assert (counts["74hc595"], counts["pcf8574"], counts["light"]) == (2, 1, len(columns))


@pytest.mark.parametrize(
    ("old", "new", "rule", "key"),
    [
        ('reed_on = "P"', 'reed_on = "S"', "door_channel", "compartment[2].reed"),
        ("address = 0x21", "address = 0x40", "i2c_range", "expander[1].address"),
        ("address = 0x21", "address = 0x27", "i2c_address", "expander"),
        ("enable = 32", "enable = 2", "pin_strapping", "shift_register[0].enable"),
        ("latch = 33", "latch = 39", "pin_input_only", "shift_register[0].latch"),
        ("pin = 5", "pin = 36", "pin_once", "mains.pin"),
        ("[clock]", "[clock]\ni2c = 1", "i2c_bus", "clock.i2c"),
    ],
)
def test_chips_and_senses_keep_the_rules_too(tmp_path: Path, old: str, new: str, rule: str, key: str) -> None:
    assert old in text()
    found = [problem for problem in problems(tmp_path, text().replace(old, new)) if problem.rule == rule]
    assert any(key in str(problem) or rule == "i2c_address" for problem in found), found


def test_every_pin_of_chips_and_senses_has_its_core_in_the_drawing(tmp_path: Path) -> None:
    (tmp_path / "cabinet.toml").write_text(text())
    cabinet = open_cabinet(tmp_path / "cabinet.toml")
    labels: set[str] = set()
    for document in sheets(cabinet).values():
        labels |= {
            label.split()[0]
            for label in document["connectors"].get("Controller", {"pinlabels": []})["pinlabels"]
        }
    assert {f"GPIO{use.pin}" for use in cabinet.uses} <= labels
