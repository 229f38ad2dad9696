"""The reference carrier board, built from a cabinet file and checked: electrical rules, then ours.

    python hardware/schematic/carrier.py hardware/cabinets/carrier.toml --out hardware/schematic

Writes ``carrier.net`` (which pins each net joins) and ``carrier-parts.csv``, with ``--draw svg png`` the
sheets too; exits with 1 when a check fails, or when a drawing joins what the netlist does not.  SKiDL
leaves its own files in the current directory: run it in one that may have them.
"""

import argparse
import builtins
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import blocks
from consigne.cabinet import model
from consigne.cabinet.compiler import compile_cabinet, open_cabinet
from consigne.cabinet.model import Cabinet
from consigne.cabinet.rules.buses import LOGIC_VOLTS
from layouts import SHEETS
from sheet import Block, Netlist, Sheet, TitleBlock
from sheet import joined as joined_on
from skidl import ERC, SKIDL, Net, Part, Pin
from skidl.logger import erc_logger
from templates import BIDIR, IN, POWER_IN, POWER_OUT, terminal

CIRCUIT = builtins.default_circuit
CANVASES = {"svg": "svg", "png": "matplotlib"}
HEADER = {"5V": POWER_IN, "3V3": POWER_OUT, "GND": POWER_IN}


def build(cabinet: Cabinet) -> None:
    """Put the whole board into SKiDL's circuit."""
    data = cabinet.data
    rails = blocks.power_input(data["supply"]["volts"], f"{data['supply']['amps']:g} A slow")
    pins = _controller(cabinet, rails)
    bus = data["i2c"][0]
    lines = (pins[bus["scl"]], pins[bus["sda"]])
    _bus(lines, f"{bus['pull_up_ohm'] / 1000:g}k", rails)
    blocks.arming(pins[data["locks"]["arm_pin"]], rails)
    for entry in data["expander"]:
        _expander(cabinet, entry, lines, pins, rails)
    for number, wire in enumerate(data["rs485"], 1):
        blocks.rs485(number, pins[wire["tx"]], pins[wire["rx"]], pins.get(wire["de"]), rails)
    if "clock" in data:
        blocks.clock(lines, rails)
    if data["supply"]["sense_pin"] >= 0:
        blocks.sense(pins[data["supply"]["sense_pin"]], rails)
    if "tamper" in data:
        blocks.tamper(pins[data["tamper"]["pin"]], rails)
    blocks.buzzer(pins[data["buzzer"]["pin"]], rails)
    blocks.lamp(pins[data["lamp"]["pin"]], rails)
    display = data["display"]
    at_five = display["kind"] == "hd44780" and display["volts"] > LOGIC_VOLTS
    _plugs(cabinet, blocks.shifter(lines, rails) if at_five else lines, pins, rails)


@blocks.block
def _bus(lines: tuple[Net, Net], ohms: str, rails: blocks.Rails) -> None:
    for line in lines:
        blocks.between(blocks.RESISTOR, ohms, rails.three, line)


@blocks.block
def _controller(cabinet: Cabinet, rails: blocks.Rails) -> dict[int, Net]:
    """The controller board as it plugs in; the net of each pin that the cabinet file claims."""
    used = {use.pin: use for use in cabinet.uses}
    numbers = sorted(cabinet.board.pins - cabinet.board.chip.flash)
    places = cabinet.board.header
    header = [
        Pin(num=places.get(f"GPIO{n}", f"GPIO{n}"), name=f"GPIO{n}", func=_function(used.get(n)))
        for n in numbers
    ]
    header += [Pin(num=places.get(name, name), name=name, func=kind) for name, kind in HEADER.items()]
    board = Part(name="Controller", tool=SKIDL, ref_prefix="U", pins=header, value=cabinet.board.title)
    board["5V"] += rails.five
    board["3V3"] += rails.three
    board["GND"] += rails.ground
    nets = {}
    for number in numbers:
        if number in used:
            nets[number] = Net(f"GPIO{number}")
            nets[number] += board[f"GPIO{number}"]
        else:
            board[f"GPIO{number}"] += blocks.NC
    return nets


def _function(use: model.Use | None) -> object:
    return BIDIR if use is None or use.role.output else IN


def _expander(
    cabinet: Cabinet, entry: dict, lines: tuple[Net, Net], pins: dict[int, Net], rails: blocks.Rails
) -> None:
    name = entry["name"]
    channels = {}
    for door in cabinet.compartments:
        if door["on"] == name:
            lock, reed = Net(f"{name}_LOCK_{door['number']}"), Net(f"{name}_REED_{door['number']}")
            channels[door["lock"]], channels[door["reed"]] = lock, reed
            blocks.door(door["number"], lock, reed, rails)
    blocks.expander(entry["address"], lines, pins.get(entry["int_pin"]), channels, rails)


@blocks.block
def _plugs(cabinet: Cabinet, lines: tuple[Net, Net], pins: dict[int, Net], rails: blocks.Rails) -> None:
    data = cabinet.data
    display = terminal("Display", "5V", "GND", "SDA", "SCL")
    scanner = terminal("Scanner", "5V", "GND", "RX", "TX")
    for plug in (display, scanner):
        rails.five += plug["5V"]
        rails.ground += plug["GND"]
    display["SCL"] += lines[0]
    display["SDA"] += lines[1]
    scanner["RX"] += pins[data["scanner"]["tx"]]
    scanner["TX"] += pins[data["scanner"]["rx"]]
    keys = [*data["keypad"]["rows"], *data["keypad"]["cols"]]
    keypad = terminal("Keypad", *(f"K{n}" for n in range(len(keys))))
    for n, pin in enumerate(keys):
        keypad[f"K{n}"] += pins[pin]


def joined() -> dict[str, list[str]]:
    """Net name -> the pins on it, as ``Q3.G``."""
    nets = {}
    for net in CIRCUIT.get_nets():
        names = sorted(f"{pin.part.ref}.{pin.name}" for pin in net.get_pins())
        if names:
            nets[net.name] = names
    return dict(sorted(nets.items()))


def netlist() -> Netlist:
    """The circuit as the drawing needs it: nothing of SKiDL's."""
    numbers = {f"{part.ref}.{pin.name}": str(pin.num) for part in CIRCUIT.parts for pin in part.pins}
    parts = {
        part.ref: (part.name, str(part.value), tuple(pin.name for pin in part.pins)) for part in CIRCUIT.parts
    }
    return Netlist(parts, {pin: name for name, pins in joined().items() for pin in pins}, numbers)


def drawn(canvas: str, block: TitleBlock) -> dict[str, Sheet]:
    """Every sheet by its name, drawn, with its title block."""
    circuit = netlist()
    made: dict[str, list[Block]] = defaultdict(list)
    for name, parts in blocks.MADE:
        made[name].append(Block(circuit, [part.ref for part in parts]))
    out = {}
    wanted = {name: sheet for name, sheet in SHEETS.items() if name not in ("shifter",) or made[name]}
    for number, (name, (title, lay_out)) in enumerate(wanted.items(), 1):
        out[name] = Sheet(title, circuit, canvas, replace(block, sheet=f"{number} of {len(wanted)}"))
        lay_out(out[name], made)
    return out


def draw(out: Path, kinds: list[str], block: TitleBlock) -> list[str]:
    """Write each sheet in these kinds of files; what the drawings join otherwise than the netlist."""
    unlike = []
    for kind in kinds:
        sheets = drawn(CANVASES[kind], block)
        for name, sheet in sheets.items():
            sheet.save(out / f"carrier-{name}.{kind}")
        unlike += differences(list(sheets.values()))
    return unlike


def title_block(cabinet: Cabinet) -> TitleBlock:
    """What the cabinet file says of itself: the same file gives the same drawing on any day."""
    data = cabinet.data
    return TitleBlock("Consigne carrier board", cabinet.sheet.file.name, data["revision"], data["revised"])


def differences(sheets: list[Sheet]) -> list[str]:
    """Nets of the drawing that the netlist has not, and the other way round."""
    wanted = {tuple(pins) for name, pins in joined().items() if name != "__NOCONNECT"}
    found = {tuple(pins) for pins in joined_on(sheets).values() if len(pins) > 1 or tuple(pins) in wanted}
    return [f"drawn, but not in the netlist: {' '.join(pins)}" for pins in sorted(found - wanted)] + [
        f"in the netlist, but not drawn so: {' '.join(pins)}" for pins in sorted(wanted - found)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cabinet", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--draw", choices=CANVASES, nargs="*", default=[], help="draw the sheets too")
    given = parser.parse_args()
    cabinet = open_cabinet(given.cabinet)
    compile_cabinet(cabinet)
    build(cabinet)
    ERC()
    nets = joined()
    text = "".join(f"{name}: {' '.join(pins)}\n" for name, pins in nets.items())
    (given.out / "carrier.net").write_text(f"# Made by `make drawings`.\n{text}")
    bill = Counter((part.name, str(part.value)) for part in CIRCUIT.parts)
    rows = "".join(f"{count},{name},{value}\n" for (name, value), count in sorted(bill.items()))
    (given.out / "carrier-parts.csv").write_text(f"count,part,value\n{rows}")
    wrong = erc_logger.error.count + erc_logger.warning.count
    if not wrong:  # a circuit that is wrong is not drawn
        unlike = draw(given.out, given.draw, title_block(cabinet))
        print("".join(f"{text}\n" for text in unlike), end="")
        wrong = len(unlike)
    print(f"{len(CIRCUIT.parts)} parts, {len(nets)} nets, {wrong} findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
