"""On the board: write an application into the idle slot, from bytes sent and bytes already in flash.

Frames come in over the console as bytes: ``>BBH`` what, sector, number of pieces; then the pieces, ``>IH``
each: offset in the image copied from (or SENT, or ERASED) and length; then ``>H``, the length of what is
sent, and that, deflated.  At most WINDOW bytes are on their way, since a chip that erases flash receives
nothing: ``a`` says that UNIT more were taken, ``k`` that a sector is written and read back correctly.  A
sector is erased only when nothing is on its way.  If the laptop stops sending, the board resets and starts as
before.
"""

import hashlib
import io
import select
import struct
import sys

import deflate
import machine
import micropython
from esp32 import Partition

SECTOR = 4096
UNIT = 128
WINDOW_BITS = 12  # of the compression: 4096 bytes, as a sector
SILENCE_MS = 3_000
SENT = 0xFFFFFFFF
ERASED = 0xFFFFFFFE
BLANK = b"\xff" * SECTOR
WRITE, SEAL, END = 1, 2, 3


class Receiver:
    def __init__(self, slot, source, slot_bytes):
        self.flash = Partition.find(Partition.TYPE_DATA, label="romfs")[0]
        self.first = slot * slot_bytes // SECTOR
        self.old = source * slot_bytes + SECTOR
        self.buffer = bytearray(SECTOR)
        self.view = memoryview(self.buffer)
        self.seen = bytearray(SECTOR)
        self.taken = 0
        self.one = bytearray(1)
        self.poll = select.poll()
        self.poll.register(sys.stdin, select.POLLIN)
        self.input = sys.stdin.buffer

    def take(self, view):
        """Fill ``view``, byte by byte: after a pulled cable a longer read would wait for ever."""
        one = self.one
        wait = self.poll.ipoll
        read = self.input.readinto
        for at in range(len(view)):
            for _ in wait(SILENCE_MS):
                break
            else:
                machine.reset()
            if not read(one):
                machine.reset()
            view[at] = one[0]
            self.taken += 1
            if self.taken == UNIT:
                self.taken = 0
                sys.stdout.write("a")

    def lies_there(self, sector):
        self.flash.readblocks(self.first + sector, self.seen)
        return self.seen

    def write(self, sector):
        if self.lies_there(sector) != BLANK:
            self.flash.ioctl(6, self.first + sector)
        self.flash.writeblocks(self.first + sector, self.buffer, 0)
        if self.lies_there(sector) != self.buffer:
            raise OSError("flash: sector {} does not keep what is written".format(sector))

    def assemble(self, pieces):
        table = memoryview(bytearray(6 * pieces + 2))
        self.take(table)
        packed = memoryview(bytearray(struct.unpack_from(">H", table, 6 * pieces)[0]))
        self.take(packed)
        sent = deflate.DeflateIO(io.BytesIO(packed), deflate.RAW, WINDOW_BITS)
        view = self.view
        at = 0
        for i in range(pieces):
            source, length = struct.unpack_from(">IH", table, 6 * i)
            if source == SENT:
                sent.readinto(view[at : at + length])
            elif source == ERASED:
                view[at : at + length] = BLANK[:length]
            else:
                source += self.old
                self.flash.readblocks(source // SECTOR, view[at : at + length], source % SECTOR)
            at += length
        view[at:] = BLANK[at:]

    def seal(self):
        length, digest = struct.unpack_from("<I4x32s", self.buffer, 12)
        reckoned = hashlib.sha256()
        for at in range(0, length, SECTOR):
            self.lies_there(1 + at // SECTOR)
            reckoned.update(memoryview(self.seen)[: min(SECTOR, length - at)])
        if reckoned.digest() != digest:
            raise OSError("flash: the application is not what was sent")
        self.write(0)

    def run(self):
        head = memoryview(bytearray(4))
        if any(byte != 0xFF for byte in self.lies_there(0)[:64]):
            self.flash.ioctl(6, self.first)  # from now on this slot is not valid
        sys.stdout.write("k")
        while True:
            self.take(head)
            what, sector, pieces = struct.unpack(">BBH", head)
            if what == END:
                return
            self.assemble(pieces)
            if what == SEAL:
                self.seal()
            else:
                self.write(sector)
            sys.stdout.write("k")


def receive(slot, source, slot_bytes):
    micropython.kbd_intr(-1)  # a byte 3 in the data must not act as Ctrl-C
    try:
        Receiver(slot, source, slot_bytes).run()
    finally:
        micropython.kbd_intr(3)
