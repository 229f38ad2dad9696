"""What is drawn and reckoned under ``hardware/`` is current, complete, and a picture of the cabinet file."""

import csv
import io
import math
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from consigne.cabinet.compiler import open_cabinet
from consigne.cabinet.draw.cores import board_name
from consigne.cabinet.draw.drawings import draw, texts, to_yaml
from consigne.cabinet.draw.harness import sheets
from consigne.cabinet.draw.material import cores_csv, parts_list
from consigne.cabinet.draw.power import bill
from consigne.cabinet.model import Cabinet
from consigne.cabinet.newfile import new_file
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
def test_every_claimed_pin_has_its_core(file: Path) -> None:
    cabinet = open_cabinet(file)
    pins = {
        label.split()[0]
        for document in sheets(cabinet).values()
        for label in document["connectors"].get("Controller", {"pinlabels": []})["pinlabels"]
    }
    # Lock boards need no arming line; they end their pulses themselves.
    boards_only = not any(door["on"] in ("gpio", "A") for door in cabinet.compartments)
    unused = {cabinet.data["locks"]["arm_pin"]} if boards_only else set()
    unused |= {use.pin for use in cabinet.uses if use.key[0] in cabinet.board.aboard}
    claimed = {use.pin for use in cabinet.uses} - unused
    assert {cabinet.board.terminals.get(pin, f"GPIO{pin}") for pin in claimed} <= pins


def cores(cabinet: Cabinet) -> list[dict[str, str]]:
    """The list of cores; the two columns of one name are told apart."""
    header, *rows = csv.reader(io.StringIO(cores_csv(cabinet)))
    assert header[-4:] == ["from", "terminal", "to", "terminal"]
    names = [*header[:-4], "from", "from_terminal", "to", "to_terminal"]
    return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.mark.parametrize("file", CABINETS, ids=lambda file: file.stem)
def test_each_door_has_a_cable_and_each_of_its_cores_colour_function_and_both_ends(file: Path) -> None:
    cabinet = open_cabinet(file)
    listed = cores(cabinet)
    assert all(
        row[key] for row in listed for key in ("cable", "metres", "colour", "from_terminal", "to_terminal")
    )
    boards = {entry["name"]: board_name(entry) for entry in cabinet.data["lock_board"]}
    ends: set[tuple[str, str]] = set()
    for door in cabinet.compartments:
        number = door["number"]
        cable = [row for row in listed if row["cable"] == f"D{number}"]
        functions = [(row["colour"], row["function"]) for row in cable]
        assert functions == [("WH", "coil +"), ("BN", "coil -"), ("GN", "reed"), ("YE", "reed GND")]
        assert {row["to"] for row in cable} == {f"Door {number}"}
        starts = [(row["from"], row["from_terminal"]) for row in cable]
        assert len(set(starts)) == 4 and not ends & set(starts), f"door {number} shares a terminal"
        ends |= set(starts)
        if door["on"] in boards:
            lock = door["lock"]
            assert starts[:2] == [
                (boards[door["on"]], f"{lock} lock + ({lock}.1)"),
                (boards[door["on"]], f"{lock} lock - ({lock}.2)"),
            ]
        else:
            assert starts[1][1].startswith(f"{number} coil")
            (feed,) = [row for row in listed if row["to_terminal"] == starts[1][1]]
            assert feed["from_terminal"] in (f"OUT {number}", f"NO {door['lock'] + 1}")


@pytest.mark.parametrize("file", CABINETS, ids=lambda file: file.stem)
def test_no_two_cables_bear_one_name_and_what_is_listed_is_what_is_drawn(file: Path) -> None:
    cabinet = open_cabinet(file)
    drawn = [
        (name, entry) for document in sheets(cabinet).values() for name, entry in document["cables"].items()
    ]
    names = [name for name, _ in drawn]
    assert len(set(names)) == len(names)
    listed = cores(cabinet)
    for name, entry in drawn:
        rows = [row for row in listed if row["cable"] == name]
        assert [row["colour"] for row in rows] == entry["colors"]
        assert {f"{row['metres']} m" for row in rows} == {entry["length"]}


def test_a_cable_is_as_long_as_the_way_along_the_front(tmp_path: Path) -> None:
    """Door 2 stands in the terminal's column, 105 cm below it; the lock board a column beside."""
    front = "[front]\nterminal_column = 1\nterminal_cm = 114\nwidth_cm = 50\n\n[buzzer]"
    text = changed("[buzzer]", front)
    cabinet = opened(tmp_path, text)
    lengths = {row["cable"]: float(row["metres"]) for row in cores(cabinet)}
    assert lengths["D2"] == pytest.approx(1.05 + 0.6, abs=0.051)
    wider = opened(tmp_path, text.replace("width_cm = 50", "width_cm = 100"))
    grown = {row["cable"]: float(row["metres"]) for row in cores(wider)}
    assert grown["D2"] == lengths["D2"]
    pair = next(
        row["cable"] for row in cores(cabinet) if row["to"] == "Lock board left" and row["to_terminal"] == "A"
    )
    assert grown[pair] == pytest.approx(lengths[pair] + 0.5, abs=0.01), "the board is a column beside"


def test_the_parts_list_has_the_cable_and_what_is_at_its_ends(tmp_path: Path) -> None:
    cabinet = opened(tmp_path, GOOD)
    listed = cores(cabinet)
    parts = {item.title: item.count for item in parts_list(cabinet)}
    doors = {row["cable"]: float(row["metres"]) for row in listed if row["cable"].startswith("D")}
    assert len(doors) == 4 and parts["LiYY 4 x 0.5 mm2, metres"] == math.ceil(round(sum(doors.values()), 6))
    by_part = {item.part: item.count for item in parts_list(cabinet)}
    own = sum(door["on"] in ("gpio", "A") for door in cabinet.compartments)
    assert by_part["terminal"] == 4 * own and by_part["door_plug"] == 4 and by_part["door_contact"] == 32
    thick = [row for row in listed if row["type"] == "H07V-K 1.5 mm2"]
    assert parts["Ferrule 1.5 mm2"] == 2 * len(thick)
    display = [row for row in listed if row["to"] == "Display"]
    assert len(display) == 4 and parts["Connector, 4 pins, 2.5 mm, crimp (JST XH or like), with header"] >= 2


def test_more_doors_than_fit_are_drawn_a_dozen_on_a_sheet() -> None:
    drawn = sheets(open_cabinet(HARDWARE / "cabinets" / "boards-96.toml"))
    doors = [name for name in drawn if name.startswith("doors")]
    assert doors == [f"doors-{number}" for number in range(1, 9)]
    for name in doors:
        assert sum(connector.startswith("Door ") for connector in drawn[name]["connectors"]) == 12


@pytest.mark.parametrize("file", CABINETS, ids=lambda file: file.stem)
def test_each_drawing_says_its_file_revision_and_day_in_its_corner(file: Path) -> None:
    cabinet = open_cabinet(file)
    data = cabinet.data
    assert data["revision"] != "-" and data["revised"]
    for name, document in sheets(cabinet).items():
        drawn = (
            (HARDWARE / "wiring" / f"{file.stem}-{name}.svg")
            .read_text(encoding="utf-8")
            .replace("&#160;", " ")
        )
        drawn = drawn.replace("&#45;", "-")
        assert f">{document['metadata']['title']}<" in drawn
        assert f">{file.name}<" in drawn and f">revision {data['revision']}   {data['revised']}<" in drawn
    front = (HARDWARE / "wiring" / f"{file.stem}-front.svg").read_text(encoding="utf-8")
    assert f"{file.name}, revision {data['revision']} {data['revised']}" in front


def test_the_controllers_pins_have_the_numbers_of_its_headers() -> None:
    cabinet = open_cabinet(HARDWARE / "cabinets" / "demo.toml")
    drawn = sheets(cabinet)["controller"]["connectors"]["Controller"]
    assert len(set(drawn["pins"])) == len(drawn["pins"])
    printed = dict(zip((label.split()[0] for label in drawn["pinlabels"]), drawn["pins"], strict=True))
    assert printed == {label: cabinet.board.header[label] for label in printed}
    assert all(pin.startswith(("J1-", "J3-")) for pin in printed.values())


def test_everything_behind_the_supply_is_behind_fuse_and_protection() -> None:
    for file in CABINETS:
        listed = cores(open_cabinet(file))
        assert {row["to"] for row in listed if row["from"] == "Supply"} == {"Input"}
        assert {item.part for item in parts_list(open_cabinet(file))} >= {"fuse", "polarity"}


def test_a_display_at_five_volts_is_reached_through_its_level_shifter_alone(tmp_path: Path) -> None:
    listed = cores(opened(tmp_path, GOOD))
    assert {row["from"] for row in listed if row["to"] == "Display"} == {"Level shifter"}
    assert "shifter" in {item.part for item in parts_list(opened(tmp_path, GOOD))}
    direct = opened(tmp_path, GOOD.replace("shifter = true", "volts = 3.3"))
    assert {row["from"] for row in cores(direct) if row["to"] == "Display"} == {"Controller"}
    assert "shifter" not in {item.part for item in parts_list(direct)}


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
