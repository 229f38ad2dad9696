"""Runs MicroPython with images in "flash": mapped memory that is not heap, as on a board.

Usage: ``python romboot.py <heap kB> <script> <file> [<file> ..] [-- <argument> ..]``.  The unix port's
interpreter is a library in this process, so the script can be given each file's place in memory, as arguments
``<address> <bytes>``, and mounts images with ``vfs.VfsRom``.  The memory is mapped from the file read-only:
writes of another process show here.

If the environment names a chip's clock, mbedTLS uses it (``chipclock.py``); if it names the board's time,
everything else uses that (``pace.py``).

``SIGUSR2`` is what Ctrl-C is on a board's serial port: KeyboardInterrupt at the next jump or in the system
call that waits.  (SIGINT of this build jumps out of whatever C function runs.)
"""

import ctypes
import mmap
import os
import signal
import sys

import chipclock  # type: ignore[import-not-found]  # it lies beside this file
import micropython_run  # type: ignore[import-not-found]
import pace  # type: ignore[import-not-found]  # the same

PR_SET_PDEATHSIG = 1  # prctl(2)


def mapped(path: str) -> list[str]:
    """Address and size of a file in memory, shared with whoever writes it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    descriptor = os.open(path, os.O_RDONLY)
    size = os.fstat(descriptor).st_size
    address = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
    os.close(descriptor)
    if address == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), f"cannot map {path}")
    return [str(address), str(size)]


def take_interrupts() -> None:
    """Have SIGUSR2 raise KeyboardInterrupt in the interpreter; it ends system calls that wait."""
    libc = ctypes.CDLL(None)
    interrupt = ctypes.CDLL(micropython_run.__file__).mp_sched_keyboard_interrupt
    libc.signal(signal.SIGUSR2, interrupt)
    libc.siginterrupt(signal.SIGUSR2, 1)


def _end_with_parent() -> None:
    """End with the thread that started this process: without its simulation the board is of no use."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    heap_kb, script, *rest = sys.argv[1:]
    _end_with_parent()
    end = rest.index("--") if "--" in rest else len(rest)
    places = [value for path in rest[:end] for value in mapped(path)]
    take_interrupts()
    chipclock.redirect(micropython_run.__file__)
    pace.redirect(lambda name, address: chipclock.patch(micropython_run.__file__, name, address))
    micropython_run.run_main(["micropython", "-X", f"heapsize={heap_kb}k", script, *places, *rest[end + 1 :]])


main()
