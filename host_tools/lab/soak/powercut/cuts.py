"""Every cut of a story, every pair of cuts, each with every state of the flash it can leave.

A case is a line of text, ``pick-up/set/open/3.2.17`` for the 3rd operation torn after 17 bytes with the clock
set and the doors as they were, and can be run again from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from consigne.sim.board import flash as nor
from consigne.sim.board.flash import NorFlash, PowerCut
from locker.core import events

from .flows import FLOWS, Flow, settle
from .rig import Locker, World

HALF_ERASES = 16

_TRUST = {"set": events.TRUST_SET, "floor": events.TRUST_FLOOR}
_DOORS = ("open", "shut")  # doors as at the cut, or pushed shut before power came back
VARIANTS = tuple(f"{trust}/{doors}" for trust in _TRUST for doors in _DOORS)

Cut = tuple[int, int, int]  # operation, aftermath, parameter


def _parse(case: str) -> tuple[Flow, int, bool, list[Cut]]:
    name, trust, doors, *cuts = case.split("/")
    triples = []
    for text in cuts:
        operation, aftermath, parameter = text.split(".")
        triples.append((int(operation), int(aftermath), int(parameter)))
    return FLOWS[name], _TRUST[trust], doors == "shut", triples


def _act(flow: Flow, world: World, cut: Cut | None) -> None:
    """Run the story until the power fails; without a cut to its end."""
    if flow.from_power_on:
        if cut:
            world.flash.cut(*cut)
        locker = Locker(world)
    else:
        locker = Locker(world)
        if cut:
            world.flash.cut(*cut)
    world.flash.trace = []
    flow.act(locker)


def _again(flow: Flow, world: World, trust: int) -> None:
    flow.again(Locker(world, trust))


def _until_cut(live: Callable[[], None], world: World) -> bool:
    """Run until the power fails, and bring it back; returns whether it failed."""
    try:
        live()
    except PowerCut:
        return True
    finally:
        world.flash.power_on()
    return False


@lru_cache(maxsize=256)
def _first_life(name: str, cut: Cut | None) -> tuple[World, bool]:
    """The world after a story with this cut, for all variants and second cuts: each takes a copy.

    The story is lived with the clock set; what a variant is about begins when the power is back.
    """
    world = FLOWS[name].world()
    return world, _until_cut(lambda: _act(FLOWS[name], world, cut), world)


def _lives(case: str, tracing: bool) -> NorFlash:
    """Run a case; with ``tracing`` stop before ``settle`` and trace the last part."""
    flow, trust, shut, cuts = _parse(case)
    first, failed = _first_life(flow.name, cuts[0] if cuts else None)
    if tracing and not cuts:
        return first.flash
    world = first.copy()
    if failed and shut:
        world.push_shut()
    if len(cuts) > 1 or tracing:
        world.flash.trace = []
        if len(cuts) > 1:
            world.flash.cut(*cuts[1])
        if _until_cut(lambda: _again(flow, world, trust), world) and shut:
            world.push_shut()
    if not tracing:
        settle(Locker(world, trust))
    return world.flash


def run_case(case: str) -> None:
    """Run one case.  Raises ``Violation`` when an invariant does not hold."""
    _lives(case, tracing=False)


def _aftermaths(flash: NorFlash) -> Iterator[str]:
    """Every cut of the operations that ``flash`` has traced, as ``operation.aftermath.parameter``."""
    for operation, (is_erase, size, earlier_pages) in enumerate(flash.trace or []):
        yield f"{operation}.{nor.NOT_DONE}.0"
        yield f"{operation}.{nor.DONE}.0"
        if is_erase:
            yield from (f"{operation}.{nor.HALF_ERASED}.{seed}" for seed in range(HALF_ERASES))
        else:
            yield from (f"{operation}.{nor.TORN}.{size_done}" for size_done in range(size))
            if earlier_pages:
                yield f"{operation}.{nor.DROPPED}.0"


def singles(flow: str) -> list[str]:
    """Every single cut of a story, in every variant."""
    cuts = list(_aftermaths(_lives(f"{flow}/{VARIANTS[0]}", tracing=True)))
    return [f"{flow}/{variant}/{cut}" for variant in VARIANTS for cut in cuts]


def seconds(case: str) -> list[str]:
    """Every second cut that can follow the single cut ``case``."""
    return [f"{case}/{cut}" for cut in _aftermaths(_lives(case, tracing=True))]
