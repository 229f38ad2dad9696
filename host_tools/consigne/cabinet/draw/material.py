"""The material of the wiring itself: cable, terminals, connectors, ferrules, counted core by core."""

import csv
import io
import math
from collections import Counter, defaultdict

from ..model import Cabinet
from .cores import KINDS, Cable, Harness
from .harness import harnesses
from .power import Item, bill, part_item


def parts_list(cabinet: Cabinet) -> list[Item]:
    """The electric parts, and the wiring between them."""
    return [*bill(cabinet), *material(cabinet)]


def material(cabinet: Cabinet) -> list[Item]:
    """Cables (in whole metres), and the parts at their ends."""
    made = list(harnesses(cabinet).values())
    cables = [cable for harness in made for cable in harness.cables]
    items = [*_cables(cables), *_connectors(made, bool(cabinet.board.header))]
    sections = _ferrules(made)
    items += [
        part_item("ferrule", count, "core ends in terminals", f"Ferrule {mm2:g} mm2")
        for mm2, count in sorted(sections.items())
    ]
    return [item for item in items if item.count]


def _cables(cables: list[Cable]) -> list[Item]:
    metres: dict[str, float] = defaultdict(float)
    names: dict[str, list[str]] = defaultdict(list)
    for cable in cables:
        kind = KINDS[cable.kind]
        title = kind.title
        if cable.kind in ("ribbon", "I2C"):
            title = f"{title}, {len(cable.cores)} cores"
        metres[title] += cable.length_m * (1 if kind.sheathed else len(cable.cores))
        names[title].append(cable.name)
    return [
        part_item("cable", math.ceil(round(length, 6)), _spoken(names[title]), f"{title}, metres")
        for title, length in metres.items()
    ]


def _spoken(names: list[str]) -> str:
    """``D1 to D24``: the cables of one sort."""
    return names[0] if len(names) == 1 else f"{len(names)} cables: {names[0]} to {names[-1]}"


def _connectors(made: list[Harness], has_headers: bool) -> list[Item]:
    """A connector that stands on several sheets is one, with the pins of all."""
    pins: dict[str, set[str]] = defaultdict(set)
    plugged: dict[str, bool] = {}
    for harness in made:
        for name, connector in harness.connectors.items():
            pins[name] |= set(connector.pins)
            plugged[name] = connector.plug
    doors = [name for name in pins if name.startswith("Door ")]
    plugs = Counter(len(pins[name]) for name in pins if plugged[name] and name not in doors)
    contacts = sum(size * count for size, count in plugs.items())
    terminals = sum(len(ends) for name, ends in pins.items() if name.startswith("Terminals"))
    return [
        part_item("door_plug", len(doors), "doors"),
        part_item("door_contact", 8 * len(doors), "pins and sockets of the doors' plugs"),
        *(
            part_item(
                "plug", count, "panel", f"Connector, {size} pins, 2.5 mm, crimp (JST XH or like), with header"
            )
            for size, count in sorted(plugs.items())
        ),
        part_item("contact", contacts, "connectors of the panel"),
        part_item("terminal", terminals, "doors"),
        part_item("adapter", int(has_headers), "controller"),
    ]


def _ferrules(made: list[Harness]) -> Counter[float]:
    """One for each core end in a screw or clamp, by the section of the core."""
    out: Counter[float] = Counter()
    for harness in made:
        for cable in harness.cables:
            section = KINDS[cable.kind].mm2
            for core in cable.cores:
                ends = (core.start, core.end)
                out[section] += sum(not harness.connectors[end].plug for end in ends)
    out.pop(0.0, None)
    return out


def cores_csv(cabinet: Cabinet) -> str:
    """The wiring as a list: one line for each core of each cable."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(
        ("cable", "type", "metres", "core", "colour", "function", "from", "terminal", "to", "terminal")
    )
    for harness in harnesses(cabinet).values():
        for cable in harness.cables:
            for number, core in enumerate(cable.cores, 1):
                function = cable.functions[number - 1] if cable.functions else ""
                ends = [
                    end
                    for name, pin in ((core.start, core.pin), (core.end, core.end_pin))
                    for end in (name, _terminal(harness, name, pin))
                ]
                what = (cable.name, KINDS[cable.kind].title, f"{cable.length_m:.1f}")
                rows.writerow((*what, number, cable.colours[number - 1], function, *ends))
    return out.getvalue()


def _terminal(harness: Harness, connector: str, pin: str) -> str:
    place = harness.connectors[connector].place(pin)
    return f"{pin} ({place})" if place else pin
