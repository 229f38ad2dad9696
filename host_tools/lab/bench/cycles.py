"""A share of the doors' soak (``soak/doors.py``): compartments offered as empty while a parcel is in them.

``make soak`` runs a million cycles and more; here each seed begins with a new cabinet, and one that offers a
full compartment is counted and ends.
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
    """Cabinets that offered a full compartment, and the number of cycles, with faults, of all."""
    false_free = played = 0
    for seed in seeds:
        try:
            played += doors.cycles(seed, cycles)["cycles"]
        except AssertionError as error:
            false_free += 1
            print(f"doors.cycles({seed}, {cycles}): {error}")
    return {"doors.false_free": false_free, "doors.fault_cycles": played}
