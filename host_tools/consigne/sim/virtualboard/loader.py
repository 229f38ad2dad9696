"""The loader in the chip's ROM, and the one that ``esptool`` uploads into RAM and calls stub.

Espressif's serial protocol ("Serial Protocol", docs.espressif.com/projects/esptool): requests and answers in
SLIP frames, registers, programs into RAM, blocks into flash.  Writes go to the flash model, where programming
only clears bits and sectors are erased; MD5 and reads come from there.  Of the programs that can be put into
RAM, only esptool's own stub runs.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable
from functools import cache

from esptool.loader import StubFlasher

from ..board.flash import SECTOR_BYTES, NorFlash
from . import slip
from .chips import ROM_BAUD, XTAL_HZ, Chip
from .psram import Psram
from .spi import SpiController

SYNC_BODY = b"\x07\x07\x12\x20" + 32 * b"\x55"
SYNC = slip.pack(struct.pack("<BBHI", 0, 0x08, len(SYNC_BODY), 0) + SYNC_BODY)
SYNC_ANSWERS = 8
ROM_SYNC_VALUE = 0x2012_0707  # anything but 0, the stub's value
STUB_COMMANDS = frozenset((*range(0x02, 0x14), 0xD0, 0xD1, 0xD2, 0xD3))
INVALID, FAILED, BAD_CHECKSUM, BAD_DEFLATE = 0x05, 0x06, 0x07, 0x0B
CHECKSUM_SEED = 0xEF


class Refused(Exception):
    """The loader answers with an error; ``args[0]`` is the protocol's reason."""


@cache
def _stub_of(rom_class: type) -> tuple[tuple[int, bytes], int]:
    """Where esptool puts its stub's code, the code, and where it starts."""
    stub = StubFlasher(rom_class)
    return (stub.text_start, bytes(stub.text)), stub.entry


class Loader:
    """One session with the loader, from reset to reset.

    ``send(bytes)`` towards the laptop; ``run()`` when it is told to start what is in the flash;
    ``baud(rate)`` when the rate changes.
    """

    def __init__(
        self,
        chip: Chip,
        mac: bytes,
        psram: Psram,
        flash: NorFlash,
        send: Callable[[bytes], None],
        run: Callable[[], None],
        baud: Callable[[int], None],
    ) -> None:
        self._chip = chip
        self._flash = flash
        self._send = send
        self._run = run
        self._baud = baud
        self._reader = slip.Reader()
        self._registers = chip.registers(mac, psram.size, psram.packaged)
        self._spi = SpiController(chip, flash)
        self._stub = False
        self._ram: dict[int, bytearray] = {}
        self._ram_at = self._block = self._at = self._erased = 0
        self._inflate = zlib.decompressobj()
        self._read: tuple[int, bytes, int] | None = None  # sent, content, bytes in a frame
        self._after: Callable[[], None] | None = None
        self._handlers: dict[int, Callable[[bytes], bytes | int | None]] = {
            0x02: self._flash_begin, 0x03: self._flash_data, 0x04: self._flash_end,
            0x05: self._mem_begin, 0x06: self._mem_end, 0x07: self._mem_data,
            0x09: self._write_reg, 0x0A: self._read_reg, 0x0B: self._nothing, 0x0D: self._nothing,
            0x0E: self._read_slow, 0x0F: self._change_baud,
            0x10: self._deflate_begin, 0x11: self._deflate_data, 0x12: self._flash_end,
            0x13: self._md5, 0x14: self._security_info,
            0xD0: self._erase_flash, 0xD1: self._erase_region, 0xD2: self._read_flash, 0xD3: self._run_user,
        }  # fmt: skip

    def feed(self, data: bytes) -> None:
        """Bytes from the laptop."""
        for frame in self._reader.feed(data):
            if self._read is not None:
                self._acknowledged(frame)
            elif len(frame) >= 8 and frame[0] == 0:
                self._request(frame)

    def _request(self, frame: bytes) -> None:
        _, op, size, checksum = struct.unpack_from("<BBHI", frame)
        body = frame[8:]
        known = STUB_COMMANDS if self._stub else self._chip.knows
        if op == 0x08:
            for _ in range(SYNC_ANSWERS):
                self._answer(op, 0 if self._stub else ROM_SYNC_VALUE)
            return
        try:
            if op not in known or size != len(body):
                raise Refused(INVALID)
            if op in (0x03, 0x07, 0x11) and _checksum(body[16:]) != checksum & 0xFF:
                raise Refused(BAD_CHECKSUM)
            result = self._handlers[op](body)
        except (Refused, struct.error) as error:
            self._answer(op, 0, b"", error.args[0] if isinstance(error, Refused) else INVALID)
            return
        if isinstance(result, int):
            self._answer(op, result)
        else:
            self._answer(op, 0, result or b"")
        if self._after is not None:
            after, self._after = self._after, None
            after()

    def _answer(self, op: int, value: int, data: bytes = b"", reason: int = 0) -> None:
        size = 2 if self._stub else self._chip.status_bytes
        data += bytes((reason != 0, reason)).ljust(size, b"\0")
        self._send(slip.pack(struct.pack("<BBHI", 1, op, len(data), value) + data))

    def _nothing(self, body: bytes) -> None:
        """SPI_SET_PARAMS and SPI_ATTACH: nothing to do, since the flash is attached and its size known."""

    # --- registers and RAM ------------------------------------------------------------------------------
    def _read_reg(self, body: bytes) -> int:
        (address,) = struct.unpack("<I", body[:4])
        found = self._spi.read(address)
        return self._registers.get(address, 0) if found is None else found

    def _write_reg(self, body: bytes) -> None:
        for address, value, mask, _ in struct.iter_unpack("<IIII", body):
            new = (self._registers.get(address, 0) & ~mask) | (value & mask)
            self._registers[address] = new
            self._spi.write(address, new)

    def _mem_begin(self, body: bytes) -> None:
        _, _, self._block, self._ram_at = struct.unpack("<IIII", body)
        self._ram[self._ram_at] = bytearray()

    def _mem_data(self, body: bytes) -> None:
        size, sequence = struct.unpack_from("<II", body)
        self._ram[self._ram_at][sequence * self._block :] = body[16 : 16 + size]

    def _mem_end(self, body: bytes) -> None:
        stay, entry = struct.unpack("<II", body)
        (start, code), known_entry = _stub_of(self._chip.rom_class)
        if not stay and entry == known_entry and bytes(self._ram.get(start, b"")) == code:
            self._after = self._start_stub

    def _start_stub(self) -> None:
        self._stub = True
        self._send(slip.pack(b"OHAI"))

    # --- flash ------------------------------------------------------------------------------------------
    def _begin(self, body: bytes) -> None:
        size, _, self._block, self._at = struct.unpack_from("<IIII", body)
        if self._at + size > len(self._flash.data):
            raise Refused(FAILED)
        self._erased = self._at
        if not self._stub:  # the ROM erases first, the stub as it goes
            self._erase_up_to(self._at + size)

    def _flash_begin(self, body: bytes) -> None:
        self._begin(body)

    def _flash_data(self, body: bytes) -> None:
        size, sequence = struct.unpack_from("<II", body)
        self._program(self._at + sequence * self._block, body[16 : 16 + size])

    def _deflate_begin(self, body: bytes) -> None:
        self._begin(body)
        self._inflate = zlib.decompressobj()

    def _deflate_data(self, body: bytes) -> None:
        size = struct.unpack_from("<I", body)[0]
        try:
            data = self._inflate.decompress(body[16 : 16 + size])
        except zlib.error as error:
            raise Refused(BAD_DEFLATE) from error
        self._program(self._at, data)
        self._at += len(data)

    def _flash_end(self, body: bytes) -> None:
        if not struct.unpack("<I", body)[0]:
            self._after = self._run

    def _program(self, start: int, data: bytes) -> None:
        if start + len(data) > len(self._flash.data):
            raise Refused(FAILED)
        self._erase_up_to(start + len(data))
        self._flash.writeblocks(start // SECTOR_BYTES, data, start % SECTOR_BYTES)

    def _erase_up_to(self, end: int) -> None:
        while self._erased < end:
            self._flash.ioctl(6, self._erased // SECTOR_BYTES)
            self._erased = (self._erased // SECTOR_BYTES + 1) * SECTOR_BYTES

    def _erase_flash(self, body: bytes) -> None:
        self._erased = 0
        self._erase_up_to(len(self._flash.data))

    def _erase_region(self, body: bytes) -> None:
        start, size = struct.unpack("<II", body)
        if start % SECTOR_BYTES or size % SECTOR_BYTES or start + size > len(self._flash.data):
            raise Refused(FAILED)
        self._erased = start
        self._erase_up_to(start + size)

    def _content(self, start: int, size: int) -> bytes:
        if start + size > len(self._flash.data):
            raise Refused(FAILED)
        return bytes(self._flash.data[start : start + size])

    def _md5(self, body: bytes) -> bytes:
        digest = hashlib.md5(self._content(*struct.unpack_from("<II", body)), usedforsecurity=False)
        return digest.digest() if self._stub else digest.hexdigest().encode()

    def _read_slow(self, body: bytes) -> bytes:
        start, size = struct.unpack("<II", body)
        return self._content(start, min(size, 64)).ljust(64, b"\xff")

    def _read_flash(self, body: bytes) -> None:
        """As the stub: frames of one block, each acknowledged with the bytes so far; then the MD5."""
        start, size, block, _ = struct.unpack("<IIII", body)
        content = self._content(start, size)
        self._after = lambda: self._send_block(0, content, block)

    def _send_block(self, sent: int, content: bytes, block: int) -> None:
        frame = content[sent : sent + block]
        self._read = (sent + len(frame), content, block)
        self._send(slip.pack(frame))

    def _acknowledged(self, frame: bytes) -> None:
        assert self._read is not None
        sent, content, block = self._read
        if len(frame) != 4 or struct.unpack("<I", frame)[0] != sent:
            self._read = None
        elif sent < len(content):
            self._send_block(sent, content, block)
        else:
            self._read = None
            self._send(slip.pack(hashlib.md5(content, usedforsecurity=False).digest()))

    # --- the rest ---------------------------------------------------------------------------------------
    def _change_baud(self, body: bytes) -> None:
        rate = struct.unpack_from("<I", body)[0]
        self._registers[self._chip.rom_class.UART_CLKDIV_REG] = XTAL_HZ // (rate or ROM_BAUD)
        self._after = lambda: self._baud(rate)

    def _security_info(self, body: bytes) -> bytes:
        return struct.pack("<IB7BII", 0, 0, *bytes(7), self._chip.image_id, 0)

    def _run_user(self, body: bytes) -> None:
        self._after = self._run


def _checksum(data: bytes) -> int:
    value = CHECKSUM_SEED
    for byte in data:
        value ^= byte
    return value
