"""The derived codes of the parcels that lie here, by door.

A code is computed when it is first needed, not when the parcel is bound: replaying a long journal
binds and unbinds thousands of parcels that are long gone.
"""

from . import codes, livecodes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Pads
    from .livecodes import LiveCodes


class ParcelCodes:
    """``door -> (parcel id, tag)``, entered into the index of live codes once prepared."""

    def __init__(self, digits: int, derived_pads: "Pads", listed_pads: "Pads", live: "LiveCodes") -> None:
        self._digits = digits
        self._derived_pads = derived_pads
        self._listed_pads = listed_pads
        self._live = live
        self._bound: dict[
            int, tuple[str, bytes | None]
        ] = {}  # door -> (parcel id, tag, or None until it is computed)
        self._unprepared = 0

    def bind(self, door: int, parcel_id: str) -> None:
        if door in self._bound:
            if self._bound[door][0] == parcel_id:
                return
            self.unbind(door)
        self._bound[door] = (parcel_id, None)
        self._unprepared += 1

    def unbind(self, door: int) -> None:
        if door not in self._bound:
            return
        tag = self._bound.pop(door)[1]
        if tag is None:
            self._unprepared -= 1
        else:
            self._live.remove(tag, livecodes.door_ref(door))

    def prepare(self, doors_max: int) -> None:
        """Compute the tags of up to ``doors_max`` parcels that were bound since (two HMACs each)."""
        if not self._unprepared:
            return
        for door, (parcel_id, tag) in self._bound.items():
            if tag is None and doors_max:
                doors_max -= 1
                made = self.tag_of(parcel_id)
                self._bound[door] = (parcel_id, made)
                self._unprepared -= 1
                self._live.add(made, livecodes.door_ref(door))

    def prepare_all(self) -> None:
        self.prepare(self._unprepared)

    def tag_of(self, parcel_id: str) -> bytes:
        """The tag of this parcel's digits, whichever door it lies behind."""
        digits = codes.derived_digits(self._derived_pads, parcel_id, self._digits)
        return codes.listed_tag(self._listed_pads, digits)

    def tag(self, door: int) -> bytes:
        tag = self._bound[door][1]
        assert tag is not None, door  # only prepared codes are in the index
        return tag

    def parcel(self, door: int) -> str:
        return self._bound[door][0]
