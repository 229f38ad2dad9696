"""The cabinet itself, lid, mains, supply and temperature: what is journaled, and what the status tells.

Imported only by a locker with such a sensor.  A fault is journaled once when it begins and once when it ends,
and is in the status meanwhile.  The lowest voltage under each door's pulses is kept in three bytes for each
door: a slow latch may be the supply's fault.
"""

import struct

from micropython import const

from . import events, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Members, Payload
    from .core import Core


_SAG_STEP_MV = const(200)  # a change of this size is journaled
_RECOVERED_MV = const(300)  # this far above the limit it is no longer weak
_HOT_C = const(60)  # the limit of a display's glass
_COLD_C = const(-20)
_EASED_C = const(5)
_TOLD_MAX = const(
    20
)  # records of lid, mains, supply and temperature an hour: a worn contact may flicker for days
_UNIT_MV = const(100)  # of what a record keeps

_LID, _MAINS, _WEAK, _WARMTH = range(4)


class Senses:
    """``core`` is the ``Core`` that records and acts; ``weak_mv``: what the coils need, 0: not measured."""

    def __init__(self, core: "Core", doors: int, weak_mv: int) -> None:
        self._core = core
        self._weak_mv = weak_mv
        self._amiss = ["", "", "", ""]  # what the status says of each sense
        self._told = 0  # in this hour
        self._idle_mv = 0
        self._kept = bytearray(doors if weak_mv else 0)  # lowest, as journaled, in _UNIT_MV; 0: not known
        self._recent = bytearray(2 * doors if weak_mv else 0)  # the same in mV, eased upwards

    # --- the fold -----------------------------------------------------------------------------------

    def apply(self, kind: int, payload: "Payload") -> None:
        """Fold one record; kinds of others change nothing."""
        if kind == records.SUPPLY:
            door, _, lowest_mv = records.unpack(kind, payload)
            self._keep(door, lowest_mv // _UNIT_MV)
        elif kind == records.SUPPLY_STATE:
            self._keep(*records.unpack(kind, payload))

    def _keep(self, door: int, units: int) -> None:
        if door < len(self._kept):
            self._kept[door] = min(255, units)
            struct.pack_into("<H", self._recent, 2 * door, units * _UNIT_MV)

    def snapshot(self) -> "Members":
        """Yield ``(kind, payload)`` of every door whose supply was measured."""
        for door in range(len(self._kept)):
            if self._kept[door]:
                yield records.SUPPLY_STATE, records.pack(records.SUPPLY_STATE, door, self._kept[door])

    # --- events -------------------------------------------------------------------------------------

    def sense(self, what: int, value: int) -> None:
        """``EV_SENSE``."""
        if what == events.SENSE_LID:
            self._lid(value)
        elif what == events.SENSE_MAINS:
            self._tell(_MAINS, "mains lost" if value else "", "mains back")
            self._core.orders.led(events.LED_ATTENTION if value else events.LED_READY)
        elif what == events.SENSE_SUPPLY:
            self._idle_mv = value
            self._judge_supply()
        else:
            self._judge_warmth(value)

    def pulsed(self, door: int, idle_mv: int, lowest_mv: int) -> None:
        """``EV_SUPPLY``: the stored value falls at once and rises slowly, by 1/8 of the difference."""
        if door >= len(self._kept):
            return
        self._idle_mv = idle_mv
        (recent_mv,) = struct.unpack_from("<H", self._recent, 2 * door)
        if recent_mv and lowest_mv > recent_mv:
            lowest_mv = recent_mv + (lowest_mv - recent_mv) // 8
        struct.pack_into("<H", self._recent, 2 * door, min(lowest_mv, 65_535))
        if not self._kept[door] or abs(lowest_mv - self._kept[door] * _UNIT_MV) >= _SAG_STEP_MV:
            recorded_mv = min(lowest_mv, 65_535)
            self._core.record(records.SUPPLY, door, min(idle_mv, 65_535), recorded_mv)
            struct.pack_into("<H", self._recent, 2 * door, recorded_mv)
        self._judge_supply()

    def _lid(self, is_open: int) -> None:
        if is_open:
            if self._is_worth_telling():
                self._core.record(records.ALARM, events.ALARM_LID, 0, 0, records.ANY_DOOR)
            self._core.effect((events.FX_BEEP, events.BEEP_ALARM))
            self._amiss[_LID] = "lid open"
        elif self._amiss[_LID]:
            self._tell(_LID, "", "lid closed")

    def _judge_supply(self) -> None:
        """Judge the lowest value of all doors, or the idle supply if that is low even without a coil."""
        worst_mv, door = self._idle_mv or 65_535, -1
        for at in range(len(self._kept)):
            mv = self._kept[at] * _UNIT_MV
            if 0 < mv < worst_mv:
                worst_mv, door = mv, at
        if worst_mv < self._weak_mv and not self._amiss[_WEAK]:
            where = "under door {}".format(door) if door >= 0 else "without load"
            self._tell(_WEAK, "supply {}.{} V {}".format(worst_mv // 1000, worst_mv // 100 % 10, where), "")
        elif worst_mv >= self._weak_mv + _RECOVERED_MV and self._amiss[_WEAK]:
            self._tell(_WEAK, "", "supply good again")

    def _judge_warmth(self, celsius: int) -> None:
        if celsius >= _HOT_C or celsius <= _COLD_C:
            if not self._amiss[_WARMTH]:
                self._tell(_WARMTH, "{} C inside".format(celsius), "")
        elif self._amiss[_WARMTH] and _COLD_C + _EASED_C <= celsius <= _HOT_C - _EASED_C:
            self._tell(_WARMTH, "", "{} C inside again".format(celsius))

    def _tell(self, sense: int, amiss: str, over: str) -> None:
        self._amiss[sense] = amiss
        if self._is_worth_telling():
            self._core.record(records.FAULT, events.FAULT_CABINET, amiss or over)

    def _is_worth_telling(self) -> bool:
        """Count a change; true if it gets a record.  The status shows it in any case."""
        self._told += 1
        return self._told <= _TOLD_MAX

    def hour(self) -> None:
        """An hour has passed: changes get records again, and one record tells how many got none."""
        untold = self._told - _TOLD_MAX
        self._told = 0
        if untold > 0:
            self._core.record(records.FAULT, events.FAULT_CABINET, "cabinet: {} more changes".format(untold))

    # --- questions ----------------------------------------------------------------------------------

    def complaints(self) -> list[str]:
        """Texts of the present faults, for the status."""
        return [text for text in self._amiss if text]

    def lowest_mv(self, door: int) -> int:
        """The supply at worst under this door's pulses; 0 while it was not measured."""
        return self._kept[door] * _UNIT_MV if door < len(self._kept) else 0
