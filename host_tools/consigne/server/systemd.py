"""The host's messages to its service manager, as in sd_notify(3); without a manager nothing is sent."""

import asyncio
import os
import socket
from contextlib import suppress

READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"
STATUS = "STATUS="
"""Before a sentence that the manager shows."""


def notify(state: str) -> None:
    """Send one state to the manager.  Raises ``OSError`` when its socket is gone."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path  # "@": an abstract name
    # A manager that is slow to read does not need another "alive", and the loop must not wait for it.
    flags = socket.MSG_DONTWAIT if state == ALIVE else 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line, suppress(BlockingIOError):
        line.sendto(state.encode(), flags, address)


async def feed_watchdog() -> None:
    """Tell the manager that this event loop runs, twice in the time that it waits; never returns.

    A loop that hangs stores no event and answers no page: the manager kills the process and starts another.
    """
    period_us = int(os.environ.get("WATCHDOG_USEC", "0"))
    if not period_us:
        await asyncio.Event().wait()
    while True:
        notify(ALIVE)
        await asyncio.sleep(period_us / 2e6)
