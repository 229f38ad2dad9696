"""What waited for a locker at its first connection: 1 to 1,000 parcels, listed, derived and revoked.

On MicroPython with the heap that the simulator's lockers have, and with one so small that it holds few.
``grants.largest_message_bytes`` is the longest command of all; ``grants.not_arrived`` counts sizes of which
something was not there in the end; ``grants.<n>_messages`` and ``_s`` are how many commands it took and how
long, ``grants.<n>_set_aside`` how much was set aside.  In the small heap (``grants.scarce_..``) codes that
do not fit are set aside as well, and the locker must not start anew for them.
"""

import asyncio
import tempfile
from pathlib import Path

from consigne.sim.locker import HEAP_KB

from ..rig.pending import MIXED, deliver

GOALS = {
    "grants.not_arrived": "== 0",
    "grants.largest_message_bytes": "<= 4096",
    "grants.restarts": "== 0",
    "grants.set_aside": "== 0",
    "grants.scarce_not_arrived": "== 0",
    "grants.scarce_restarts": "== 0",
}
COUNTS = (1, 10, 20, 50, 100, 300, 1_000)
SCARCE_COUNTS = (20, 60, 300)
SCARCE_KB = 256
LIMIT_S = 240.0


async def _play(count: int, heap_kb: int, found: dict[str, float], prefix: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        done = await deliver(Path(directory), count, MIXED, heap_kb, LIMIT_S)
    found[f"{prefix}not_arrived"] = found.get(f"{prefix}not_arrived", 0) + (not done.arrived)
    found[f"{prefix}restarts"] = found.get(f"{prefix}restarts", 0) + done.starts - 1
    longest = max(found.get("grants.largest_message_bytes", 0), done.largest_bytes)
    found["grants.largest_message_bytes"] = longest
    found[f"{prefix}{count}_messages"] = done.messages
    found[f"{prefix}{count}_s"] = round(done.seconds, 1)
    found[f"{prefix}{count}_set_aside"] = len(done.aside)
    found[f"{prefix}set_aside"] = found.get(f"{prefix}set_aside", 0) + len(done.aside)


def run() -> dict[str, float]:
    """All numbers of this module; takes some two minutes."""
    found: dict[str, float] = {}
    for count in COUNTS:
        asyncio.run(_play(count, HEAP_KB, found, "grants."))
    for count in SCARCE_COUNTS:
        asyncio.run(_play(count, SCARCE_KB, found, "grants.scarce_"))
    return found
