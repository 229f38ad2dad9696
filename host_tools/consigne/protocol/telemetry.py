"""A locker's health as sent with its status: samples of heap and signal, and its latches.

The locker's half is ``locker/net/telemetry.py``; it does not concern custody, so samples may be missing.
"""

from dataclasses import dataclass

from locker.core.health import WEAK_BIT
from locker.core.limits import DOORS_MAX

from .untrusted import U32_MAX

U16_MAX, I32_MAX = 0xFFFF, 0x7FFFFFFF
LATCH_WEAK = WEAK_BIT
"""In a latch's state: it will fail soon."""
SAMPLES_MAX = 64
SAMPLE_WIDTHS, LATCH_WIDTHS = frozenset({4, 5}), frozenset({5})
"""How many numbers a row may have, see ``Telemetry``."""
_MEASURED_FROM = 2  # column of a sample: times come before it


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The health data of one status.

    ``samples`` are ``(time, seconds since start, free heap in bytes, RSSI in dBm, supply in mV)``, the
    newest last, whose number since the start is ``taken``; older firmware has no supply.  One with a value
    that no board measures and no database's column holds, beyond ``I32_MAX``, is left out.
    ``latches`` are ``(door, usual ms from pulse to open, recent ms, trouble 0 to 255, state)`` as in
    ``locker/core/health.py``.
    """

    taken: int
    samples: list[tuple[int, ...]]
    latches: list[tuple[int, ...]]


def parse(value: object) -> Telemetry:
    """The field ``health`` of a status.  Raises ``ValueError`` for any other shape."""
    if not isinstance(value, dict):
        raise ValueError("health is not an object")
    taken = value.get("taken")
    if type(taken) is not int or not 0 <= taken <= U32_MAX:
        raise ValueError("taken is not a count")
    samples = _rows(value.get("samples"), "samples", SAMPLE_WIDTHS, U32_MAX, SAMPLES_MAX)
    return Telemetry(
        taken,
        [row for row in samples if all(abs(part) <= I32_MAX for part in row[_MEASURED_FROM:])],
        _rows(value.get("latches"), "latches", LATCH_WIDTHS, U16_MAX, DOORS_MAX),
    )


def _rows(
    value: object, what: str, widths: frozenset[int], most: int, rows_max: int
) -> list[tuple[int, ...]]:
    """Rows of whole numbers, none beyond ``most`` in either direction."""
    if not isinstance(value, list) or len(value) > rows_max:
        raise ValueError(f"{what} is not a list of at most {rows_max}")
    for row in value:
        if not isinstance(row, list) or len(row) not in widths:
            raise ValueError(f"{what} has a row that is not {max(widths)} numbers")
        if not all(type(part) is int and abs(part) <= most for part in row):
            raise ValueError(f"{what} has a row that is not of whole numbers up to {most}")
    return [tuple(row) for row in value]
