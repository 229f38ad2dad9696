"""Collects connectors and cables as WireViz understands them: what the sheets of a harness have in common."""

from typing import Any

from .model import Cabinet

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


class Harness:
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

    def has(self, name: str) -> bool:
        return name in self._connectors

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


def title(cabinet: Cabinet, what: str) -> str:
    return f"{len(cabinet.compartments)} doors on {cabinet.board.title}: {what}"


def board_name(entry: dict[str, Any]) -> str:
    return f"Lock board {entry['name'].removeprefix('board ')}"
