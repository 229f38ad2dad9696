"""The wiring of a cabinet for WireViz: connectors, cables, and the ends of each core.

The controller with its panel, the wires to lock boards, and the doors, a dozen on a sheet: each door has its
cable, each core of that its colour, function and both ends.  Lengths follow from the front.
"""

from .. import model, senses
from ..chips import LOGIC_VOLTS
from ..document import (
    CharacterDisplay,
    Clock,
    EthernetPin,
    GraphicDisplay,
    MatrixKeypad,
    Rs485,
    ShiftRegister,
    WiegandKeypad,
)
from ..model import Cabinet, Use
from . import lengths
from .cores import Harness, board_name
from .harness_doors import door_sheets, own_banks
from .power import has_shifter

_PATCH_M = 5.0  # to the network's socket; the length depends on the site


def sheets(cabinet: Cabinet) -> dict[str, dict[str, object]]:
    """The WireViz documents of a cabinet, by the name of the sheet."""
    return {name: made.document() for name, made in harnesses(cabinet).items()}


def harnesses(cabinet: Cabinet) -> dict[str, Harness]:
    """The same sheets as connectors and cables."""
    out = {"controller": _controller(cabinet)}
    if cabinet.data["lock_board"]:
        out["boards"] = _board_sheet(cabinet, _count(out))
    return {**out, **door_sheets(cabinet, _count(out))}


def _count(made: dict[str, Harness]) -> int:
    return sum(len(harness.cables) for harness in made.values())


def _controller(cabinet: Cabinet) -> Harness:
    made = Harness(cabinet, "controller")
    volts = cabinet.data["supply"]["volts"]
    supply = made.connector("Supply", f"{volts:g} V, {cabinet.data['supply']['amps']:g} A")
    power = made.connector(
        "Input", "fuse, then a P-channel MOSFET", "a supply the wrong way round does nothing"
    )
    converter = made.connector("Converter", f"{volts:g} V to 5 V")
    board = made.connector("Controller", cabinet.board.title)
    made.cable("supply", supply, power, [("SUPPLY", "SUPPLY"), ("GND", "GND")], lengths.SUPPLY_M)
    made.cable("feed", power, converter, [("SUPPLY", "SUPPLY"), ("GND", "GND")])
    made.cable("feed", converter, board, [("5V", "5V"), ("GND", "GND")])
    _panel(made, cabinet, board, converter)
    if cabinet.data["supply"]["sense_pin"] >= 0:
        divider = made.connector(
            "Divider",
            f"{cabinet.data['supply']['upper_kohm']:g} k over {cabinet.data['supply']['lower_kohm']:g} k",
            f"{volts:g} V are {volts / senses.divider(cabinet):.2f} V at the pin",
        )
        made.cable("signal", power, divider, [("SUPPLY", "SUPPLY"), ("GND", "GND")])
        made.cable("signal", board, divider, [(f"GPIO{cabinet.data['supply']['sense_pin']}", "MIDDLE")])
    _buses(made, cabinet, board, converter)
    if own_banks(cabinet):
        arming = made.connector(
            "Arming", "switch in series with every coil", "on for the time of a pulse only"
        )
        made.cable("supply", power, arming, [("SUPPLY", "SUPPLY"), ("GND", "GND")])
        made.cable("signal", board, arming, [(_pin(cabinet, model.ARM), "ENABLE")])
    for number, wire in enumerate(cabinet.data["rs485"], 1):
        cores = [("3V3", "3V3"), ("GND", "GND"), (f"GPIO{wire['tx']}", "DI"), (f"GPIO{wire['rx']}", "RO")]
        if wire["de"] >= 0:
            cores.append((f"GPIO{wire['de']}", "DE, /RE"))
        made.cable("signal", board, _transceiver(made, number, wire), cores)
    if cabinet.data.get("network", {}).get("kind") == "ethernet":
        socket = _ethernet_module(made, cabinet, board) if "ethernet" in cabinet.data else board
        network = made.connector("Network", "switch, 100 Mbit/s")
        made.cable("patch", socket, network, [("RJ45", "RJ45")], _PATCH_M)
    return made


def _ethernet_module(made: Harness, cabinet: Cabinet, board: str) -> str:
    wired = cabinet.data["ethernet"]
    name = made.connector(
        "Ethernet", f"{wired['phy'].upper()} module, SPI at 20 MHz", "wires of 10 cm at most"
    )
    lines: list[tuple[EthernetPin, str]] = [
        ("sck", "SCLK"),
        ("mosi", "MOSI"),
        ("miso", "MISO"),
        ("cs", "SCSn"),
        ("int", "INTn"),
        ("reset", "RSTn"),
    ]
    wires = [(f"GPIO{wired[key]}", label) for key, label in lines if wired[key] >= 0]
    made.cable("signal", board, name, [("3V3", "3V3"), ("GND", "GND"), *wires])
    return name


def _transceiver(made: Harness, number: int, wire: Rs485) -> str:
    kind = "transceiver" if wire["de"] >= 0 else "transceiver that finds its direction"
    return made.connector(f"RS-485 {number}", f"{kind}, {wire['baud']} baud", "120 Ohm between A and B")


def _pin(cabinet: Cabinet, role: model.PinRole) -> str:
    return _label(next(use for use in cabinet.uses if use.role is role))


def _label(use: Use) -> str:
    names = {model.I2C: str(use.key[-1]).upper(), model.ARM: "arming"}
    return f"GPIO{use.pin} {names[use.role]}" if use.role in names else f"GPIO{use.pin}"


def _panel(made: Harness, cabinet: Cabinet, board: str, converter: str) -> None:
    data = cabinet.data
    _keypad(made, data["keypad"], board, converter)
    scanner = made.connector("Scanner", f"{data['scanner']['kind'].upper()}, {data['scanner']['baud']} baud")
    made.cable("power", converter, scanner, [("5V", "5V"), ("GND", "GND")])
    serial = [(f"GPIO{data['scanner']['tx']}", "RX"), (f"GPIO{data['scanner']['rx']}", "TX")]
    made.cable("signal", board, scanner, serial)
    for part, words, pin in (
        ("buzzer", "Buzzer", data["buzzer"]["pin"]),
        ("lamp", "Lamp", data["lamp"]["pin"]),
    ):
        if part in cabinet.board.aboard:
            continue
        name = made.connector(words, "with transistor", "base resistor to ground: off while the chip starts")
        made.cable("power", converter, name, [("5V", "5V"), ("GND", "GND")])
        made.cable("signal", board, name, [(f"GPIO{pin}", "IN")])
    if "tamper" in data:
        lid = made.connector("Lid switch", "closed while the lid is shut")
        made.cable("signal", board, lid, [(f"GPIO{data['tamper']['pin']}", "1"), ("GND", "2 GND")])
    if "mains" in data:
        mains = made.connector("Mains sensor", "opto-coupler, or the supply's power-fail contact")
        cores = [("3V3", "3V3"), (f"GPIO{data['mains']['pin']}", "OUT"), ("GND", "GND")]
        made.cable("signal", board, mains, cores)
    if "strip" in data:
        count = max(senses.lights(cabinet)) + 1
        strip = made.connector("Lights", f"{count} x WS2812B", "74AHCT125 between the pin and DIN")
        made.cable("power", converter, strip, [("5V", "5V"), ("GND", "GND")])
        made.cable("signal", board, strip, [(f"GPIO{data['strip']['pin']}", "DIN")])
    for chain in data["shift_register"]:
        _chain(made, chain, board)


def _keypad(made: Harness, keypad: MatrixKeypad | WiegandKeypad, board: str, converter: str) -> None:
    if keypad["kind"] == "wiegand":
        note = "open collector: a level shifter if its own pull-ups go to 5 V"
        name = made.connector("Keypad", f"Wiegand, keys of {keypad['bits']} bits", note)
        made.cable("power", converter, name, [("5V", "5V"), ("GND", "GND")])
        lines = [(f"GPIO{keypad['d0']}", "D0"), (f"GPIO{keypad['d1']}", "D1"), ("GND", "GND")]
        made.cable("signal", board, name, lines)
        return
    name = made.connector("Keypad", f"matrix {len(keypad['rows'])} x {len(keypad['cols'])}")
    cores = [(f"GPIO{pin}", f"row {i + 1}") for i, pin in enumerate(keypad["rows"])]
    cores += [(f"GPIO{pin}", f"column {i + 1}") for i, pin in enumerate(keypad["cols"])]
    made.cable("ribbon", board, name, cores)


def _chain(made: Harness, chain: ShiftRegister, board: str) -> None:
    """The lines of a chain of shift registers; the loads of its outputs are on the sheet of the doors."""
    name = made.connector(
        f"Chain {chain['name']}", f"{chain['chips']} x {chain['kind'].upper()}", "10 kOhm from OE# to 3.3 V"
    )
    lines = [
        (chain["data"], "DS"),
        (chain["clock"], "SHCP"),
        (chain["latch"], "STCP"),
        (chain["enable"], "OE#"),
        (chain["back"], "Q7S"),
    ]
    wired = [(f"GPIO{pin}", label) for pin, label in lines if pin >= 0]
    made.cable("ribbon", board, name, [("3V3", "3V3"), ("GND", "GND"), *wired])


def _buses(made: Harness, cabinet: Cabinet, board: str, converter: str) -> None:
    """The parts on I2C: a display with a backpack at 5 V, the other parts at 3.3 V."""
    for bus in cabinet.data["i2c"]:
        lines = [(f"GPIO{bus['sda']} SDA", "SDA"), (f"GPIO{bus['scl']} SCL", "SCL")]
        if cabinet.data["display"]["i2c"] == bus["id"]:
            _on_bus(made, cabinet, cabinet.data["display"], lines, board, converter)
        if "clock" in cabinet.data and cabinet.data["clock"]["i2c"] == bus["id"]:
            _on_bus(made, cabinet, cabinet.data["clock"], lines, board, converter)
        for entry in cabinet.data["expander"]:
            if entry["i2c"] == bus["id"] and entry["kind"] not in cabinet.board.aboard:
                name = made.connector(
                    f"Expander {entry['name']}", f"{entry['kind'].upper()} at 0x{entry['address']:02x}"
                )
                cores = [("3V3", "3V3"), ("GND", "GND"), *lines]
                if entry["int_pin"] >= 0:
                    cores.append((f"GPIO{entry['int_pin']}", "INTA"))
                made.cable("I2C", board, name, cores)


def _on_bus(
    made: Harness,
    cabinet: Cabinet,
    entry: CharacterDisplay | GraphicDisplay | Clock,
    lines: list[tuple[str, str]],
    board: str,
    converter: str,
) -> None:
    """Display or clock; a display at 5 V behind its level shifter."""
    at_five = entry["kind"] == "hd44780" and entry["volts"] > LOGIC_VOLTS
    is_clock = entry["kind"] == "ds3231"
    shifted = not is_clock and has_shifter(cabinet)
    name = made.connector(
        "Clock" if is_clock else "Display", f"{entry['kind'].upper()} at 0x{entry['address']:02x}"
    )
    if not shifted:
        rails = [("3V3", "3V3"), ("GND", "GND")]
        if at_five:  # only if the file breaks a rule
            made.cable("power", converter, name, [("5V", "5V"), ("GND", "GND")])
            rails = []
        made.cable("I2C", board, name, [*rails, *lines])
        return
    shifter = made.connector(
        "Level shifter", "2 x BSS138", "the bus keeps its pull-ups to 3.3 V, the display those to 5 V"
    )
    made.cable("I2C", board, shifter, [("3V3", "3V3"), ("GND", "GND"), *lines])
    made.cable("power", converter, shifter, [("5V", "5V")])
    made.cable("I2C", shifter, name, [("5V", "5V"), ("GND", "GND"), ("5V SDA", "SDA"), ("5V SCL", "SCL")])


def _board_sheet(cabinet: Cabinet, begun: int) -> Harness:
    """Each wire from its transceiver to its first board, from there to the next; supplies in a star."""
    made = Harness(cabinet, "lock boards", begun)
    power = made.connector("Input", f"{cabinet.data['supply']['volts']:g} V, behind fuse and protection")
    home = lengths.controller(cabinet)
    for number, wire in enumerate(cabinet.data["rs485"], 1):
        before, place = _transceiver(made, number, wire), home
        on_wire = [entry for entry in cabinet.data["lock_board"] if entry["uart"] == wire["uart"]]
        for entry in on_wire:
            note = "120 Ohm between A and B" if entry is on_wire[-1] else ""
            what = f"family {entry['kind']}, address {entry['address']}"
            name = made.connector(board_name(entry), what, note)
            here = lengths.lock_board(cabinet, entry["name"])
            lines = [("A", "A"), ("B", "B"), ("GND", "GND")]
            made.cable("pair", before, name, lines, lengths.length_m(place, here))
            supply = [("SUPPLY", "SUPPLY"), ("GND", "supply GND")]
            made.cable("supply", power, name, supply, lengths.length_m(home, here))
            before, place = name, here
    return made
