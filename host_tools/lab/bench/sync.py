"""Events through a network that loses 30 % of the messages and repeats half, while parts are killed.

A fiftieth of what ``make soak`` does (``soak/sync.py``): lost and doubled events, the longest time until
journaled events were acknowledged, and the events a second.
"""

from lab.soak import sync

GOALS = {
    "sync.lost": "== 0",
    "sync.duplicate_rows": "== 0",
    "sync.gap_repair_s_max": "<= 60",
}

EVENTS = 20_000
SEED = 154
_KEYS = (*GOALS, "sync.events", "sync.events_per_s", "sync.messages_lost", "sync.messages_repeated")


def run() -> dict[str, float]:
    """The numbers, with their keys as in ``GOALS``; takes some 25 s."""
    counted = sync.play(EVENTS, SEED)
    return {key: counted[key] for key in _KEYS}
