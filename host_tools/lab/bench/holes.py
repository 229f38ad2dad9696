"""Restored, lost and new databases, months without a host, rotten sectors, a swapped board.

What ``soak/holes.py`` plays, once: streams that the host could not go past, events that nobody is told of,
events told as lost that are not, and the time from connecting to the last acknowledgement of the last locker.
"""

from lab.soak import holes

GOALS = {
    "sync.stuck_streams": "== 0",
    "sync.untold_lost": "== 0",
    "sync.wrongly_told": "== 0",
    "sync.converged_s_max": f"<= {holes.CONVERGED_WITHIN_S:g}",
}

SEED = 14
_KEYS = (*GOALS, "sync.disasters", "sync.told_lost")


def run() -> dict[str, float]:
    """The numbers, with their keys as in ``GOALS``; takes some 25 s."""
    counted = holes.play(SEED)
    return {key: counted[key] for key in _KEYS}
