"""Ten years of housekeeping on each database: whether it stops growing once every age was reached.

A share of the soak (``soak/retention.py``) with little traffic, since only the ratio counts here.
"""

import random

from consigne.server.storage.ages import Ages

from lab.soak import retention

GOALS = {
    "retention.size_ratio": f"<= {retention.GROWTH_MAX}",
    "retention.postgresql.size_ratio": f"<= {retention.GROWTH_MAX}",
}
STEP_DAYS, PARCELS = 20, 4


def run() -> dict[str, float]:
    """The numbers; takes two to three minutes."""
    numbers: dict[str, float] = {}
    for name, url in zip(("retention", "retention.postgresql"), retention.urls(), strict=True):
        seed = random.SystemRandom().randrange(1 << 32)
        print(f"{name}: seed {seed}")
        found = retention.years(url, seed, Ages(), step_days=STEP_DAYS, parcels=PARCELS)
        numbers[f"{name}.size_ratio"] = found["size_ratio"]
        numbers[f"{name}.events_of_10_years"] = found["events"]
        numbers[f"{name}.events_kept"] = found["rows"]
    return numbers
