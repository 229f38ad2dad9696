"""The drivers that a configuration asks for: locks and sensors here, the panel's parts in ``panel``.

Only this module and ``panel`` know all drivers.  Each is imported only when it is asked for: parts that are
not wired take no heap.
"""

from time import ticks_diff, ticks_ms

from micropython import const

from .drivers import board
from .drivers.banks import Banks
from .drivers.reeds import Reeds
from .panel import Panel

_HOUR_MS = const(3_600_000)
_TOLD_MAX = const(30)  # reports an hour: a part with a loose plug falls silent and answers again for days

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import ports


class Parts:
    """``report(text)``, set later, is called when parts stop answering, at a bounded rate: each report is a
    record, and must not push events of parcels out of the journal.
    """

    def __init__(self, raw):
        self.report = print
        self._told = 0  # in the hour that began at
        self._hour_ms = ticks_ms()
        buses = board.buses(raw["i2c"])
        banks = Banks(raw["doors"], raw["expanders"], buses, raw["board"], raw["shifts"])
        reeds = banks.pin_reeds + banks.chip_reeds
        self.locks: ports.Locks | None = None
        self.wires = ()
        if raw["arm_pin"] >= 0:
            from .drivers.relays import RelayLocks

            self.locks = RelayLocks(banks.relays, banks.chips, raw["arm_pin"])
        if raw["boards"]:
            from .drivers.boardbanks import BoardBanks

            boards = BoardBanks(raw["doors"], raw["rs485"], raw["boards"], self.locks, self._hear)
            self.locks = boards.locks
            self.wires = boards.buses
            reeds += boards.reeds
        self.senses = None
        if raw["senses"]:
            from .senses import Senses

            self.senses = Senses(raw, buses, self._hear)
            self.locks = self.senses.watched(self.locks)
        self.sensors: ports.Sensors = Reeds(len(raw["doors"]), reeds)
        self.panel = Panel(raw, buses, self._hear)

    def _hear(self, text):
        now_ms = ticks_ms()
        if not 0 <= ticks_diff(now_ms, self._hour_ms) < _HOUR_MS:
            self._told, self._hour_ms = 0, now_ms
        self._told += 1
        if self._told < _TOLD_MAX:
            self.report(text)
        elif self._told == _TOLD_MAX:
            self.report("parts: too many faults to tell this hour")
