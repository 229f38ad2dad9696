"""Starts the firmware on MicroPython as a board would: modules on the path, then ``main``.

Runs in the device's directory, with the board's socket in ``CONSIGNE_BOARD_FD``.  The arguments are either
two directories, the shims' and the firmware's, or address and size of two ROMFS images of the same
(``romboot.py``): then bytecode is executed in place, as from a board's flash.  With address and size of the
shims but a directory of the firmware, the firmware is loaded into the heap, as on a board that cannot map its
flash.
"""

import sys

import uctypes
import vfs

if len(sys.argv) == 3:
    shim, firmware = sys.argv[1:]
else:
    shim, firmware = "/shim", sys.argv[3]
    vfs.mount(vfs.VfsRom(uctypes.bytearray_at(int(sys.argv[1]), int(sys.argv[2]))), shim)
    if len(sys.argv) == 5:
        firmware = "/rom"
        vfs.mount(vfs.VfsRom(uctypes.bytearray_at(int(sys.argv[3]), int(sys.argv[4]))), firmware)
sys.path[:] = [shim, firmware, ".frozen"]

import _loop  # noqa: E402, F401  (the path comes first)

__import__("main")
