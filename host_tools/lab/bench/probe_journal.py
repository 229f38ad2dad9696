"""Runs on MicroPython: the journal beside littlefs and beside plain reading, all in one interpreter.

    micropython -X heapsize=64m probe_journal.py <firmware directory>

Prints one line of JSON.  Times are in microseconds and the shortest of many: other work of the machine can
only add time.  Started by ``bench/journal.py``.
"""
# mypy: ignore-errors
# ruff: noqa: I001
# (a program for MicroPython, where annotations would need modules that are not there)

import gc
import json
import struct
import sys
import time
import vfs
from binascii import crc32

sys.path.insert(0, sys.argv[1])

from locker.core import records as device_records
from locker.journal.log import Journal
from traffic import Traffic

SECTOR_BYTES = 4096
SECTORS = 256
RECORDS = 2_000
CHUNK = 100  # records timed together; garbage is collected in between
ROUNDS = 9
RECOVERIES = 40


class Counting:
    """1 MiB of memory as a block device, the same for both; counts what is programmed and erased."""

    def __init__(self):
        self._data = bytearray(b"\xff" * (SECTORS * SECTOR_BYTES))
        self._blank = b"\xff" * SECTOR_BYTES
        self.programmed_bytes = 0
        self.erases = 0

    def readblocks(self, block, buf, offset=0):
        start = block * SECTOR_BYTES + offset
        buf[:] = memoryview(self._data)[start : start + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        start = block * SECTOR_BYTES + offset
        self._data[start : start + len(buf)] = buf
        self.programmed_bytes += len(buf)

    def ioctl(self, op, arg):
        if op == 4:
            return SECTORS
        if op == 5:
            return SECTOR_BYTES
        if op == 6:
            self._data[arg * SECTOR_BYTES : (arg + 1) * SECTOR_BYTES] = self._blank
            self.erases += 1
        return 0


def some_records():
    traffic = Traffic()
    out = []
    while len(out) < RECORDS:
        out += [record for record in traffic.day() if record[1] is not None]
    return out[:RECORDS]


def plain(kind, payload, time_s, seq):
    """The record as a file would hold it: length, kind, seq, time, CRC, then the payload."""
    head = struct.pack("<BBII", len(payload), kind, seq, time_s)
    return head + struct.pack("<I", crc32(payload, crc32(head))) + payload


def to_journal(records):
    device = Counting()
    journal = Journal(device)
    journal.open()
    times = []
    for start in range(0, RECORDS, CHUNK):
        gc.collect()
        started = time.ticks_us()
        for kind, payload, time_s in records[start : start + CHUNK]:
            journal.append(kind, payload, time_s)
        times.append(time.ticks_diff(time.ticks_us(), started))
    return times


def to_littlefs(records):
    """As a careful program would: append to one file, flush, so that it is durable."""
    device = Counting()
    vfs.VfsLfs2.mkfs(device)
    vfs.mount(vfs.VfsLfs2(device), "/log")
    file = open("/log/journal", "ab")  # noqa: SIM115 - it stays open, as a logger would keep it
    lines = [plain(kind, payload, time_s, seq) for seq, (kind, payload, time_s) in enumerate(records)]
    programmed, erases = device.programmed_bytes, device.erases
    times = []
    for start in range(0, RECORDS, CHUNK):
        gc.collect()
        started = time.ticks_us()
        for line in lines[start : start + CHUNK]:
            file.write(line)
            file.flush()
        times.append(time.ticks_diff(time.ticks_us(), started))
    file.close()
    vfs.umount("/log")
    device.programmed_bytes -= programmed
    device.erases -= erases
    return times, device, sum(len(line) for line in lines)


def full_log():
    """A partition written one and a half times around, left when the next snapshot has just become due.

    That is the worst moment to start: a twelfth of the log has to be replayed.
    """
    device = Counting()
    journal = Journal(device)
    journal.open()
    traffic = Traffic()
    while True:
        for kind, payload, time_s in traffic.day():
            if payload is None:
                journal.acknowledge(journal.next_seq - 1, time_s)
            else:
                journal.append(kind, payload, time_s)
            if journal.snapshot_due():
                if device.erases > SECTORS + SECTORS // 2:
                    return device
                journal.snapshot(
                    [(device_records.DOOR_STATE, bytes(33))] * 48 + [(device_records.GRANT, bytes(46))] * 30,
                    time_s,
                )
        journal.maintain()


def nothing(kind, time_s, payload, seq):
    pass


def recover_us(device):
    gc.collect()
    started = time.ticks_us()
    journal = Journal(device)
    report = journal.open()
    applied = journal.replay(nothing)
    took_us = time.ticks_diff(time.ticks_us(), started)
    if report.text != "clean" or not applied:
        raise AssertionError(report.text)
    return took_us, report.recovered_records, applied


def read_us(device):
    """Every sector read once, with a CRC over it."""
    buf = bytearray(SECTOR_BYTES)
    gc.collect()
    started = time.ticks_us()
    crc = 0
    for sector in range(SECTORS):
        device.readblocks(sector, buf, 0)
        crc = crc32(buf, crc)
    return time.ticks_diff(time.ticks_us(), started)


def least(times, others):
    """The shorter time of each chunk."""
    return [min(pair) for pair in zip(times, others)] if times else others


def main():
    records = some_records()
    journal_us = littlefs_us = ()
    recovery_us = reading_us = 1 << 30
    device = full_log()
    for _ in range(ROUNDS):  # they take turns
        journal_us = least(journal_us, to_journal(records))
        times, littlefs, record_bytes = to_littlefs(records)
        littlefs_us = least(littlefs_us, times)
    for _ in range(RECOVERIES):
        took_us, recovered, applied = recover_us(device)
        recovery_us = min(recovery_us, took_us)
        reading_us = min(reading_us, read_us(device))
    out = {
        "append_us": sum(journal_us) / RECORDS,
        "littlefs_us": sum(littlefs_us) / RECORDS,
        "littlefs_programmed": littlefs.programmed_bytes / record_bytes,
        "littlefs_erases": littlefs.erases * 1000 / RECORDS,
        "recover_us": recovery_us,
        "read_us": reading_us,
        "recovered": recovered,
        "applied": applied,
    }
    print(json.dumps(out))


main()
