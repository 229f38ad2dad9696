"""The leading host is killed, or held for longer than its lease; PostgreSQL fails over to its standby.

A share of what ``make soak`` does (``soak/takeover.py``): from the kill to the acknowledgement of what
lockers journaled meanwhile; what was lost, signed or sent twice.  And of ``soak/failover.py``: the same of
events.
"""

from lab.soak import failover, takeover

GOALS = {
    "takeover.s_max": f"<= {takeover.WITHIN_S:g}",
    "takeover.lost": "== 0",
    "takeover.orders_twice": "== 0",
    "takeover.notices_twice": "== 0",
    "failover.lost": "== 0",
    "failover.twice": "== 0",
}

TIMES = 8
SEED = 14
_KEYS = (*GOALS, "takeover.times", "takeover.orders", "takeover.notices", "failover.s", "failover.events")


def run() -> dict[str, float]:
    """The numbers, with their keys as in ``GOALS``; takes some 90 s."""
    counted = takeover.play(TIMES, SEED) | failover.play(SEED)
    return {key: counted[key] for key in _KEYS}
