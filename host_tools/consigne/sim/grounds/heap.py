"""The heap of a virtual interpreter: how full it is, and how long a garbage collection stops the interpreter.

CPython counts references and needs no collection; the garbage of a program on MicroPython is estimated from
time and from the number of interrupts.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Heap:
    """Set before the firmware starts.

    Attributes
    ----------
    sweep_us
        How long the interpreter stands still for a sweep.
    live_bytes, room_bytes
        What the program holds, and what is free after a sweep.
    bytes_per_s, bytes_per_interrupt
        The garbage it makes.
    sweeps
        When a sweep began, by the board's clock.
    overrun
        How often the garbage exceeded the free memory: there a real interpreter would have collected at once.
    """

    sweep_us: int = 0
    live_bytes: int = 120_000
    room_bytes: int = 100_000
    bytes_per_s: int = 1_000
    bytes_per_interrupt: int = 0
    overrun: int = 0

    def __post_init__(self) -> None:
        self.sweeps: list[int] = []
        self._swept_us = 0
        self._interrupts = 0

    def start(
        self, now_us: Callable[[], int], stall: Callable[[int], None], growth_bytes: Callable[[], int]
    ) -> None:
        """A new life of the interpreter begins.

        ``stall(us)`` lets it stand still; by ``growth_bytes()`` the heap could grow, which an ESP32 counts as
        free (``py/modgc.c``, gc_mem_free).
        """
        self.now_us, self.stall, self.growth_bytes = now_us, stall, growth_bytes
        self._swept_us = now_us()
        self._interrupts = 0

    def interrupted(self) -> None:
        """An interrupt was handled."""
        self._interrupts += 1

    def _left_bytes(self) -> int:
        left = (self.now_us() - self._swept_us) * self.bytes_per_s // 1_000_000
        return left + self._interrupts * self.bytes_per_interrupt

    def collect(self) -> None:
        """``gc.collect``; None, as on an ESP32."""
        self.overrun += self._left_bytes() > self.room_bytes
        self.sweeps.append(self.now_us())
        if self.sweep_us:
            self.stall(self.sweep_us)
        self._swept_us = self.now_us()
        self._interrupts = 0

    def mem_alloc(self) -> int:
        """``gc.mem_alloc``."""
        return self.live_bytes + min(self._left_bytes(), self.room_bytes)

    def mem_free(self) -> int:
        """``gc.mem_free``."""
        return max(0, self.room_bytes - self._left_bytes()) + self.growth_bytes()
