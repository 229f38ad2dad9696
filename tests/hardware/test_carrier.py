"""The carrier board: no electrical rule is broken, no lock fires by itself, and its files are current."""

import subprocess
import sys
from pathlib import Path

import pytest
from consigne.cabinet.compiler import open_cabinet
from consigne.cabinet.profiles import hardware_dir
from PIL import Image

HARDWARE = hardware_dir()
SCHEMATIC = HARDWARE / "schematic"
CABINET = HARDWARE / "cabinets" / "carrier.toml"


def _build(folder: Path, sabotage: str = "", after: str = "") -> subprocess.CompletedProcess[str]:
    """Build and check the board; ``sabotage`` is Python that runs before, ``after`` what runs then."""
    load = f"import sys; sys.path.insert(0, {str(SCHEMATIC)!r}); import blocks, carrier"
    program = f"{load}\n{sabotage}\nstatus = carrier.main()\n{after}\nsys.exit(status)"
    command = [sys.executable, "-c", program, str(CABINET), "--out", str(folder), "--draw", "svg"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def _nets() -> dict[str, list[str]]:
    lines = (SCHEMATIC / "carrier.net").read_text().splitlines()[1:]
    return {name: pins.split() for name, _, pins in (line.partition(": ") for line in lines)}


def _parts_between(first: str, second: str, prefix: str) -> list[str]:
    """The parts of one sort that lie between two nets."""
    nets = _nets()
    sides = [{pin.partition(".")[0] for pin in nets[name]} for name in (first, second)]
    return sorted(part for part in sides[0] & sides[1] if part.startswith(prefix))


def test_the_board_breaks_no_electrical_rule_and_its_files_are_current(tmp_path: Path) -> None:
    done = _build(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 findings" in done.stdout
    sheets = sorted(path.name for path in tmp_path.glob("carrier-*.svg"))
    assert sheets == sorted(path.name for path in SCHEMATIC.glob("carrier-*.svg"))
    for name in ("carrier.net", "carrier-parts.csv", *sheets):
        assert (tmp_path / name).read_text() == (SCHEMATIC / name).read_text(), (
            f"{name} is old: run `make drawings`"
        )


@pytest.mark.parametrize(
    "sabotage",
    [
        'carrier.HEADER["3V3"] = carrier.POWER_IN',
        "blocks.tamper = lambda line, rails: rails.three.__iadd__(blocks.CONVERTER(value='second')['VOUT'])",
        "blocks.tamper = lambda line, rails: blocks.CLOCK(value='left open')",
    ],
    ids=["chips that nothing supplies", "two supplies joined", "a part left open"],
)
def test_a_mistake_in_the_schematic_is_found(sabotage: str, tmp_path: Path) -> None:
    done = _build(tmp_path, sabotage)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stdout + done.stderr[-2000:]


_SLIPS = """
import contextlib, sheet, layouts
from unittest import mock
wire, name = sheet.Sheet.wire, sheet.Sheet.name

def short(on, *at):
    wire(on, *at[:-1], (at[-1][0], at[-1][1] + 0.3))

def grounded(on, net, *at):
    name(on, "GND" if net == "3V3" else net, *at)

slips = [
    contextlib.nullcontext(),
    mock.patch.object(sheet.Sheet, "wire", short),
    mock.patch.object(sheet.Sheet, "name", grounded),
    mock.patch.dict(layouts.SHEETS, clear=True, power=layouts.SHEETS["power"]),
]
for slip in slips:
    with slip:
        print("unlike:", len(carrier.differences(list(carrier.drawn("svg").values()))))
"""


def test_a_drawing_that_shows_another_circuit_is_found(tmp_path: Path) -> None:
    """A wire that ends beside its pin, a wrong rail, blocks that are not drawn."""
    done = _build(tmp_path, after=_SLIPS)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    right, *wrong = [int(line.split()[1]) for line in done.stdout.splitlines() if "unlike:" in line]
    assert right == 0 and len(wrong) == 3 and all(wrong), done.stdout


def test_every_part_and_every_named_net_stands_on_a_sheet_that_a_person_can_read() -> None:
    drawn = "".join(path.read_text() for path in SCHEMATIC.glob("carrier-*.svg"))
    nets = _nets()
    parts = {pin.partition(".")[0] for pins in nets.values() for pin in pins}
    assert [ref for ref in sorted(parts) if f">{ref}<" not in drawn and f">{ref}  " not in drawn] == []
    lines = [name for name in nets if name.startswith(("GPIO", "A_LOCK", "A_REED")) and "GATE" not in name]
    assert [name for name in (*lines, "SUPPLY", "ARMED", "5V", "3V3") if f">{name}<" not in drawn] == []
    for path in SCHEMATIC.glob("carrier-*.svg"):
        with Image.open(path.with_suffix(".png")) as image:
            assert min(image.size) > 400, path


def test_every_coil_has_its_diode_and_its_supply_behind_the_arming_switch() -> None:
    nets = _nets()
    doors = [door["number"] for door in open_cabinet(CABINET).compartments if door["on"] == "A"]
    assert len(doors) == 8
    for door in doors:
        (diode,) = _parts_between("ARMED", f"COIL_{door}", "D")
        assert f"{diode}.K" in nets["ARMED"] and f"{diode}.A" in nets[f"COIL_{door}"]
        (plug,) = _parts_between("ARMED", f"COIL_{door}", "J")
        assert f"{plug}.ARMED" in nets["ARMED"]
    feeds = [pin for pin in nets["ARMED"] if not pin.startswith(("D", "J"))]
    assert feeds == ["Q1.D"] and "Q1.S" in nets["SUPPLY"], "nothing but the arming switch feeds the coils"


def test_no_switch_is_on_while_nothing_drives_it() -> None:
    """Each gate of a low-side switch is held to ground over 10 kOhm, the arming switch's to the supply."""
    nets = _nets()
    gates = {pin: name for name, pins in nets.items() for pin in pins if pin.endswith(".G")}
    assert len(gates) == 12
    for pin, name in gates.items():
        if pin == "Q1.G":
            assert _parts_between("SUPPLY", name, "R")
            continue
        line = name.removesuffix("_GATE")
        assert _parts_between(line, name, "R") and _parts_between(line, "GND", "R"), name
    assert _parts_between("GPIO16", "GND", "R"), "the transceiver listens while nobody drives its enable"


def test_every_pin_of_the_cabinet_file_is_wired() -> None:
    nets = _nets()
    for use in open_cabinet(CABINET).uses:
        pins = nets[f"GPIO{use.pin}"]
        assert any(pin.endswith(f".GPIO{use.pin}") for pin in pins) and len(pins) > 1, use


def test_what_was_asked_for_is_on_the_board() -> None:
    rows = [line.split(",") for line in (SCHEMATIC / "carrier-parts.csv").read_text().splitlines()[1:]]
    bill = {(name, value): int(count) for count, name, value in rows}
    assert bill[("Diode", "1N5408")] == 8 and bill[("MOSFET", "IRLML6344")] == 8
    for part in (
        ("MOSFET", "IRLML9301"), ("THVD1450", "THVD1450"), ("DS3231", "DS3231SN"), ("Battery", "CR2032"),
        ("Converter", "TSR 2-2450"), ("Lid switch", "Lid switch"), ("Fuse", "5 A slow"), ("Diode", "SMBJ15A"),
    ):  # fmt: skip
        assert bill[part] == 1, part
