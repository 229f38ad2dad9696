"""Runs MicroPython with images in "flash": mapped memory that is not heap, as on a board.

Usage: ``python romboot.py <heap kB> <script> <image> [<image> ..]``.  The interpreter of the unix port is
a library in this process, so it can be told where each image lies: the script gets
``<address> <bytes>`` of each as its arguments and mounts them with ``vfs.VfsRom``.
"""

import ctypes
import mmap
import sys
from pathlib import Path

import micropython_unix  # type: ignore[import-untyped]


def main() -> None:
    heap_kb, script, *images = sys.argv[1:]
    arguments = []
    mapped = []
    for image in images:
        data = Path(image).read_bytes()
        memory = mmap.mmap(-1, len(data))
        memory[:] = data
        mapped.append(memory)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        arguments += [str(address), str(len(data))]
    micropython_unix.run_main(["micropython", "-X", f"heapsize={heap_kb}k", script, *arguments])


main()
