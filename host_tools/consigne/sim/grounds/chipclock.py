"""The system clock of the simulated chip, which mbedTLS in the interpreter's process is made to use.

The system time of an ESP32 begins with the power, and ``machine.RTC`` sets it (ESP-IDF, ``settimeofday``).
Here eight bytes of a file hold its difference from the computer's time, in microseconds.  They outlive a
reset, as the chip's time does.  The file is mapped into the interpreter's process, where
``shim/_calendar.py`` reads and sets them.

The ESP32 port gives mbedTLS a clock of its own (``ports/esp32/main.c``, ``platform_mbedtls_time``): the
system time and 30 years, for the port counts from 2000.  In the unix port mbedTLS, and nothing else, calls
``time`` of the C library, through a slot in the interpreter's table of foreign functions: ``redirect`` puts a
function there that returns the port's time.
"""

import ctypes
import mmap
import os
import struct
import sys
import tempfile
import time
from pathlib import Path

FROM_1970_TO_2000_S = 946_684_800
DESCRIPTOR = "CONSIGNE_CLOCK_FD"  # for the interpreter's process: descriptor of the file
ADDRESS = "CONSIGNE_CLOCK_AT"  # for the interpreter: the address where it is mapped
BYTES = 8
_UNSIGNED = 1 << 64  # ESP-IDF counts microseconds in 64 bits without a sign


class ChipClock:
    """The eight bytes, in a file without a name; ``descriptor`` is for the interpreter's process."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - for as long as this object
        self.descriptor = self._file.fileno()
        self.power_on()

    def power_on(self) -> None:
        """The time begins at zero, which is 2000-01-01."""
        os.pwrite(self.descriptor, struct.pack("<Q", -(time.time_ns() // 1000) % _UNSIGNED), 0)

    def unix_s(self) -> int:
        """The chip's time, which mbedTLS sees."""
        (ahead_us,) = struct.unpack("<Q", os.pread(self.descriptor, BYTES, 0))
        return system_us(ahead_us) // 1_000_000 + FROM_1970_TO_2000_S


def system_us(ahead_us: int) -> int:
    """Microseconds of the chip's system time; ``ahead_us`` is the content of the eight bytes."""
    return (time.time_ns() // 1000 + ahead_us) % _UNSIGNED


def redirect(library: str) -> None:
    """Make mbedTLS in ``library``, loaded in this process, use the chip's clock, if there is one."""
    if DESCRIPTOR not in os.environ or sys.platform != "linux":
        return
    memory = mmap.mmap(int(os.environ[DESCRIPTOR]), BYTES)
    ahead_us = ctypes.c_uint64.from_buffer(memory)

    def mbedtls_time(_: int | None) -> int:
        return system_us(ahead_us.value) // 1_000_000 + FROM_1970_TO_2000_S

    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(mbedtls_time)
    _kept.extend((function, ahead_us))
    patch(library, b"time", ctypes.cast(function, ctypes.c_void_p).value or 0)
    os.environ[ADDRESS] = str(ctypes.addressof(ahead_us))


_kept: list[object] = []  # objects whose addresses C holds until the process ends


def patch(library: str, name: bytes, address: int) -> None:
    """Put ``address`` where ``library`` keeps that of the foreign function ``name``."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    slots = [_loaded_at(library) + offset for offset in _slots(Path(library).read_bytes(), name)]
    if not slots:
        raise RuntimeError(f"no call of {name.decode()}() in {library}: TLS would go by the computer's date")
    for slot in slots:
        if libc.mprotect(slot & -mmap.PAGESIZE, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE):
            raise OSError(ctypes.get_errno(), "mprotect")
        ctypes.c_uint64.from_address(slot).value = address


def _loaded_at(library: str) -> int:
    """Where the first byte of a shared library lies in this process."""
    real = os.path.realpath(library)
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, offset, _, _, *path = line.split(maxsplit=5)
        if path == [real] and int(offset, 16) == 0:
            return int(span.split("-")[0], 16)
    raise RuntimeError(f"{library} is not loaded")


def _slots(elf: bytes, name: bytes) -> list[int]:
    """Where the loader writes a foreign function's address: ELF of 64 bits, relocations with addends."""
    (begin,) = struct.unpack_from("<Q", elf, 0x28)
    size, count = struct.unpack_from("<HH", elf, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, begin + i * size) for i in range(count)]
    found = []
    for _, kind, _, _, offset, length, link, _, _, entry in sections:
        if kind != 4 or not entry:  # SHT_RELA
            continue
        symbols, strings = sections[link], sections[sections[link][6]]
        for at in range(offset, offset + length, entry):
            place, info = struct.unpack_from("<QQ", elf, at)
            (text,) = struct.unpack_from("<I", elf, symbols[4] + (info >> 32) * symbols[9])
            start = strings[4] + text
            if info >> 32 and elf[start : elf.index(b"\0", start)] == name:
                found.append(place)
    return found
