"""NOR flash as a MicroPython block device: what it does, what it wears out, how it fails.

Programming clears bits and never sets one; erasing sets all bits of a sector.  Every byte that is
programmed and every erase is counted.  A sector may be bad from the start, or give up after its
``endurance``; ``rot`` flips bits; and ``cut`` makes the power go at one chosen operation, with a
chosen aftermath.  The class is plain Python and runs on MicroPython too.

An operation is one erase of a sector, or one program of the part of a write that lies in one
256-byte page.  The pages of one ``writeblocks`` call form a sequence that is flushed when the call
returns; a cut within it may keep or drop each page begun before.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

SECTOR_BYTES = 4096
_ERASED = b"\xff" * SECTOR_BYTES  # made once: beside a heap that is almost full there is no room for it
PAGE_BYTES = 256

# Aftermaths of a cut.
NOT_DONE = 0
DONE = 1
TORN = 2  # program: the first bytes only, how many is the parameter; one byte may be half-programmed
HALF_ERASED = 3  # erase: every byte old, 0xFF or noise, drawn with the parameter as seed
DROPPED = 4  # program: this page is done but those before it in the same sequence are not
AFTERMATH_NAMES = ("not done", "done", "torn", "half-erased", "earlier pages dropped")


class PowerCut(Exception):
    """The power went.  The object that was using the flash has to be thrown away."""


class _Noise:
    """A small generator of its own, so that a seed means the same on every interpreter."""

    def __init__(self, seed: int) -> None:
        self._state = (seed * 2654435761 + 0x9E3779B9) & 0xFFFFFFFF or 1

    def next(self) -> int:
        x = self._state
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        self._state = x
        return x


class NorFlash:
    """``size`` bytes of flash, in memory or mirrored in the file ``path``.

    Counters: ``programmed_bytes`` (bytes handed to a program operation), ``programmed`` and
    ``erases`` (per sector), ``reads_bytes``, ``operations`` (programs of a page and erases).
    ``endurance`` is the number of erases after which a sector no longer erases cleanly;
    ``bad`` the sectors that never do; ``weak`` those that erase well but have a bit in each byte that
    no longer programs.
    """

    def __init__(
        self,
        size: int = 1 << 20,
        path: str | None = None,
        endurance: int = 100000,
        bad: "tuple[int, ...]" = (),
        weak: "tuple[int, ...]" = (),
    ) -> None:
        self.sectors = size // SECTOR_BYTES
        self.data = bytearray(b"\xff" * (self.sectors * SECTOR_BYTES))
        self.endurance = endurance
        self.bad = set(bad)
        self.weak = set(weak)
        self.erases = [0] * self.sectors
        self.programmed = [0] * self.sectors
        self.programmed_bytes = 0
        self.reads_bytes = 0
        self.operations = 0
        self._cut_at = -1
        self._aftermath = NOT_DONE
        self._parameter = 0
        self.dead = False
        self.trace: list[tuple[bool, int, int]] | None = (
            None  # a list to fill with (is an erase, bytes, pages before it in the sequence)
        )
        self.path = path
        self._file: BinaryIO | None = None
        if path is not None:
            self._open_file(path)

    def _open_file(self, path: str) -> None:
        try:
            self._file = open(path, "r+b")  # noqa: SIM115 - it stays open as long as the flash
            content = self._file.read(len(self.data))
            self.data[: len(content)] = content
        except OSError:
            self._file = open(path, "w+b")  # noqa: SIM115
        self._store(0, len(self.data))

    def _store(self, start: int, end: int) -> None:
        """Bring ``data[start:end]`` to the file; what was stored outlives this process."""
        if self._file is not None:
            self._file.seek(start)
            self._file.write(self.data[start:end])
            self._file.flush()

    def close(self) -> None:
        """Close the file behind the flash, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None

    # --- the block device -----------------------------------------------------------------------

    def readblocks(self, block: int, buf: bytearray | memoryview, offset: int = 0) -> None:
        """Fill ``buf`` from ``offset`` bytes into sector ``block``."""
        start = self._start(block, offset, len(buf))
        self.reads_bytes += len(buf)
        buf[:] = memoryview(self.data)[start : start + len(buf)]

    def writeblocks(self, block: int, buf: bytes | bytearray | memoryview, offset: int | None = None) -> None:
        """Program ``buf``; without an offset the sectors are erased first, as a Partition does."""
        start = self._start(block, offset or 0, len(buf))
        if offset is None:
            for sector in range(block, block + (len(buf) + SECTOR_BYTES - 1) // SECTOR_BYTES):
                self._erase(sector)
        view = memoryview(buf)
        before: list[tuple[int, bytes]] = []
        at = 0
        while at < len(buf):
            step = min(PAGE_BYTES - (start + at) % PAGE_BYTES, len(buf) - at)
            self._program(start + at, view[at : at + step], before)
            at += step

    def ioctl(self, op: int, arg: int) -> int:
        """4: number of sectors, 5: bytes in one, 6: erase sector ``arg``; 0 for the others."""
        if op == 4:
            return self.sectors
        if op == 5:
            return SECTOR_BYTES
        if op == 6:
            self._start(arg, 0, SECTOR_BYTES)
            self._erase(arg)
        return 0

    def _start(self, block: int, offset: int, length: int) -> int:
        start = block * SECTOR_BYTES + offset
        if self.dead:
            raise PowerCut("no power")
        if block < 0 or offset < 0 or start + length > len(self.data):
            raise OSError(22)  # EINVAL, as a Partition answers
        return start

    # --- faults ---------------------------------------------------------------------------------

    def cut(self, operation: int, aftermath: int, parameter: int = 0) -> None:
        """Power goes at the ``operation``-th operation from now (0: the next one).

        ``parameter``: for ``TORN`` the number of bytes that are programmed, for ``HALF_ERASED``
        a seed.  ``power_on`` brings the flash back.
        """
        self._cut_at = self.operations + operation
        self._aftermath = aftermath
        self._parameter = parameter

    def power_on(self) -> None:
        """Power is back, and no cut is planned."""
        self.dead = False
        self._cut_at = -1

    def rot(self, position: int, mask: int) -> None:
        """Flip the bits of ``mask`` in the byte at ``position``."""
        self.data[position] ^= mask
        self._store(position, position + 1)

    def overwrite(self, position: int, content: bytes | bytearray) -> None:
        """Put ``content`` there, whatever it was: another program, another chip, a stray magnet."""
        self.data[position : position + len(content)] = content
        self._store(position, position + len(content))

    def _dies_here(self, is_erase: bool, size: int, earlier_pages: int) -> bool:
        here = self.operations == self._cut_at
        if self.trace is not None:
            self.trace.append((is_erase, size, earlier_pages))
        self.operations += 1
        return here

    def _die(self) -> None:
        self.dead = True
        raise PowerCut(AFTERMATH_NAMES[self._aftermath])

    def _program(self, start: int, view: memoryview, earlier: list[tuple[int, bytes]]) -> None:
        """Program part of one page; ``earlier`` lists the pages of the same sequence, to undo them."""
        size = len(view)
        sector = start // SECTOR_BYTES
        dies = self._dies_here(False, size, len(earlier))
        done = size
        if dies and self._aftermath in (NOT_DONE, HALF_ERASED):
            done = 0
        elif dies and self._aftermath == TORN:
            done = min(self._parameter, size)
        old = bytes(memoryview(self.data)[start : start + size])
        wanted = bytes(view[:done]) + b"\xff" * (size - done)
        new = (int.from_bytes(old, "big") & int.from_bytes(wanted, "big")).to_bytes(size, "big")
        if dies and self._aftermath == TORN and done < size:
            half = old[done] & (view[done] | 0x55)  # some of the bits of the byte it died in
            new = new[:done] + bytes([half]) + new[done + 1 :]
        if sector in self.bad or sector in self.weak:
            new = bytes([after | before & 0x10 for after, before in zip(new, old)])
        self.data[start : start + size] = new
        self.programmed_bytes += done
        self.programmed[sector] += done
        if dies and self._aftermath == DROPPED:
            for position, content in earlier:
                self.data[position : position + len(content)] = content
                self._store(position, position + len(content))
        self._store(start, start + size)
        earlier.append((start, old))
        if dies:
            self._die()

    def _erase(self, sector: int) -> None:
        start = sector * SECTOR_BYTES
        dies = self._dies_here(True, SECTOR_BYTES, 0)
        if dies and self._aftermath == HALF_ERASED:
            self._half_erase(start)
        elif not dies or self._aftermath in (DONE, DROPPED):
            self.data[start : start + SECTOR_BYTES] = _ERASED
        if not dies or self._aftermath != NOT_DONE:
            self.erases[sector] += 1
        if sector in self.bad or self.erases[sector] > self.endurance:
            self.data[start + sector % SECTOR_BYTES] &= 0xEF  # a cell that no longer lets go
        self._store(start, start + SECTOR_BYTES)
        if dies:
            self._die()

    def _half_erase(self, start: int) -> None:
        """Runs of old bytes, of 0xFF and of noise, as an erase leaves them that was stopped."""
        noise = _Noise(self._parameter)
        at = 0
        while at < SECTOR_BYTES:
            drawn = noise.next()
            run = min(1 + (drawn >> 8) % (16 << (drawn >> 4) % 6), SECTOR_BYTES - at)
            if drawn % 3 == 1:
                self.data[start + at : start + at + run] = b"\xff" * run
            elif drawn % 3 == 2:
                for i in range(start + at, start + at + run):
                    self.data[i] |= noise.next() & 0xFF
            at += run
