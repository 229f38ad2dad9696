"""What is compiled is what the firmware reads, and in time; the command line tells what it does."""

import json
from pathlib import Path

import pytest
from consigne.cabinet.compiler import compile_cabinet, compile_file, device_json, open_cabinet
from consigne.cabinet.draw.front import cells, terminal_text
from consigne.cabinet.draw.frontsvg import svg
from consigne.cabinet.draw.harness import sheets
from consigne.cabinet.draw.power import bill, budget
from consigne.cabinet.newfile import NoRoom, new_file
from consigne.cabinet.problems import CabinetError
from consigne.cabinet.profiles import hardware_dir, profiles
from consigne.cli import app
from consigne.sim import reference as demo
from file_kit import GOOD, changed, opened, problems
from lab.bench import hardware as bench
from lab.bench.__main__ import meets
from locker import config as device
from locker.core.limits import HOLDER_MAX
from rich.console import Console
from typer.testing import CliRunner

CABINETS = sorted((hardware_dir() / "cabinets").glob("*.toml"))
RUNNER = CliRunner()


@pytest.mark.parametrize("file", CABINETS, ids=lambda file: file.stem)
def test_every_cabinet_of_ours_keeps_every_rule_and_the_firmware_takes_it(file: Path) -> None:
    config, warnings = compile_file(file)
    assert warnings == []
    assert device.checked(json.loads(device_json(config)))["doors"]


def test_the_firmware_reads_what_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "cabinet.toml").write_text(GOOD)
    raw = device.checked(json.loads(device_json(compile_file(tmp_path / "cabinet.toml")[0])))
    assert [door["name"] for door in raw["doors"]] == ["1", "2", "3", "4"]
    assert [door["size"] for door in raw["doors"]] == [1, 3, 4, 2]
    assert [door["low"] for door in raw["doors"]] == [True] * 4
    assert raw["doors"][0]["lock"] == {"bank": "gpio", "channel": 19}
    assert raw["doors"][1]["reed"] == {"bank": "mcp23017@0:32", "channel": 8}
    assert raw["doors"][3]["lock"] == {"bank": "8a@1:1", "channel": 4}
    assert [door["closed_level"] for door in raw["doors"]] == [0, 0, 0, 1]
    assert raw["rs485"][0]["de"] == 18 and [b["address"] for b in raw["boards"]] == [1, 2]
    assert raw["network"]["ssid"] == "consigne"


def test_the_demo_is_the_cabinet_that_its_file_describes() -> None:
    config, _ = compile_file(hardware_dir() / "cabinets" / "demo.toml")
    ours = device.checked(json.loads(json.dumps(demo.config(config["network"]["port"]))))
    assert ours == device.checked(json.loads(device_json(config)))
    assert sum(demo.SIZES) == 23 and len(demo.layout()) == 12


def test_a_file_that_breaks_a_rule_is_not_compiled(tmp_path: Path) -> None:
    (tmp_path / "cabinet.toml").write_text(changed("lock = 19", "lock = 12"))
    with pytest.raises(CabinetError, match="pin 12 is a strapping pin"):
        compile_file(tmp_path / "cabinet.toml")


def test_a_file_of_another_format_is_told_the_one_that_is_read(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, changed("format = 1", "format = 2"))
    assert "only 1 is allowed, found 2; it is the version of this format" in str(found)


def test_a_holder_has_no_number_that_may_take_a_revoked_ones_place(tmp_path: Path) -> None:
    row = '[[holder]]\nrole = "courier"\naction = "deposit"\nnumber = {}\n'
    assert problems(tmp_path, f"{GOOD}\n{row.format(HOLDER_MAX)}") == []
    (problem,) = problems(tmp_path, f"{GOOD}\n{row.format(HOLDER_MAX + 1)}")
    assert "number" in str(problem) and f"0 to {HOLDER_MAX}" in str(problem)


def test_what_only_the_firmware_refuses_is_told_in_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cabinet.toml").write_text('language = "fr"\n' + GOOD)
    compile_file(tmp_path / "cabinet.toml")
    monkeypatch.setattr(device, "LANGUAGES", ("en", "de"))  # a firmware built without French
    with pytest.raises(CabinetError, match=r"refuses it: config\.json\.language: 'fr' is not spoken"):
        compile_file(tmp_path / "cabinet.toml")


def test_the_numbers_of_the_hardware_are_met() -> None:
    numbers = bench.run()
    assert bench.GOALS.keys() <= numbers.keys()
    assert [key for key, goal in bench.GOALS.items() if not meets(numbers[key], goal)] == [], numbers


@pytest.mark.parametrize(
    ("doors", "boards"), [(1, None), (8, None), (56, None), (24, "8a"), (96, "cu48"), (240, "8a")]
)
@pytest.mark.parametrize("name", ["esp32-devkitc-ve", "esp32-s3-devkitc-n8r8", "esp32-s3-devkitc-n16r8"])
def test_a_file_to_begin_with_breaks_no_rule(
    name: str, doors: int, boards: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "cabinet.toml"
    file.write_text(new_file(profiles()[name], doors, boards, 24))
    config, warnings = compile_file(file)
    assert len(config["doors"]) == doors and warnings == []


@pytest.mark.parametrize(("doors", "boards"), [(8, None), (96, "8a"), (24, "cu48")])
def test_a_board_with_few_pins_gets_parts_that_need_few(
    doors: int, boards: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "cabinet.toml"
    file.write_text(new_file(profiles()["olimex-esp32-poe-iso-wrover"], doors, boards, 24))
    config, warnings = compile_file(file)
    assert len(config["doors"]) == doors and warnings == []
    assert config["keypad"]["kind"] == "wiegand" and config["network"]["kind"] == "ethernet"


def test_what_does_not_fit_is_said_before_a_file_is_written(tmp_path: Path) -> None:
    for name, doors, boards, per_board in (
        ("esp32-c3-devkitm", 57, None, 24), ("esp32-devkitc", 57, None, 24), ("esp32-devkitc", 24, "8b", 24),
        ("esp32-devkitc", 24, "cu16", 24), ("esp32-c3-devkitm", 24, "8a", 24),
        ("esp32-devkitc", 240, "cu16", 12),
    ):  # fmt: skip
        with pytest.raises(NoRoom):
            new_file(profiles()[name], doors, boards, per_board)


def test_a_bill_counts_every_lock_and_the_budget_one_coil(tmp_path: Path) -> None:
    cabinet = opened(tmp_path, GOOD)
    counts = {item.part: item.count for item in bill(cabinet)}
    assert (counts["lock"], counts["driver"], counts["diode"], counts["lock_board"]) == (4, 2, 2, 2)
    assert budget(cabinet).loads[0].amps == 2.2
    stronger = opened(tmp_path, changed("arm_pin = 25", "arm_pin = 25\namps = 3.2"))
    assert budget(stronger).amps == pytest.approx(budget(cabinet).amps + 1.0)


def test_the_front_shows_every_door_at_its_height(tmp_path: Path) -> None:
    cabinet = open_cabinet(hardware_dir() / "cabinets" / "demo.toml")
    console = Console(record=True, width=100, file=(tmp_path / "front").open("w"))
    console.print(terminal_text(cabinet))
    text = console.export_text()
    for door in cabinet.compartments:
        assert f" {door['number']} {door['size']} " in text
    assert text.index(" 9 S ") < text.index(" 12 XL low") and "terminal" in text
    narrow = Console(record=True, width=40, file=(tmp_path / "narrow").open("w"))
    narrow.print(terminal_text(cabinet, 40))
    lines = narrow.export_text().splitlines()
    assert max(len(line) for line in lines[:-2]) <= 40
    assert all(
        any(f" {door['number']} {door['size']} " in line for line in lines) for door in cabinet.compartments
    )
    drawn = svg(cabinet)
    for door in cabinet.compartments:
        assert f">{door['number']}</text>" in drawn
    low = {cell.number for cell in cells(cabinet.compartments) if cell.is_low}
    assert low == {"5", "6", "11", "12"} and drawn.count("<path transform") == len(low)


def test_the_front_says_what_each_door_is_wired_to_when_it_is_asked(tmp_path: Path) -> None:
    cabinet = open_cabinet(hardware_dir() / "cabinets" / "demo.toml")
    console = Console(record=True, width=100, file=(tmp_path / "front").open("w"))
    console.print(terminal_text(cabinet, 100, with_wiring=True))
    assert "│ 1 gpio 4/15" in console.export_text() and "gpio" not in svg(cabinet)
    assert ">A 5/13</text>" in svg(cabinet, with_wiring=True)


def test_a_sensor_on_another_board_than_its_lock_is_compiled_drawn_and_shown(tmp_path: Path) -> None:
    cabinet = opened(tmp_path, changed('on = "A"\n', 'on = "A"\nreed_on = "left"\n'))
    config, _ = compile_cabinet(cabinet)
    assert config["doors"][1]["lock"] == [1, 0] and config["doors"][1]["reed"] == [2, 8]
    assert "A 0 left 8" in svg(cabinet, with_wiring=True)
    routes = sheets(cabinet)["doors"]["connections"]
    (start,) = [start for start, _, end in routes if end == {"Door 2": ["reed", "reed GND"]}]
    assert start == {"Lock board left": ["8 sensor", "8 sensor GND"]}
    (start,) = [start for start, _, end in routes if end == {"Door 2": ["coil +", "coil -"]}]
    assert start == {"Terminals A": ["2 ARMED", "2 coil"]}


def test_a_cabinet_of_one_door_is_told_so(tmp_path: Path) -> None:
    file = tmp_path / "cabinet.toml"
    RUNNER.invoke(app, ["cabinet", "new", str(file), "--doors", "1"])
    assert ": 1 door, " in " ".join(RUNNER.invoke(app, ["cabinet", "check", str(file)]).output.split())
    assert "1 door: 1 XL;" in RUNNER.invoke(app, ["cabinet", "show", str(file)]).output


def test_the_command_checks_shows_and_begins_a_file(tmp_path: Path) -> None:
    file, out = tmp_path / "cabinet.toml", tmp_path / "config.json"
    made = RUNNER.invoke(app, ["cabinet", "new", str(file), "--doors", "8"])
    assert made.exit_code == 0, made.output
    again = RUNNER.invoke(app, ["cabinet", "new", str(file)])
    assert again.exit_code == 2 and "exists" in again.output
    done = RUNNER.invoke(app, ["cabinet", "check", str(file), "--out", str(out)])
    assert done.exit_code == 0 and "8 doors" in done.output
    assert json.loads(out.read_text()) == compile_file(file)[0]
    shown = RUNNER.invoke(app, ["cabinet", "show", str(file), "--svg", str(tmp_path / "front.svg")])
    assert shown.exit_code == 0 and "terminal" in shown.output and (tmp_path / "front.svg").exists()
    for command in (["power"], ["parts"], ["parts", "--as", "json"]):
        told = RUNNER.invoke(app, ["cabinet", *command, str(file)])
        assert told.exit_code == 0 and told.output.strip()
    for command in ("boards", "rules", "keys"):
        assert RUNNER.invoke(app, ["cabinet", command]).exit_code == 0


def test_the_command_fails_with_all_problems_and_writes_nothing(tmp_path: Path) -> None:
    file, out = tmp_path / "cabinet.toml", tmp_path / "config.json"
    file.write_text(changed("lock = 19", "lock = 12").replace("reed = 8", "reed = 99"))
    done = RUNNER.invoke(app, ["cabinet", "check", str(file), "--out", str(out)])
    assert done.exit_code == 1 and not out.exists()
    assert (
        f"{file}:" in done.output
        and "compartment[0].lock" in done.output
        and "compartment[1].reed" in done.output
    )
