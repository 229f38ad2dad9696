"""The time that a simulated board and its interpreter share; it stops while either waits for a processor.

On a busy machine a process may wait tens of milliseconds for a processor.  A simulated keypad would go on
sending bits meanwhile, and the firmware would be late for them as no chip is.  So the board's time is not the
machine's.  It is computed from a page of memory that both map:

- while the interpreter computes, time is the processor time it has used;
- while it waits (``poll``, ``usleep``), time runs like wall-clock time up to its wake-up time, once the
  board has read everything written to it;
- while it waits for an answer of the board, time stops, unless the answer itself takes time;
- while a push or an answer is on its way to an interpreter that waits for it, time stops;
- it never passes the board's next due event before that has happened.

On an idle machine this is wall-clock time, except for tens of microseconds.  ``SharedTime``
is the interpreter's side: ``romboot.py`` puts it between MicroPython and the C library.  ``pacedclock.py`` is
the board's side.
"""

import ctypes
import mmap
import os
import time
from collections.abc import Callable
from typing import Any

DESCRIPTOR = "CONSIGNE_PACE_FD"  # for the interpreter's process: descriptor of the page
SOCKET = "CONSIGNE_BOARD_FD"  # and of the wire to the board
FAR_US = 1 << 62
ABSENT, STARTING, RUNNING, WAITING, SLEEPING, ASKING = range(6)
"""States of the interpreter.  Data from the board wakes it from WAITING, not from SLEEPING."""
_POLLIN, _POLLOUT = 1, 4
_CLOCK_MONOTONIC = 1


class Page(ctypes.Structure):
    """All times in microseconds of the board's clock, unless named otherwise."""

    _fields_ = (
        # Written by the interpreter, by the board while there is none.
        ("turn", ctypes.c_int64),  # rises by two with each change of the next four; odd while they change
        ("state", ctypes.c_int64),
        ("base_us", ctypes.c_int64),  # the time at the last change, plus ``lost_us`` at that time
        ("ref_ns", ctypes.c_int64),  # at the last change: processor time if RUNNING, else the machine's clock
        ("until_us", ctypes.c_int64),  # WAITING, SLEEPING: when to wake
        ("sent_bytes", ctypes.c_int64),  # to the board
        # Written by the board.
        ("received_bytes", ctypes.c_int64),
        ("limit_us", ctypes.c_int64),  # when the board's next event is due
        ("lost_us", ctypes.c_int64),  # how long time has stopped because the board was late
        ("held_turn", ctypes.c_int64),  # in this turn time stops ...
        ("held_us", ctypes.c_int64),  # ... at this value
    )


def mapped(descriptor: int) -> Page:
    """The page that lies in a file."""
    return Page.from_buffer(mmap.mmap(descriptor, ctypes.sizeof(Page)))


class SharedTime:
    """The interpreter's side of the page: its clock, and its waiting."""

    def __init__(self, page: Page, board_fd: int) -> None:
        self._page = page
        self._board_fd = board_fd
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._now_us: int = page.base_us - page.lost_us
        self._until_us = FAR_US
        self._functions: list[object] = []  # C holds their addresses
        self._run()

    def functions(self) -> dict[bytes, int]:
        """The addresses of the functions that replace the C library's, by their names.

        They are valid as long as this object lives.
        """
        pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        replacements: tuple[tuple[Callable[..., int], Any, tuple[Any, ...]], ...] = (
            (self._clock_gettime, number, (number, ctypes.POINTER(ctypes.c_int64))),
            (self._poll, number, (ctypes.POINTER(ctypes.c_int32), ctypes.c_ulong, number)),
            (self._usleep, number, (ctypes.c_uint32,)),
            (self._select, number, (number, pointer, pointer, pointer, ctypes.POINTER(ctypes.c_int64))),
            (self._read, ctypes.c_ssize_t, (number, pointer, size)),
            (self._write, ctypes.c_ssize_t, (number, pointer, size)),
        )
        made = {}
        for ours, returns, takes in replacements:
            name = ours.__name__.removeprefix("_")
            theirs = getattr(self._libc, name)
            theirs.restype, theirs.argtypes = returns, takes
            function = ctypes.CFUNCTYPE(returns, *takes, use_errno=True)(ours)
            self._functions.append(function)
            made[name.encode()] = ctypes.cast(function, ctypes.c_void_p).value or 0
        return made

    # --- time --------------------------------------------------------------------------------------
    def _now(self) -> int:
        page = self._page
        used_us = (time.process_time_ns() - page.ref_ns) // 1000
        now_us: int = min(page.base_us + used_us - page.lost_us, page.limit_us)
        self._now_us = max(self._now_us, now_us)
        return self._now_us

    def _waited(self) -> int:
        """The time now, while waiting."""
        page = self._page
        if page.held_turn == page.turn:
            now_us: int = page.held_us
        elif page.sent_bytes != page.received_bytes:
            now_us = page.base_us - page.lost_us
        else:
            passed_us = (time.monotonic_ns() - page.ref_ns) // 1000
            now_us = min(page.base_us + passed_us - page.lost_us, page.until_us, page.limit_us)
        return max(self._now_us, now_us)

    def _change(self, state: int, now_us: int, ref_ns: int, until_us: int) -> None:
        page = self._page
        page.turn += 1
        page.state = state
        page.base_us = now_us + page.lost_us
        page.ref_ns = ref_ns
        page.until_us = until_us
        page.turn += 1

    def _run(self) -> None:
        self._change(RUNNING, self._now_us, time.process_time_ns(), FAR_US)

    def _rest(self, state: int, duration_us: int | None) -> None:
        now_us = self._now()
        self._until_us = FAR_US if duration_us is None else now_us + duration_us
        self._change(state, now_us, time.monotonic_ns(), self._until_us)

    def _resume(self) -> None:
        self._now_us = self._waited()
        self._run()

    def _sleep(self, state: int, duration_us: int | None, wait: Callable[[int | None], int]) -> int:
        """Call ``wait`` with the microseconds that are left (None: any number) until it returns something."""
        self._rest(state, duration_us)
        result = 0
        left_us = duration_us
        while not result and (left_us is None or left_us > 0):
            result = wait(left_us)
            if left_us is not None:
                left_us = self._until_us - self._waited()
        self._resume()
        return result

    # --- in the C library's place ------------------------------------------------------------------
    def _clock_gettime(self, clock: int, into: Any) -> int:
        if clock != _CLOCK_MONOTONIC:
            result: int = self._libc.clock_gettime(clock, into)
            return result
        into[0], microseconds = divmod(self._now(), 1_000_000)
        into[1] = microseconds * 1000
        return 0

    def _poll(self, entries: Any, count: int, timeout_ms: int) -> int:
        ready: int = self._libc.poll(entries, count, 0)
        if ready or not timeout_ms:
            return ready
        wakes = any(entries[2 * n] == self._board_fd and entries[2 * n + 1] & _POLLIN for n in range(count))

        def wait(left_us: int | None) -> int:
            result: int = self._libc.poll(entries, count, -1 if left_us is None else -(-left_us // 1000))
            return result

        return self._sleep(
            WAITING if wakes else SLEEPING, None if timeout_ms < 0 else timeout_ms * 1000, wait
        )

    def _usleep(self, duration_us: int) -> int:
        return self._sleep(SLEEPING, duration_us, self._libc.usleep)

    def _select(self, count: int, reads: int, writes: int, errors: int, timeout: Any) -> int:
        """``time.sleep`` is a select without descriptors; as on Linux, the time left is written back."""
        if count or not timeout:
            result: int = self._libc.select(count, reads, writes, errors, timeout)
            return result
        result = self._sleep(SLEEPING, timeout[0] * 1_000_000 + timeout[1], self._libc.usleep)
        timeout[0], timeout[1] = divmod(max(0, self._until_us - self._now_us), 1_000_000)
        return result

    def _read(self, descriptor: int, into: int, count: int) -> int:
        """Read an answer of the board or console input, the only reads of ours that block."""
        if descriptor == self._board_fd:
            self._rest(ASKING, None)
        elif descriptor == 0:
            self._rest(SLEEPING, None)
        else:
            result: int = self._libc.read(descriptor, into, count)
            return result
        result = self._libc.read(descriptor, into, count)
        self._resume()
        return result

    def _write(self, descriptor: int, data: int, count: int) -> int:
        page = self._page
        if descriptor == self._board_fd:
            page.sent_bytes += count  # before the board can have received it
            written: int = self._libc.write(descriptor, data, count)
            page.sent_bytes -= count - max(0, written)
            return written
        waits = not self._has_room(descriptor)
        if waits:  # the board takes no more now: its line is slow, or nobody reads
            self._rest(SLEEPING, None)
        written = self._libc.write(descriptor, data, count)
        if waits:
            self._resume()
        return written

    def _has_room(self, descriptor: int) -> bool:
        entry = (ctypes.c_int32 * 2)(descriptor, _POLLOUT)
        return bool(self._libc.poll(entry, 1, 0))


def redirect(patch: Callable[[bytes, int], None]) -> None:
    """Make the interpreter in this process use the board's time, if there is one.

    ``patch(name, address)`` replaces a function of the C library.
    """
    if DESCRIPTOR not in os.environ:
        return
    shared = SharedTime(mapped(int(os.environ[DESCRIPTOR])), int(os.environ[SOCKET]))
    _kept.append(shared)
    for name, address in shared.functions().items():
        patch(name, address)


_kept: list[SharedTime] = []  # kept until the process ends
