"""What memory a board has left: Python's heap, and the chip's own that Wi-Fi and TLS live on."""

import ast
from dataclasses import dataclass
from typing import Self

ASK = """
import gc
try:
 import esp32
 print([gc.mem_free(), gc.mem_alloc(), esp32.idf_heap_info(esp32.HEAP_DATA)])
except (AttributeError, ImportError, MemoryError):
 print(None)
"""
"""Run on the board.  No garbage collection before it: that would give heap areas of Python back."""
_INTERNAL_MAX = 1 << 20
"""No chip's internal memory has one region this large, and no PSRAM is smaller."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes.  ``python_free`` includes what Python's heap could still grow by (py/modgc.c, gc_mem_free);
    ``heaps`` as ``esp32.idf_heap_info`` has them: total, free, largest block, least free so far.
    """

    python_free: int
    python_used: int
    heaps: tuple[tuple[int, int, int, int], ...]

    @classmethod
    def parsed(cls, text: str) -> Self | None:
        """Parse what ``ASK`` printed; None if the board cannot tell."""
        try:
            told = ast.literal_eval(text.strip())
            return None if told is None else cls(told[0], told[1], tuple(told[2]))
        except (ValueError, SyntaxError, IndexError, TypeError):
            return None

    @property
    def psram_bytes(self) -> int:
        """Size of the PSRAM that the chip found and tested; 0 without."""
        return sum(heap[0] for heap in self.heaps if heap[0] > _INTERNAL_MAX)

    @property
    def internal_free(self) -> int:
        return sum(heap[1] for heap in self._internal)

    @property
    def internal_largest(self) -> int:
        return max((heap[2] for heap in self._internal), default=0)

    @property
    def internal_least(self) -> int:
        """The least free since the chip started, or a little less: the sum of each region's own least."""
        return sum(heap[3] for heap in self._internal)

    @property
    def _internal(self) -> list[tuple[int, int, int, int]]:
        return [heap for heap in self.heaps if heap[0] <= _INTERNAL_MAX]
