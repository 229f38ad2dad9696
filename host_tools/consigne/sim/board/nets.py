"""Electrical nets: wires that several things drive, pull and watch at once.

A net's level follows from everything that acts on it: a driver that holds it low wins over one that holds it
high (and is counted as a fight: on a real board something gets warm), drivers win over pull resistors, and a
net that nothing acts on keeps the level it had.  Closed switches join nets into one; that alone makes a key
matrix, ghost keys included.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

Watcher = Callable[[int], Any]


class Net:
    """One wire.

    ``level`` is 0 or 1.  ``source`` names the driver: each source holds one level, and releases it with
    ``None``.  Changes are told to watchers at once, in the order in which they subscribed.
    """

    __slots__ = (
        "_burst_watchers",
        "_source",
        "_strong",
        "_ties",
        "_tone",
        "_tone_watchers",
        "_volts",
        "_watchers",
        "_weak",
        "fights",
        "level",
        "name",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.level = 0
        self.fights = 0
        self._strong: dict[Hashable, int] = {}
        self._weak: dict[Hashable, int] = {}
        self._ties: dict[Net, int] = {}
        self._watchers: list[Watcher] = []
        self._tone: tuple[int, int] | None = None
        self._tone_watchers: list[Callable[[int, int], Any]] = []
        self._volts: float | None = None
        self._source: Callable[[], float] | None = None
        self._burst_watchers: list[Callable[[Sequence[tuple[int, int]]], Any]] = []

    def __repr__(self) -> str:
        return f"<Net {self.name} {self.level}>"

    # --- acting on it ------------------------------------------------------------
    def drive(self, source: Hashable, level: int | None) -> None:
        """Hold the net at 0 or 1 with a transistor or a contact, or let go with None."""
        self._say(self._strong, source, level)

    def pull(self, source: Hashable, level: int | None) -> None:
        """Pull with a resistor; it has an effect only while nothing drives."""
        self._say(self._weak, source, level)

    def _say(self, voices: dict[Hashable, int], source: Hashable, level: int | None) -> None:
        if level is None:
            if voices.pop(source, None) is None:
                return
        elif voices.get(source) == level:
            return
        else:
            voices[source] = level
        settle(self)

    def tie(self, other: "Net") -> None:
        """Close one contact between the two nets; contacts are counted."""
        self._ties[other] = self._ties.get(other, 0) + 1
        other._ties[self] = other._ties.get(self, 0) + 1
        settle(self)

    def untie(self, other: "Net") -> None:
        """Open one contact closed with ``tie``."""
        if other not in self._ties:
            raise ValueError(f"{self.name} and {other.name} are not tied")
        for one, two in ((self, other), (other, self)):
            one._ties[two] -= 1
            if not one._ties[two]:
                del one._ties[two]
        settle(self)
        settle(other)

    # --- watching it ------------------------------------------------------------
    def on_change(self, watcher: Watcher) -> None:
        """Call ``watcher(level)`` after each change of level."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        self._watchers.remove(watcher)

    # --- tones and voltages: for square waves of kHz, which edges would make too slow, and for analogue
    # levels ----
    @property
    def tone(self) -> tuple[int, int] | None:
        """``(freq_hz, duty_u16)`` while a PWM drives this net, else None."""
        return self._tone

    def set_tone(self, tone: tuple[int, int] | None) -> None:
        if tone != self._tone:
            self._tone = tone
            freq_hz, duty_u16 = tone or (0, 0)
            for watcher in tuple(self._tone_watchers):
                watcher(freq_hz, duty_u16)

    def on_tone(self, watcher: Callable[[int, int], Any]) -> None:
        """Call ``watcher(freq_hz, duty_u16)`` when a PWM starts, changes or (0, 0) ends."""
        self._tone_watchers.append(watcher)

    @property
    def volts(self) -> float:
        """What an ADC would measure: the voltage applied, else 0 or 3.3 by level."""
        if self._source is not None:
            return self._source()
        return 3.3 * self.level if self._volts is None else self._volts

    def set_source(self, source: Callable[[], float]) -> None:
        """Have ``source()`` give the voltage each time an ADC measures."""
        self._source = source

    def set_volts(self, volts: float | None) -> None:
        """Apply an analogue voltage (0..3.3) for ADC readings; None goes back to the digital level."""
        self._volts = volts

    # --- bursts: pulses shorter than the clock's microsecond -------------------------------------------
    def burst(self, pulses: Sequence[tuple[int, int]]) -> None:
        """Send ``(high_ns, low_ns)`` pulses, one after the other, from a low level to a low level."""
        for watcher in tuple(self._burst_watchers):
            watcher(pulses)

    def on_burst(self, watcher: Callable[[Sequence[tuple[int, int]]], Any]) -> None:
        """Call ``watcher(pulses)`` for each burst, as it begins."""
        self._burst_watchers.append(watcher)

    # --- settling ------------------------------------------------------------
    def _component(self) -> "list[Net]":
        if not self._ties:
            return [self]
        seen = {self: None}
        todo = [self]
        while todo:
            for other in todo.pop()._ties:
                if other not in seen:
                    seen[other] = None
                    todo.append(other)
        return list(seen)


def _resolve(nets: list[Net]) -> tuple[int | None, bool]:
    """The level that acts on these nets together (None: nothing does), and whether drivers fight."""
    strong = {level for one in nets for level in one._strong.values()}
    if strong:
        return min(strong), len(strong) > 1
    weak = {level for one in nets for level in one._weak.values()}
    return (min(weak) if weak else None), False


def settle(net: Net) -> None:
    """Find the level of a net and all nets tied to it, then call their watchers."""
    nets = net._component()
    level, fight = _resolve(nets)
    net.fights += fight
    if level is None:
        return
    changed = [one for one in nets if one.level != level]
    for one in changed:
        one.level = level
    for one in changed:
        for watcher in tuple(one._watchers):
            if one.level == level:  # an earlier watcher may have changed it again, which called all watchers
                watcher(level)


class Switch:
    """A contact between two nets: a key, a reed to ground, a jumper."""

    def __init__(self, one: Net, two: Net) -> None:
        self.nets = one, two
        self.closed = False

    def set(self, closed: bool) -> None:
        if closed != self.closed:
            self.closed = closed
            one, two = self.nets
            if closed:
                one.tie(two)
            else:
                one.untie(two)
