"""The wiring of a cabinet as WireViz understands it: connectors, cables, and which core goes where.

Up to three sheets: the controller with its panel, the wires to lock boards, and the doors.  Doors of
one expander or lock board are drawn as one connector; where a lock board's cores go to doors, each
core in the drawing is a cable of its own.  Lengths depend on the site and are not drawn.
"""

from typing import Any

from . import model, senses
from .model import Bank, Cabinet, Use

Core = tuple[str, str, str, str]
"""(from connector, its pin, to connector, its pin)."""

# What is not a supply or a bus takes the colours of DIN 47100 in turn, without those used for supplies.
_CORES = ("WH", "BN", "GN", "YE", "GY", "BU", "TQ", "SR", "BG")
_COLOURS = {
    "5V": "OG",
    "3V3": "PK",
    "GND": "BK",
    "ARMED": "VT",
    "A": "YE",
    "B": "GN",
    "SDA": "BU",
    "SCL": "WH",
}


class _Harness:
    """Collects pins and cores; pins appear in the order in which they are first used."""

    def __init__(self, volts: float) -> None:
        self._supply = f"{volts:g}V"
        self._pins: dict[str, list[str]] = {}
        self._connectors: dict[str, dict[str, Any]] = {}
        self._cables: list[tuple[str, list[Core]]] = []

    def connector(self, name: str, kind: str, note: str = "") -> str:
        entry: dict[str, Any] = {"type": kind}
        if note:
            entry["notes"] = note
        self._connectors[name] = entry
        self._pins[name] = []
        return name

    def cable(self, kind: str, start: str, end: str, cores: list[tuple[str, str]]) -> None:
        """A cable of ``cores``, each from a pin of ``start`` to a pin of ``end``.

        ``SUPPLY`` stands for the supply's voltage.
        """
        named = {"SUPPLY": self._supply}
        cores = [(named.get(a, a), named.get(b, b)) for a, b in cores]
        for name, pins in ((start, [a for a, _ in cores]), (end, [b for _, b in cores])):
            self._pins[name] += [pin for pin in pins if pin not in self._pins[name]]
        self._cables.append((kind, [(start, a, end, b) for a, b in cores]))

    def _colour(self, number: int, *pins: str) -> str:
        """What a core carries, or else the next colour."""
        for pin in pins:
            last = pin.split()[-1]
            if last == self._supply:
                return "RD"
            if last in _COLOURS:
                return _COLOURS[last]
        return _CORES[number % len(_CORES)]

    def document(self, title: str) -> dict[str, Any]:
        """What a WireViz file holds."""
        connectors = {
            name: {**entry, "pinlabels": self._pins[name]}
            for name, entry in self._connectors.items()
            if self._pins[name]
        }
        cables, connections = {}, []
        for number, (kind, cores) in enumerate(self._cables, 1):
            name = f"W{number}"
            cables[name] = {
                "type": kind,
                "wirecount": len(cores),
                "colors": [self._colour(i, a, b) for i, (_, a, _, b) in enumerate(cores)],
            }
            connections.append(
                [
                    {cores[0][0]: [a for _, a, _, _ in cores]},
                    {name: list(range(1, len(cores) + 1))},
                    {cores[0][2]: [b for _, _, _, b in cores]},
                ]
            )
        return {
            "metadata": {"title": title},
            "connectors": connectors,
            "cables": cables,
            "connections": connections,
        }


def sheets(cabinet: Cabinet) -> dict[str, dict[str, Any]]:
    """The WireViz documents of a cabinet, by the name of the sheet."""
    out = {"controller": _controller(cabinet), "doors": _door_sheet(cabinet)}
    if cabinet.data["lock_board"]:
        out["boards"] = _board_sheet(cabinet)
    return out


def _title(cabinet: Cabinet, what: str) -> str:
    return f"{len(cabinet.compartments)} doors on {cabinet.board.title}: {what}"


def _own_banks(cabinet: Cabinet) -> list[Bank]:
    """Banks with doors whose coils the controller or an expander switches."""
    return [bank for bank in cabinet.banks if bank.key[:1] != ("lock_board",) and _doors(cabinet, bank)]


def _controller(cabinet: Cabinet) -> dict[str, Any]:
    made = _Harness(cabinet.data["supply"]["volts"])
    volts = cabinet.data["supply"]["volts"]
    power = made.connector("Supply", f"{volts:g} V, {cabinet.data['supply']['amps']:g} A, fused")
    converter = made.connector("Converter", f"{volts:g} V to 5 V")
    board = made.connector("Controller", cabinet.board.title)
    made.cable("0.75 mm2", power, converter, [("SUPPLY", "SUPPLY"), ("GND", "GND")])
    made.cable("0.75 mm2", converter, board, [("5V", "5V"), ("GND", "GND")])
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
    if _own_banks(cabinet):
        arming = made.connector(
            "Arming", "switch in series with every coil", "on for the time of a pulse only"
        )
        made.cable("1.5 mm2", power, arming, [("SUPPLY", "SUPPLY"), ("GND", "GND")])
        made.cable("signal", board, arming, [(_pin(cabinet, model.ARM), "ENABLE")])
    for number, wire in enumerate(cabinet.data["rs485"], 1):
        cores = [("3V3", "3V3"), ("GND", "GND"), (f"GPIO{wire['tx']}", "DI"), (f"GPIO{wire['rx']}", "RO")]
        if wire["de"] >= 0:
            cores.append((f"GPIO{wire['de']}", "DE, /RE"))
        made.cable("signal", board, _transceiver(made, number, wire), cores)
    return made.document(_title(cabinet, "controller"))


def _transceiver(made: _Harness, number: int, wire: dict[str, Any]) -> str:
    return made.connector(f"RS-485 {number}", f"transceiver, {wire['baud']} baud", "120 Ohm between A and B")


def _door_sheet(cabinet: Cabinet) -> dict[str, Any]:
    made = _Harness(cabinet.data["supply"]["volts"])
    own = _own_banks(cabinet)
    if own:
        power = made.connector("Supply", f"{cabinet.data['supply']['volts']:g} V")
        arming = made.connector("Arming", "switch in series with every coil")
        for bank in own:
            _driven(made, cabinet, bank, power, arming)
    for entry in cabinet.data["lock_board"]:
        bank = next(bank for bank in cabinet.banks if bank.name == entry["name"])
        doors = _doors(cabinet, bank)
        if doors:
            name = made.connector(_board_name(entry), f"family {entry['kind']}, address {entry['address']}")
            behind = made.connector(_doors_name(doors), "lock and contact of each")
            channels = [(f"channel {door['lock']}", f"door {door['number']}") for door in doors]
            made.cable("4 x 0.5 mm2 for each door", name, behind, channels)
    return made.document(_title(cabinet, "doors"))


def _board_name(entry: dict[str, Any]) -> str:
    return f"Lock board {entry['name'].removeprefix('board ')}"


def _pin(cabinet: Cabinet, role: model.Role) -> str:
    return _label(next(use for use in cabinet.uses if use.role is role))


def _label(use: Use) -> str:
    names = {model.I2C: str(use.key[-1]).upper(), model.ARM: "arming"}
    return f"GPIO{use.pin} {names[use.role]}" if use.role in names else f"GPIO{use.pin}"


def _panel(made: _Harness, cabinet: Cabinet, board: str, converter: str) -> None:
    data = cabinet.data
    _keypad(made, data["keypad"], board, converter)
    scanner = made.connector("Scanner", f"{data['scanner']['kind'].upper()}, {data['scanner']['baud']} baud")
    made.cable("power", converter, scanner, [("5V", "5V"), ("GND", "GND")])
    serial = [(f"GPIO{data['scanner']['tx']}", "RX"), (f"GPIO{data['scanner']['rx']}", "TX")]
    made.cable("signal", board, scanner, serial)
    for part, words in (("buzzer", "Buzzer"), ("lamp", "Lamp")):
        name = made.connector(words, "with transistor", "base resistor to ground: off while the chip starts")
        made.cable("power", converter, name, [("5V", "5V"), ("GND", "GND")])
        made.cable("signal", board, name, [(f"GPIO{data[part]['pin']}", "IN")])
    if "tamper" in data:
        lid = made.connector("Lid switch", "closed while the lid is shut")
        made.cable("signal", board, lid, [(f"GPIO{data['tamper']['pin']}", "1"), ("GND", "2 GND")])


def _keypad(made: _Harness, keypad: dict[str, Any], board: str, converter: str) -> None:
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


def _buses(made: _Harness, cabinet: Cabinet, board: str, converter: str) -> None:
    """What hangs on I2C: a display with a backpack at 5 V, the other parts at 3.3 V."""
    for bus in cabinet.data["i2c"]:
        lines = [(f"GPIO{bus['sda']} SDA", "SDA"), (f"GPIO{bus['scl']} SCL", "SCL")]
        for part in ("display", "clock"):
            entry = cabinet.data.get(part)
            if entry and entry["i2c"] == bus["id"]:
                backpack = entry["kind"] == "hd44780"
                note = "pull-ups of the backpack removed; those of the bus go to 3.3 V" if backpack else ""
                name = made.connector(
                    part.capitalize(), f"{entry['kind'].upper()} at 0x{entry['address']:02x}", note
                )
                if backpack:
                    made.cable("power", converter, name, [("5V", "5V"), ("GND", "GND")])
                    made.cable("I2C", board, name, lines)
                else:
                    made.cable("I2C", board, name, [("3V3", "3V3"), ("GND", "GND"), *lines])
        for entry in cabinet.data["expander"]:
            if entry["i2c"] == bus["id"]:
                name = made.connector(
                    f"Expander {entry['name']}", f"{entry['kind'].upper()} at 0x{entry['address']:02x}"
                )
                cores = [("3V3", "3V3"), ("GND", "GND"), *lines]
                if entry["int_pin"] >= 0:
                    cores.append((f"GPIO{entry['int_pin']}", "INTA"))
                made.cable("I2C", board, name, cores)


def _doors(cabinet: Cabinet, bank: Bank) -> list[dict[str, Any]]:
    return [door for door in cabinet.compartments if door["on"] == bank.name]


def _doors_name(doors: list[dict[str, Any]]) -> str:
    first, last = doors[0]["number"], doors[-1]["number"]
    return f"Door {first}" if first == last else f"Doors {first} to {last}"


def _chip(cabinet: Cabinet, bank: Bank) -> tuple[str, str]:
    """Name and type of the connector of an expander or a chain of shift registers."""
    entry = cabinet.data[str(bank.key[0])][bank.key[1]]
    if bank.key[0] == "shift_register":
        return f"Chain {bank.name}", f"{entry['chips']} x {entry['kind'].upper()}"
    return f"Expander {bank.name}", f"{entry['kind'].upper()} at 0x{entry['address']:02x}"


def _driven(made: _Harness, cabinet: Cabinet, bank: Bank, power: str, arming: str) -> None:
    """Doors whose coils the controller or an expander switches, through drivers."""
    doors = _doors(cabinet, bank)
    is_gpio = bank.name == "gpio"
    if is_gpio:
        source = made.connector("Controller", cabinet.board.title)
    else:
        source = made.connector(*_chip(cabinet, bank))
    is_mcp = bank.device_name.startswith("mcp23017")

    def line(channel: int) -> str:
        if is_gpio:
            return f"GPIO{channel}"
        return f"GP{'AB'[channel // 8]}{channel % 8}" if is_mcp else f"{channel}"

    suffix = "" if is_gpio else f" {bank.name}"
    drivers = made.connector(
        f"Drivers{suffix}", "one for each coil", "each input has a resistor that holds it off"
    )
    behind = made.connector(
        _doors_name(doors),
        "lock and reed contact of each",
        "a flyback diode at each coil; reeds close to GND",
    )
    made.cable("signal", source, drivers, [(line(door["lock"]), f"IN {door['number']}") for door in doors])
    made.cable("1.5 mm2", power, drivers, [("GND", "GND")])
    made.cable("1.5 mm2", arming, behind, [("ARMED", "coils ARMED")])
    made.cable(
        "0.75 mm2", drivers, behind, [(f"OUT {door['number']}", f"{door['number']} coil") for door in doors]
    )
    reeds = [
        (line(door["reed"]) + (" 10k up" if door["pull_up"] else ""), f"{door['number']} reed")
        for door in doors
    ]
    made.cable("signal", source, behind, [*reeds, ("GND", "reeds GND")])


def _board_sheet(cabinet: Cabinet) -> dict[str, Any]:
    """Each wire from its transceiver to its first board, from there to the next; supplies in a star."""
    made = _Harness(cabinet.data["supply"]["volts"])
    power = made.connector("Supply", f"{cabinet.data['supply']['volts']:g} V")
    for number, wire in enumerate(cabinet.data["rs485"], 1):
        before = _transceiver(made, number, wire)
        on_wire = [entry for entry in cabinet.data["lock_board"] if entry["uart"] == wire["uart"]]
        for entry in on_wire:
            note = "120 Ohm between A and B" if entry is on_wire[-1] else ""
            what = f"family {entry['kind']}, address {entry['address']}"
            name = made.connector(_board_name(entry), what, note)
            made.cable("twisted pair", before, name, [("A", "A"), ("B", "B"), ("GND", "GND")])
            made.cable("1.5 mm2", power, name, [("SUPPLY", "SUPPLY"), ("GND", "supply GND")])
            before = name
    return made.document(_title(cabinet, "lock boards"))
