"""A share of the doors' soak (``soak/doors.py``): compartments given out while a parcel lies in them.

``make soak`` runs a million cycles and more; here each seed begins with a cabinet of its own, and a cabinet
that gives a full compartment out is counted and comes no further.
"""

import random

from lab.soak import doors

GOALS = {"doors.false_free": "== 0", "doors.fault_cycles": ">= 20000"}

CABINETS = 10
CYCLES = 2_000


def run() -> dict[str, float]:
    """The numbers; takes a few seconds."""
    return counted([random.SystemRandom().randrange(1 << 32) for _ in range(CABINETS)], CYCLES)


def counted(seeds: list[int], cycles: int) -> dict[str, float]:
    """Cabinets that gave a full compartment out, and the cycles, with faults, of all."""
    false_free = played = 0
    for seed in seeds:
        try:
            played += doors.cycles(seed, cycles)["cycles"]
        except AssertionError as error:
            false_free += 1
            print(f"doors.cycles({seed}, {cycles}): {error}")
    return {"doors.false_free": false_free, "doors.fault_cycles": played}
