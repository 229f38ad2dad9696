"""On the board: read a data partition sector by sector."""

from binascii import b2a_base64

from esp32 import Partition

SECTOR = 4096
BLANK = b"\xff" * SECTOR


def size(label):
    found = Partition.find(Partition.TYPE_DATA, label=label)
    print(found[0].info()[3] if found else "null")


def sector(label, number):
    buffer = bytearray(SECTOR)
    Partition.find(Partition.TYPE_DATA, label=label)[0].readblocks(number, buffer)
    print("blank" if buffer == BLANK else b2a_base64(buffer).decode())
