"""The stories with power cuts: the world before, the story itself, and what follows.

``prepare`` builds the world before the story, ``act`` is the story itself (it is interrupted), and
``again`` and ``settle`` are what people do when the power is back.
"""

from __future__ import annotations

from collections.abc import Callable

from locker.core import records

from .invariants import Violation
from .rig import REOPEN_S, SECTORS, Locker, World, grant

PARCEL = "RR123456785FR"
NEXT = "RR987654326FR"
LISTED = "24681357"
ORDERED_DOOR = 1


class Flow:
    """One story.  ``from_power_on``: the start of the locker belongs to it.

    ``again`` is what the people in it do after a power cut, before ``settle``; a second cut falls there.
    """

    def __init__(
        self,
        name: str,
        prepare: Callable[[], World],
        act: Callable[[Locker], None],
        again: Callable[[Locker], None],
        from_power_on: bool = False,
    ) -> None:
        self.name = name
        self.act = act
        self.again = again
        self.from_power_on = from_power_on
        self._prepare = prepare
        self._world: World | None = None

    def world(self) -> World:
        """A fresh copy of the world before the story."""
        if self._world is None:
            self._world = self._prepare()
        return self._world.copy()


def settle(locker: Locker) -> None:
    """Continue without cuts: codes are tried again, the host catches up, the next parcel comes."""
    _come_back(locker)
    locker.set_time()
    _grants_work_once(locker)
    for counter in sorted(locker.world.witness.orders):
        locker.order(counter, ORDERED_DOOR)
        locker.shut()
    locker.enter("00000000")
    locker.tell_host()
    locker.deposit(NEXT)
    if not any(e[1] == records.DEPOSITED and records.unpack(e[1], e[3])[-1] == NEXT for e in locker.log()):
        raise Violation("usable", "the next parcel was not taken")
    locker.tell_host()
    locker.world.witness.check_end()


def _come_back(locker: Locker) -> None:
    """Doors are shut; after the reopen window somebody comes with the parcel's code, and once more."""
    locker.shut()
    for _ in range(2):
        locker.pass_s(REOPEN_S + 5)
        log = locker.log()
        locker.world.witness.check_reentry(PARCEL, log, locker.collect(PARCEL))


def _grants_work_once(locker: Locker) -> None:
    """The host repeats its delta until the locker has it; then the listed code opens its door, once."""
    if not locker.world.granted:
        return
    locker.give_grants(_delta())
    opened = any(e[1] == records.OPENED and records.unpack(e[1], e[3])[3] == 2 for e in locker.log())
    sprang = locker.enter(LISTED)
    locker.shut()
    locker.pass_s(10)
    if sprang and opened:
        raise Violation("opening", "a listed code for one opening")
    if not sprang and not opened:
        raise Violation("served", "a listed code for one opening")
    if locker.enter(LISTED):
        raise Violation("opening", "a listed code for one opening")


def _delta() -> list[bytes]:
    return [grant(1, "11112222", 1), grant(2, LISTED, 2)]


# --- worlds ---------------------------------------------------------------------------------------------


def _blank() -> World:
    return World()


def _installed() -> World:
    world = World()
    locker = Locker(world)
    locker.journal.maintain()
    locker.tell_host()
    return world


def _with_parcel() -> World:
    world = _installed()
    locker = Locker(world)
    locker.deposit(PARCEL)
    locker.tell_host()
    return world


def _fill(locker: Locker, count: int) -> None:
    """Write long records: fifteen fill a sector."""
    for _ in range(count):
        locker.append(records.FAULT, records.pack(records.FAULT, 1, "x" * 40) + b"y" * 190)


def _round_the_ring() -> World:
    """The flash has been written round once, and the head has room for two more long records."""
    world = _with_parcel()
    locker = Locker(world)
    for _ in range(SECTORS):
        _fill(locker, 15)
        if locker.journal.snapshot_due():
            locker.snapshot()
        locker.tell_host()
    locker.snapshot()
    before = sum(world.flash.erases)
    while sum(world.flash.erases) == before:
        _fill(locker, 1)
    _fill(locker, 12)
    return world


# --- stories ----------------------------------------------------------------------------------------------


def _grant_received(locker: Locker) -> None:
    locker.give_grants(_delta())


def _attempt(locker: Locker) -> None:
    locker.enter("99999999")


def _pick_up(locker: Locker) -> None:
    locker.collect(PARCEL)


def _deposit(locker: Locker) -> None:
    locker.deposit(PARCEL)


def _remote_order(locker: Locker) -> None:
    locker.order(5, ORDERED_DOOR)
    locker.shut()


def _acknowledgement(locker: Locker) -> None:
    locker.enter("99999999")
    locker.tell_host()


def _snapshot(locker: Locker) -> None:
    locker.snapshot()


def _reclaim(locker: Locker) -> None:
    """Enter the next sector, first with its erase during the story, then with the erase done before."""
    _fill(locker, 4)
    locker.journal.maintain()
    _fill(locker, 15)


def _first_boot(locker: Locker) -> None:
    locker.journal.maintain()


FLOWS = {
    flow.name: flow
    for flow in (
        Flow("grant", _installed, _grant_received, _grant_received),
        Flow("attempt", _with_parcel, _attempt, _attempt),
        Flow("pick-up", _with_parcel, _pick_up, _come_back),
        Flow("deposit", _installed, _deposit, _come_back),
        Flow("order", _with_parcel, _remote_order, _remote_order),
        Flow("acknowledgement", _with_parcel, _acknowledgement, _acknowledgement),
        Flow("snapshot", _with_parcel, _snapshot, _snapshot),
        Flow("reclaim", _round_the_ring, _reclaim, _reclaim),
        Flow("first boot", _blank, _first_boot, _first_boot, from_power_on=True),
    )
}
