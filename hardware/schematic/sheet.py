"""A sheet of the schematic: what its symbols and wires join is read back from where they lie.

Layouts say where a part stands; which part, its value and the names of nets come from the netlist.
``nets`` of a sheet is what the drawing joins, by nothing but coordinates and labels: the test compares it
with the netlist, so a line that ends beside its pin is found.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import schemdraw
import schemdraw.elements as elm

Point = tuple[float, float]
RAILS = ("SUPPLY", "ARMED", "5V", "3V3")
_TEXT, _SMALL, _TINY = 11, 9, 6.5
_BLOCK_WIDE = 9.4
_SYMBOLS = {
    "R": elm.ResistorIEC, "C": elm.Capacitor, "Fuse": elm.FuseIEC, "LED": elm.LED, "Battery": elm.BatteryCell,
    "Buzzer": elm.RBox, "Jumper": elm.Switch,
}  # fmt: skip
_P_CHANNEL = ("IRLML9301", "IRF4905")


def _diode(value: str) -> type:
    """Suppressors end in A when they work one way (a Zener's symbol), in CA when both."""
    if value.startswith(("SMBJ", "SMAJ")):
        return elm.DiodeTVS if value.endswith("CA") else elm.Zener
    return elm.Zener if value.startswith("BZX") else elm.Diode


@dataclass(frozen=True)
class TitleBlock:
    """What every sheet says of itself in its corner."""

    project: str
    file: str
    revision: str
    revised: str
    sheet: str = ""


@dataclass(frozen=True)
class Netlist:
    """``parts``: ref -> (name, value, names of its pins); ``nets``: ``"R1.2"`` -> net, if it has one.

    ``numbers``: ``"U1.VDD"`` -> the number of that pin on its package or plug.
    """

    parts: dict[str, tuple[str, str, tuple[str, ...]]]
    nets: dict[str, str]
    numbers: dict[str, str]

    def net(self, ref: str, pin: str) -> str:
        return self.nets[f"{ref}.{pin}"]

    def ends(self, ref: str) -> tuple[str, ...]:
        """The nets at a part's pins, in their order."""
        return tuple(self.nets[f"{ref}.{pin}"] for pin in self.parts[ref][2])


class Block:
    """The parts that one function of ``blocks.py`` made, found by what they join."""

    def __init__(self, netlist: Netlist, refs: list[str]) -> None:
        self.netlist = netlist
        self.refs = refs
        self.drawn: set[str] = set()

    def part(self, prefix: str, *nets: str) -> str:
        """The part of a sort that lies between two nets, or has all of these."""
        found = [
            ref
            for ref in self.refs
            if ref.rstrip("0123456789") == prefix
            and set(nets) <= set(self._ends(ref))
            and ref not in self.drawn
        ]
        if not found:
            raise LookupError(f"no {prefix} between {' and '.join(nets)} in {' '.join(self.refs)}")
        self.drawn.add(found[0])
        return found[0]

    def _ends(self, ref: str) -> list[str]:
        keys = [f"{ref}.{pin}" for pin in self.netlist.parts[ref][2]]
        return [self.netlist.nets[key] for key in keys if key in self.netlist.nets]


def _round(x: float, y: float) -> Point:
    return round(x, 2), round(y, 2)


class Sheet:
    """One drawing; positions in schemdraw's units, y upwards."""

    def __init__(self, title: str, netlist: Netlist, canvas: str, block: TitleBlock) -> None:
        self.netlist = netlist
        self.pins: dict[str, Point] = {}
        self._wires: list[tuple[Point, Point]] = []
        self._labels: list[tuple[str, Point]] = []
        self._drawing = schemdraw.Drawing(show=False, canvas=canvas)
        self._drawing.config(fontsize=_TEXT, lw=1.4, font="sans-serif")
        self._title = title
        self._block = block

    # --- symbols -------------------------------------------------------------------------------------
    def two(self, ref: str, start: Point, end: Point, first: str = "") -> None:
        """A part with two pins; ``first`` is the pin at ``start``, else the one it lists first."""
        name, value, pins = self.netlist.parts[ref]
        order = list(pins) if first in ("", pins[0]) else list(reversed(pins))
        symbol = _SYMBOLS.get(name) or _diode(value)
        polar = name in ("Diode", "LED")
        # The symbols of diodes point from anode to cathode, batteries have + (the long line) first.
        backwards = (polar and order[0] == "K") or (name == "Battery" and order[0] == "-")
        ends = (end, start) if backwards else (start, end)
        element = symbol().endpoints(*ends)
        is_upright = start[0] == end[0]
        if not is_upright:
            element.label(f"{ref}\n{value}", fontsize=_SMALL, ofst=0.15)
        self._drawing.add(element)
        if is_upright:
            aside = 1.1 if name == "LED" else 0.5
            self.text((start[0] + aside, (start[1] + end[1]) / 2), f"{ref}\n{value}")
        for pin, point in zip(order, (start, end), strict=True):
            self._pin(ref, pin, point)

    def fet(self, ref: str, gate: Point) -> tuple[Point, Point]:
        """A MOSFET with its gate to the left; where its drain and its source are."""
        _, value, _ = self.netlist.parts[ref]
        kind = elm.PFet if value in _P_CHANNEL else elm.NFet
        element = self._drawing.add(kind().theta(0).reverse().at(gate).anchor("gate"))
        points = {name: _round(*element.absanchors[name]) for name in ("gate", "drain", "source")}
        for pin, name in (("G", "gate"), ("D", "drain"), ("S", "source")):
            self._pin(ref, pin, points[name])
        self.text((points["drain"][0] + 0.25, gate[1]), f"{ref}\n{value}")
        return points["drain"], points["source"]

    def chip(
        self, ref: str, at: Point, width: float, left: tuple[str, ...] = (), right: tuple[str, ...] = (),
        top: tuple[str, ...] = (), bottom: tuple[str, ...] = (), spacing: float = 1.0,
    ) -> dict[str, Point]:  # fmt: skip
        """A box with pins; ``at`` is its lower left corner.  Where the pins are; free ones get a cross."""
        _, value, names = self.netlist.parts[ref]
        sides = {"left": left, "right": right, "top": top, "bottom": bottom}
        given = [pin for side in sides.values() for pin in side]
        wanted = {pin for pin in names if f"{ref}.{pin}" in self.netlist.nets}
        if not wanted <= set(given):
            raise LookupError(f"{ref}: pins {' '.join(sorted(wanted - set(given)))} are not drawn")
        rows = max(len(left), len(right), 1)
        high = (rows + 1) * spacing
        self._drawing.add(elm.Rect(corner1=(0, 0), corner2=(width, high)).theta(0).at(at))
        points = {}
        for side, pins in sides.items():
            for number, pin in enumerate(pins):
                points[pin] = self._lead(at, (width, high), side, number, len(pins), spacing, (ref, pin))
                self._pin(ref, pin, points[pin])
                if pin not in wanted:
                    self._drawing.add(elm.NoConnect().theta(0).at(points[pin]).scale(0.6))
        beside = max((points[pin][0] + 0.5 for pin in top), default=at[0])
        self.text((beside, at[1] + high + 0.3), f"{ref}  {value}")
        return points

    def _lead(
        self, at: Point, size: Point, side: str, number: int, count: int, spacing: float, pin: tuple[str, str]
    ) -> Point:
        """Draw one pin of a box, its name inside and its number beside; returns its end."""
        x, y = at
        width, high = size
        ref, name = pin
        printed = self.netlist.numbers.get(f"{ref}.{name}", name)
        if side in ("left", "right"):
            row = y + high - (number + 1) * spacing
            edge, out = (x, x - 0.6) if side == "left" else (x + width, x + width + 0.6)
            start, end = (edge, row), (out, row)
            where = (edge + (0.15 if side == "left" else -0.3), row)
            self.text(where, name, side, "center")
            beside = (edge + (-0.16 if side == "left" else 0.1), row + 0.06)
            align = ("right" if side == "left" else "left", "bottom")
        else:
            column = x + width * (number + 1) / (count + 1)
            edge, out = (y + high, y + high + 0.6) if side == "top" else (y, y - 0.6)
            start, end = (column, edge), (column, out)
            self.text((column, edge + (-0.35 if side == "top" else 0.2)), name, "center", side)
            beside, align = (column - 0.12, (edge + out) / 2 + 0.04), ("right", "center")
        if printed != name:
            self.text(beside, printed, *align, size=_TINY)
        self._drawing.add(elm.Line().endpoints(start, end))
        return _round(*end)

    def text(
        self, at: Point, words: str, halign: str = "left", valign: str = "center", size: float = _SMALL
    ) -> None:
        self._drawing.add(
            elm.Label().theta(0).at(at).label(words, fontsize=size, halign=halign, valign=valign, ofst=0)
        )

    # --- wires and labels ----------------------------------------------------------------------------
    def wire(self, *points: Point) -> None:
        rounded = [_round(*point) for point in points]
        for start, end in pairwise(rounded):
            if start != end:
                self._drawing.add(elm.Line().endpoints(start, end))
                self._wires.append((start, end))

    def name(self, net: str, at: Point, side: str = "left") -> None:
        """A net's name at the end of a wire; rails and ground have their symbols."""
        at = _round(*at)
        self._labels.append((net, at))
        if net == "GND":
            self._drawing.add(elm.Ground().theta(0).at(at).scale(0.8))
        elif net in RAILS:
            self._drawing.add(elm.Vdd().theta(0).at(at).scale(0.8).label(net, fontsize=_SMALL))
        else:
            align = {"left": "right", "right": "left"}[side]
            self.text((at[0] + (-0.3 if side == "left" else 0.25), at[1] + 0.05), net, align)
            self._drawing.add(elm.Dot(open=True, radius=0.06).at(at))

    def hang(self, ref: str, top: Point, length: float = 1.8) -> None:
        """An upright part with a name at each end, its first pin on top."""
        upper, lower = self.netlist.ends(ref)
        bottom = (top[0], top[1] - length)
        self.two(ref, top, bottom)
        for net, at in ((upper, top), (lower, bottom)):
            self.name(net, at, "left")

    def name_pins(self, ref: str, points: dict[str, Point], *sides: tuple[tuple[str, ...], str]) -> None:
        """Names at pins of a box: (pins, "left" or "right") ..; free ones have their cross."""
        for pins, side in sides:
            for pin in pins:
                net = self.netlist.nets.get(f"{ref}.{pin}")
                if net is not None:
                    self.name(net, points[pin], side)

    def _pin(self, ref: str, pin: str, point: Point) -> None:
        self.pins[f"{ref}.{pin}"] = _round(*point)

    # --- reading it back -----------------------------------------------------------------------------
    def groups(self) -> list[tuple[set[str], set[str]]]:
        """(pins, labels) that lie on common wires; an end that lies on another wire joins it."""
        points = {*self.pins.values(), *(at for _, at in self._labels)}
        points |= {end for wire in self._wires for end in wire}
        parent = {point: point for point in points}

        def root(point: Point) -> Point:
            while parent[point] != point:
                point = parent[point]
            return point

        for start, end in self._wires:
            for point in points:
                if _lies_on(point, start, end):
                    parent[root(point)] = root(start)
        out: dict[Point, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
        for pin, point in self.pins.items():
            out[root(point)][0].add(pin)
        for net, point in self._labels:
            out[root(point)][1].add(net)
        return list(out.values())

    def _dots(self) -> None:
        """A dot where three or more lines meet."""
        ends: dict[Point, int] = defaultdict(int)
        for start, end in self._wires:
            ends[start] += 1
            ends[end] += 1
        for point in self.pins.values():
            ends[point] += 1
        for point in list(ends):
            through = sum(_lies_on(point, *wire) and point not in wire for wire in self._wires)
            if ends[point] + 2 * through >= 3:
                self._drawing.add(elm.Dot(radius=0.07).at(point))

    def _corner(self) -> None:
        """The title on top, the title block at the lower right."""
        box = self._drawing.get_bbox()
        self._drawing.add(
            elm.Label().theta(0).at((box.xmin, box.ymax + 0.9)).label(self._title, fontsize=15, halign="left")
        )
        block = self._block
        rows = [
            block.project,
            self._title,
            f"{block.file}   revision {block.revision}   {block.revised}",
            f"sheet {block.sheet}",
        ]
        wide, row = _BLOCK_WIDE, 0.62
        left = max(box.xmax - wide, box.xmin)
        top = box.ymin - 0.8
        for number, words in enumerate(rows):
            low = top - (number + 1) * row
            self._drawing.add(elm.Rect(corner1=(0, 0), corner2=(wide, row)).theta(0).at((left, low)))
            self.text((left + 0.2, low + row / 2), words)

    def save(self, file: Path) -> None:
        self._dots()
        self._corner()
        self._drawing.save(str(file), transparent=False, dpi=90)


def _lies_on(point: Point, start: Point, end: Point) -> bool:
    """On a level or upright wire, its ends included."""
    (x, y), (x1, y1), (x2, y2) = point, start, end
    return min(x1, x2) <= x <= max(x1, x2) and min(y1, y2) <= y <= max(y1, y2) and (x1 == x2 or y1 == y2)


def joined(sheets: list[Sheet]) -> dict[str, list[str]]:
    """Net -> its pins, over all sheets; what has no name on its sheet is called after its first pin."""
    nets: dict[str, set[str]] = defaultdict(set)
    for sheet in sheets:
        for pins, names in sheet.groups():
            if len(names) > 1:
                raise ValueError(f"one wire has the names {' and '.join(sorted(names))}")
            if pins:
                nets[names.pop() if names else min(pins)] |= pins
    return {name: sorted(pins) for name, pins in nets.items()}
