"""The leading host is killed, or held for longer than its lease: how soon another one leads.

A share of what ``make soak`` does (``soak/takeover.py``): from the kill to the acknowledgement of what
lockers journaled meanwhile; what was lost, signed twice or sent twice.
"""

from lab.soak import takeover

GOALS = {
    "takeover.s_max": f"<= {takeover.WITHIN_S:g}",
    "takeover.lost": "== 0",
    "takeover.orders_twice": "== 0",
    "takeover.notices_twice": "== 0",
}

TIMES = 8
SEED = 14
_KEYS = (*GOALS, "takeover.times", "takeover.orders", "takeover.notices")


def run() -> dict[str, float]:
    """The numbers, with their keys as in ``GOALS``; takes some 90 s."""
    counted = takeover.play(TIMES, SEED)
    return {key: counted[key] for key in _KEYS}
