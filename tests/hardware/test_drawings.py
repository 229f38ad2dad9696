"""What is drawn and reckoned under ``hardware/`` is current, complete, and a picture of the cabinet file."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from consigne.cabinet.compiler import open_cabinet
from consigne.cabinet.drawings import draw, texts, to_yaml
from consigne.cabinet.harness import sheets
from consigne.cabinet.newfile import new_file
from consigne.cabinet.power import bill
from consigne.cabinet.profiles import hardware_dir, profiles
from file_kit import GOOD, changed, opened
from PIL import Image

HARDWARE = hardware_dir()
CABINETS = sorted((HARDWARE / "cabinets").glob("*.toml"))


@pytest.mark.parametrize("file", CABINETS, ids=lambda file: file.stem)
def test_drawings_and_bills_are_current(file: Path) -> None:
    for name, text in texts(open_cabinet(file)).items():
        assert (HARDWARE / name).read_text(encoding="utf-8") == text, f"{name} is old: run `make drawings`"


@pytest.mark.parametrize("file", CABINETS, ids=lambda file: file.stem)
def test_each_sheet_has_its_pictures_with_every_connector_in_them(file: Path) -> None:
    for name, document in sheets(open_cabinet(file)).items():
        picture = HARDWARE / "wiring" / f"{file.stem}-{name}"
        drawn = picture.with_suffix(".svg").read_text(encoding="utf-8")
        for connector, entry in document["connectors"].items():
            shown = connector.replace("-", "&#45;")
            assert f">{connector}<" in drawn or f">{shown}<" in drawn, connector
            for pin in entry["pinlabels"]:
                assert pin.replace("-", "&#45;") in drawn or pin in drawn, (connector, pin)
        with Image.open(picture.with_suffix(".png")) as image:
            assert min(image.size) > 300


def test_nothing_is_drawn_of_a_cabinet_that_is_gone() -> None:
    wanted = {HARDWARE / name for file in CABINETS for name in texts(open_cabinet(file))}
    wanted |= {
        file.with_suffix(kind) for file in wanted if file.suffix == ".yml" for kind in (".svg", ".png")
    }
    assert {path for folder in ("wiring", "bom") for path in (HARDWARE / folder).iterdir()} == wanted


@pytest.mark.parametrize("file", CABINETS, ids=lambda file: file.stem)
def test_every_claimed_pin_and_every_lock_and_sensor_has_its_core(file: Path) -> None:
    cabinet = open_cabinet(file)
    pins = set()
    doors = set()
    for document in sheets(cabinet).values():
        pins |= {
            label.split()[0]
            for label in document["connectors"].get("Controller", {"pinlabels": []})["pinlabels"]
        }
        doors |= {
            label for name, entry in document["connectors"].items() if name.startswith("Door")
            for label in entry["pinlabels"]
        }  # fmt: skip
    # Lock boards need no arming line; they end their pulses themselves.
    boards_only = not any(door["on"] in ("gpio", "A") for door in cabinet.compartments)
    unused = {cabinet.data["locks"]["arm_pin"]} if boards_only else set()
    unused |= {use.pin for use in cabinet.uses if use.key[0] in cabinet.board.aboard}
    claimed = {use.pin for use in cabinet.uses} - unused
    assert {cabinet.board.terminals.get(pin, f"GPIO{pin}") for pin in claimed} <= pins
    for door in cabinet.compartments:
        number = door["number"]
        assert f"door {number}" in doors or {f"{number} coil", f"{number} reed"} <= doors


def test_what_is_written_is_yaml_that_says_the_same(tmp_path: Path) -> None:
    for document in sheets(opened(tmp_path, GOOD)).values():
        assert yaml.safe_load(to_yaml(document)) == document


def test_a_drawing_names_the_voltage_that_the_supply_has(tmp_path: Path) -> None:
    text = changed("amps = 5", "amps = 5\nvolts = 24").replace("arm_pin = 25", "arm_pin = 25\nvolts = 24")
    document = sheets(opened(tmp_path, text))["controller"]
    assert "24V" in document["connectors"]["Supply"]["pinlabels"]
    assert "12V" not in str(document) and document["cables"]["W1"]["colors"] == ["RD", "BK"]


def test_a_cabinet_is_drawn_by_one_command(tmp_path: Path) -> None:
    assert shutil.which("dot"), "Graphviz is missing: make system"
    cabinet = opened(tmp_path, changed("cols = [4, 5, 15]", "cols = [4, 5, 15] # as in the drawing"))
    made = draw(cabinet, tmp_path)
    assert all(path.stat().st_size > 0 for path in made)
    assert {path.suffix for path in made} == {".yml", ".svg", ".png", ".csv"}
    svg = tmp_path / "wiring" / "cabinet-controller.svg"
    assert (
        subprocess.run(["grep", "-c", "Keypad", svg], capture_output=True, check=True).stdout.strip() != b"0"
    )


def test_a_cabinet_that_is_reached_by_ethernet_has_its_cable_and_a_transceiver_without_a_direction() -> None:
    cabinet = open_cabinet(HARDWARE / "cabinets" / "boards-96.toml")
    controller = sheets(cabinet)["controller"]
    assert controller["connectors"]["Network"]["pinlabels"] == ["RJ45"]
    assert controller["connectors"]["RS-485 1"]["pinlabels"] == ["3V3", "GND", "DI", "RO"]
    assert {item.part: item.count for item in bill(cabinet)}["transceiver_auto"] == 1


def test_a_w5500_is_drawn_with_every_wire_and_is_among_the_parts(tmp_path: Path) -> None:
    module = "\n[ethernet]\nsck = 4\nmosi = 5\nmiso = 6\ncs = 7\nint = 8\nreset = 9\n"
    text = new_file(profiles()["esp32-s3-devkitc"], 4, "8a", 4).replace(
        'kind = "wifi"\nssid = "change me"', 'kind = "ethernet"'
    )
    cabinet = opened(tmp_path, text + module)
    controller = sheets(cabinet)["controller"]
    wires = ["3V3", "GND", "SCLK", "MOSI", "MISO", "SCSn", "INTn", "RSTn", "RJ45"]
    assert controller["connectors"]["Ethernet"]["pinlabels"] == wires
    assert "RJ45" not in controller["connectors"]["Controller"]["pinlabels"]
    assert {item.part: item.count for item in bill(cabinet)}["w5500"] == 1
