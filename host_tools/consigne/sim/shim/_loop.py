"""Has ``asyncio`` deliver the board's interrupts; importing it is enough."""

import asyncio

import _link

_new_event_loop = asyncio.core.new_event_loop


def _with_pump():
    """A new event loop forgets its tasks, so the task for interrupts is started again."""
    loop = _new_event_loop()
    loop.create_task(_link.pump())
    return loop


class ThreadSafeFlag:
    """``asyncio.ThreadSafeFlag`` for interrupts that come from ``_link.pump``, a task.

    The one of the unix port is polled: while anybody waits for it, every turn of the loop takes
    1.1 ms (measured), where an ESP32 is woken at once.
    """

    def __init__(self):
        self._event = asyncio.Event()

    def set(self):
        self._event.set()

    def clear(self):
        self._event.clear()

    async def wait(self):
        await self._event.wait()
        self._event.clear()


asyncio.ThreadSafeFlag = ThreadSafeFlag
asyncio.core.new_event_loop = asyncio.new_event_loop = _with_pump
asyncio.new_event_loop()
