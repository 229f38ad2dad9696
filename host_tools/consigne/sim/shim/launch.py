"""Starts the firmware on MicroPython as a board would: modules on the path, then ``main``.

Runs in the device's directory, with the board's socket in ``CONSIGNE_BOARD_FD``.  The arguments are
either two directories, the shims' and the firmware's, or address and size of two ROMFS images of the
same (``romboot.py``): then bytecode is executed in place, as from a board's flash.
"""

import sys

import uctypes
import vfs

if len(sys.argv) == 3:
    shim, firmware = sys.argv[1:]
else:
    shim, firmware = "/shim", "/rom"
    vfs.mount(vfs.VfsRom(uctypes.bytearray_at(int(sys.argv[1]), int(sys.argv[2]))), shim)
    vfs.mount(vfs.VfsRom(uctypes.bytearray_at(int(sys.argv[3]), int(sys.argv[4]))), firmware)
sys.path[:] = [shim, firmware, ".frozen"]

import asyncio  # noqa: E402  (the path comes first)

import _link  # noqa: E402

_new_event_loop = asyncio.core.new_event_loop


def _with_pump():
    """A new event loop forgets its tasks; interrupts must outlive that."""
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
__import__("main")
