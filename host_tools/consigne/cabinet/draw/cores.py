"""Collects connectors and cables for WireViz; shared by all sheets of a harness."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple
from xml.sax.saxutils import escape

from consigne.words import counted

from ..document import LockBoard
from ..model import Cabinet
from .lengths import INSIDE_M, PANEL_M

# Cores that are no supply or bus take the colours of DIN 47100 in turn, without those used for supplies.
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
_PLUGGED = (
    "Display",
    "Scanner",
    "Keypad",
    "Buzzer",
    "Lamp",
    "Lid",
    "Mains",
    "Clock",
    "Lights",
    "Ethernet",
    "Level",
)
"""First words of connectors whose pins are crimped into a plug."""

DOOR_CORES = ("coil +", "coil -", "reed", "reed GND")
"""The functions of a door cable's cores, in the order of the colours of DIN 47100: WH, BN, GN, YE."""


class Kind(NamedTuple):
    """A sort of cable: its name in an order, a core's section in mm2 (0: it comes with its ends)."""

    title: str
    mm2: float
    sheathed: bool


KINDS = {
    "door": Kind("LiYY 4 x 0.5 mm2", 0.5, True),
    "supply": Kind("H07V-K 1.5 mm2", 1.5, False),
    "feed": Kind("H05V-K 0.75 mm2", 0.75, False),
    "power": Kind("H05V-K 0.5 mm2", 0.5, False),
    "signal": Kind("LiYv 0.25 mm2", 0.25, False),
    "ribbon": Kind("ribbon cable 1.27 mm", 0.0, True),
    "I2C": Kind("LiYCY 0.25 mm2, screened", 0.25, True),
    "pair": Kind("LiYCY (TP) 2 x 2 x 0.25 mm2", 0.25, True),
    "patch": Kind("Cat 5e, at most 100 m", 0.0, True),
}
"""Sheathed cables are bought by their number of cores; the others are single wires."""


class Core(NamedTuple):
    """From a pin of a connector to a pin of another."""

    start: str
    pin: str
    end: str
    end_pin: str


@dataclass(frozen=True)
class Cable:
    """``name`` as it is marked at both ends; ``functions`` of its cores, if their ends do not show them."""

    name: str
    kind: str
    length_m: float
    cores: tuple[Core, ...]
    colours: tuple[str, ...]
    functions: tuple[str, ...] = ()


@dataclass
class Connector:
    """``plug``: its pins are crimped into a housing; else they are screwed or clamped.

    ``places``: pin, or the first word of one -> what is printed beside it: a header's number, or a door's.
    """

    kind: str
    note: str = ""
    plug: bool = False
    places: dict[str, str] = field(default_factory=dict)
    pins: list[str] = field(default_factory=list)

    def place(self, pin: str) -> str:
        """The text printed beside a pin; "" when unknown."""
        return self.places.get(pin, self.places.get(pin.split()[0], ""))


class Harness:
    """Collects pins and cores; pins appear in the order in which they are first used.

    ``begun``: how many cables the earlier sheets have, so that names are unique.
    """

    def __init__(self, cabinet: Cabinet, what: str, begun: int = 0) -> None:
        self._cabinet = cabinet
        self._supply = f"{cabinet.data['supply']['volts']:g}V"
        self._begun = begun
        self.title = title(cabinet, what)
        self.connectors: dict[str, Connector] = {}
        self.cables: list[Cable] = []

    def connector(self, name: str, kind: str, note: str = "", plug: bool = False) -> str:
        places = dict(self._cabinet.board.header) if name == "Controller" else {}
        is_plug = plug or name.split()[0] in _PLUGGED
        self.connectors[name] = Connector(kind, note, is_plug, places)
        return name

    def has(self, name: str) -> bool:
        return name in self.connectors

    def cable(
        self, kind: str, start: str, end: str, cores: list[tuple[str, str]], length_m: float = 0.0
    ) -> None:
        """A cable from one connector to another; ``SUPPLY`` stands for the supply's voltage.

        Without a length it is one beside the controller, or to the panel before that.
        """
        usual = PANEL_M if self.connectors[end].plug else INSIDE_M
        self.cable_of(kind, [(start, a, end, b) for a, b in cores], length_m or usual)

    def cable_of(
        self,
        kind: str,
        cores: Iterable[tuple[str, str, str, str]],
        length_m: float,
        name: str = "",
        functions: tuple[str, ...] = (),
    ) -> None:
        """A cable of cores that may begin at several connectors."""
        named = {"SUPPLY": self._supply}
        given = tuple(Core(a, named.get(p, p), b, named.get(q, q)) for a, p, b, q in cores)
        for core in given:
            for connector, pin in ((core.start, core.pin), (core.end, core.end_pin)):
                pins = self.connectors[connector].pins
                if pin not in pins:
                    pins.append(pin)
        if functions:
            colours = _CORES[: len(given)]
        else:
            colours = tuple(self._colour(i, core.pin, core.end_pin) for i, core in enumerate(given))
        if not name:
            count = sum(cable.name.startswith("W") for cable in self.cables)
            name = f"W{self._begun + count + 1}"
        self.cables.append(Cable(name, kind, length_m, given, colours, functions))

    def _colour(self, number: int, *pins: str) -> str:
        """The colour of a core's function, or else the next colour."""
        for pin in pins:
            last = pin.split()[-1]
            if last == self._supply:
                return "RD"
            if last in _COLOURS:
                return _COLOURS[last]
        return _CORES[number % len(_CORES)]

    def document(self) -> dict[str, object]:
        """The content of a WireViz file."""
        connectors = {name: _as_connector(entry) for name, entry in self.connectors.items() if entry.pins}
        cables, connections = {}, []
        for cable in self.cables:
            cables[cable.name] = _as_cable(cable)
            connections += _routes(cable)
        return {
            "metadata": {"title": self.title},
            "options": {"template_separator": "~"},  # otherwise a dot in a name has a meaning
            "connectors": connectors,
            "cables": cables,
            "connections": connections,
            "tweak": {"append": [_title_block(self._cabinet, self.title)]},
        }


def _as_connector(entry: Connector) -> dict[str, object]:
    out: dict[str, object] = {"type": entry.kind}
    if entry.note:
        out["notes"] = entry.note
    if entry.places:
        out["pins"] = [entry.place(pin) or pin for pin in entry.pins]
    return {**out, "pinlabels": list(entry.pins)}


def _as_cable(cable: Cable) -> dict[str, object]:
    out: dict[str, object] = {
        "type": KINDS[cable.kind].title,
        "length": f"{cable.length_m:.1f} m",
        "wirecount": len(cable.cores),
        "colors": list(cable.colours),
    }
    if cable.functions:
        out["wirelabels"] = list(cable.functions)
    return out


def _routes(cable: Cable) -> list[list[dict[str, object]]]:
    """One for each stretch of cores that go between the same two connectors."""
    numbered = list(enumerate(cable.cores, 1))
    out: list[list[dict[str, object]]] = []
    for (start, end), group in groupby(numbered, key=lambda entry: (entry[1].start, entry[1].end)):
        cores = list(group)
        out.append(
            [
                {start: [core.pin for _, core in cores]},
                {cable.name: [number for number, _ in cores]},
                {end: [core.end_pin for _, core in cores]},
            ]
        )
    return out


def _title_block(cabinet: Cabinet, words: str) -> str:
    """Graphviz: a table at the lower right.  The date is the file's, so that a drawing stays the same."""
    data = cabinet.data
    rows = (
        words,
        cabinet.sheet.file.name,
        f"revision {data['revision']}   {data['revised']}",
    )
    cells = "".join(f'<tr><td align="left">{escape(row)}</td></tr>' for row in rows)
    table = f'<table border="1" cellborder="1" cellspacing="0" cellpadding="6">{cells}</table>'
    return f"graph [labelloc=b labeljust=r fontsize=20 label=<{table}>]"


def title(cabinet: Cabinet, what: str) -> str:
    return f"{counted(len(cabinet.compartments), 'door')} on {cabinet.board.title}: {what}"


def board_name(entry: LockBoard) -> str:
    return f"Lock board {entry['name'].removeprefix('board ')}"
