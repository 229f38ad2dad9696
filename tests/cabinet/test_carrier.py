"""The carrier board: no electrical rule is broken, no lock fires by itself, and its files are current."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

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
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)


def _nets() -> dict[str, list[str]]:
    lines = (SCHEMATIC / "carrier.net").read_text().splitlines()[1:]
    return {name: pins.split() for name, _, pins in (line.partition(": ") for line in lines)}


def _build_only(program: str) -> str:
    """What a program prints that has the modules of the schematic."""
    load = f"import sys; sys.path.insert(0, {str(SCHEMATIC)!r}); import blocks"
    command = [sys.executable, "-c", f"{load}\n{program}"]
    with TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=True)
    return done.stdout


@cache
def _values() -> dict[str, str]:
    """Ref -> value, as the sheets have it beside each part."""
    out = {}
    for path in SCHEMATIC.glob("carrier-*.svg"):
        texts = re.findall(r">([A-Z]+[0-9]+)</tspan>\s*<tspan[^>]*>([^<]+)<", path.read_text())
        out.update(dict(texts))
    return out


def _value(pin: str) -> str:
    return _values()[pin.partition(".")[0]]


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
        corner = carrier.TitleBlock("board", "file", "A", "2026-11-29")
        print("unlike:", len(carrier.differences(list(carrier.drawn("svg", corner).values()))))
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
    assert len(feeds) == 1 and _value(feeds[0]) == "IRLML9301", (
        "nothing but the arming switch feeds the coils"
    )
    assert feeds[0].replace(".D", ".S") in nets["SUPPLY"]


def test_no_switch_is_on_while_nothing_drives_it() -> None:
    """Each gate of a low-side switch is held to ground over 10 kOhm, the arming switch's to the supply."""
    nets = _nets()
    gates = {pin: name for name, pins in nets.items() for pin in pins if pin.endswith(".G")}
    switched = {pin: name for pin, name in gates.items() if _value(pin) not in ("BSS138", "IRF4905")}
    assert len(switched) == 12
    for pin, name in switched.items():
        if _value(pin) == "IRLML9301":
            assert _parts_between("SUPPLY", name, "R")
            continue
        line = name.removesuffix("_GATE")
        assert _parts_between(line, name, "R") and _parts_between(line, "GND", "R"), name
    (wire,) = open_cabinet(CABINET).data["rs485"]
    enable = f"GPIO{wire['de']}"
    assert _parts_between(enable, "GND", "R"), "the transceiver listens while nobody drives its enable"


def test_a_reversed_supply_reaches_nothing_and_blows_nothing() -> None:
    """Behind fuse and inlet there is the drain of a P-channel MOSFET and nothing else."""
    nets = _nets()
    behind = [pin for pin in nets["FUSED"] if not pin.startswith("F")]
    assert [_value(pin) for pin in behind] == ["IRF4905"] and behind[0].endswith(".D")
    switch = behind[0].partition(".")[0]
    assert f"{switch}.S" in nets["SUPPLY"]
    gate = next(name for name, pins in nets.items() if f"{switch}.G" in pins)
    assert _parts_between(gate, "GND", "R")
    (clamp,) = _parts_between("SUPPLY", gate, "D")
    assert f"{clamp}.K" in nets["SUPPLY"]


def test_the_suppressor_of_the_supply_works_one_way_and_is_drawn_so() -> None:
    nets = _nets()
    (surge,) = _parts_between("SUPPLY", "GND", "D")
    assert _value(surge) == "SMBJ15A" and f"{surge}.K" in nets["SUPPLY"]
    made = _build_only(
        "import sheet; import schemdraw.elements as elm\n"
        "print([sheet._diode(v) is elm.DiodeTVS for v in ('SMBJ15A', 'SMBJ28A', 'SMAJ12CA')])\n"
        "print(blocks.surge(12), blocks.surge(24), blocks.surge(5))"
    )
    assert made.splitlines() == ["[False, False, True]", "SMBJ15A SMBJ28A SMBJ13A"]


def test_the_display_at_five_volts_is_behind_a_level_shifter() -> None:
    """Its PCF8574 takes 3.5 V for a high: the bus at its plug is pulled to 5 V, ours never is."""
    nets = _nets()
    for line, high in (("scl", "SCL_5V"), ("sda", "SDA_5V")):
        low = f"GPIO{open_cabinet(CABINET).data['i2c'][0][line]}"
        (switch,) = _parts_between(low, high, "Q")
        assert f"{switch}.S" in nets[low] and f"{switch}.D" in nets[high] and f"{switch}.G" in nets["3V3"]
        assert _parts_between("5V", high, "R") and _parts_between("3V3", low, "R")
        assert not _parts_between("5V", low, "R")
        assert [pin for pin in nets[high] if pin.startswith("J")], "the display's plug"


def test_each_sheet_says_what_it_is_of_which_revision_and_from_which_day() -> None:
    data = open_cabinet(CABINET).data
    sheets = sorted(SCHEMATIC.glob("carrier-*.svg"))
    for path in sheets:
        drawn = path.read_text()
        corner = f"carrier.toml   revision {data['revision']}   {data['revised']}"
        assert corner in drawn and f" of {len(sheets)}<" in drawn, path
    assert data["revision"] != "-" and data["revised"]


def test_plugs_and_chips_have_their_pin_numbers() -> None:
    drawn = (SCHEMATIC / "carrier-controller.svg").read_text()
    header = open_cabinet(CABINET).board.header
    for use in open_cabinet(CABINET).uses:
        assert f">{header[f'GPIO{use.pin}']}<" in drawn, use
    for name, count in (("clock", 16), ("rs485", 8)):
        drawn = (SCHEMATIC / f"carrier-{name}.svg").read_text()
        assert all(f">{number}<" in drawn for number in range(1, count + 1)), name


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
