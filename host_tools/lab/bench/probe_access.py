"""Runs on MicroPython: the cost of deciding a code, in HMACs of this interpreter, and the heap of a grant.

    micropython -X heapsize=4m probe_access.py <firmware directory>

Prints one line of JSON.  Started by ``bench/access.py``.
"""
# mypy: ignore-errors
# (a program for MicroPython, where annotations would need modules that are not there)

import gc
import json
import sys
from time import ticks_diff, ticks_us

sys.path.insert(0, sys.argv[1])

from locker.core import codes, records
from locker.core.access import Access

KEY = bytes(range(32))
NOW = (0, 1_795_200_000, 1)
HOLDERS = tuple((1, 1, i) for i in range(16))  # the greatest possible number of window candidates
ROUNDS = 20
REPEATS = 400


def grant(id_, parcel):
    tag = codes.mac(KEY, str(id_).encode())[: codes.TAG_BYTES]
    return records.pack(records.GRANT, id_, 0, 4_294_967_295, 0, 0, 0, records.ANY_DOOR, 1, tag, parcel)


def locker(grants, parcel="RR123456785FR"):
    """An Access with so many grants, parcels behind 48 doors and 32 window candidates, ready."""
    access = Access(KEY, 8, HOLDERS, False, 48)
    for id_ in range(1, grants + 1):
        access.apply(records.GRANT, NOW[1], grant(id_, parcel))
    for door in range(48):
        access.bind(door, "P{}".format(door))
    for _ in range(64):
        access.warm(NOW)
    return access


def least_us(*measures):
    """The shortest time of each measure for one round, in microseconds.

    The measures take turns in short runs and the shortest counts, since other work of the machine can only
    make a run longer.
    """
    least = [1_000_000_000] * len(measures)
    gc.collect()
    for _ in range(REPEATS):
        for i, measure in enumerate(measures):
            least[i] = min(least[i], measure())
    return [time_us / ROUNDS for time_us in least]


def hmacs():
    """Time of so many HMACs of eight digits, in microseconds."""
    key = codes.derive(KEY, codes.LABEL_LISTED)
    mac = codes.mac
    start = ticks_us()
    for _ in range(ROUNDS):
        mac(key, b"90210417")
    return ticks_diff(ticks_us(), start)


def decisions(access, digits):
    """Time of so many decisions; without recording the attempt."""
    total = 0
    full = records.pack(records.THROTTLE_STATE, 20_000, 0)
    for _ in range(ROUNDS):
        access.apply(records.THROTTLE_STATE, NOW[1], full)
        access.apply(records.ATTEMPT, NOW[1], b"\x01")
        start = ticks_us()
        access.check_digits(digits, NOW)
        total += ticks_diff(ticks_us(), start)
    return total


def macs_of_one_decision(access, digits):
    """HMACs that one decision makes, counted."""
    plain, count = codes.mac_padded, [0]

    def counted(padded, *parts):
        count[0] += 1
        return plain(padded, *parts)

    access.apply(records.ATTEMPT, NOW[1], b"\x01")
    codes.mac_padded = counted
    try:
        access.check_digits(digits, NOW)
    finally:
        codes.mac_padded = plain
    return count[0]


def grant_bytes(parcel):
    """Heap of one of 1,000 grants, with everything it needs."""
    access = Access(KEY, 8, (), False, 48)
    gc.collect()
    before = gc.mem_alloc()
    for id_ in range(1, 1001):
        access.apply(records.GRANT, NOW[1], grant(id_, parcel))
    gc.collect()
    return (gc.mem_alloc() - before) / 1000


def main():
    parcel = codes.derived_digits(codes.pads(codes.derive(KEY, codes.LABEL_DERIVED)), "P5", 8)
    few, many = locker(10), locker(1000)
    hmac_us, few_wrong, few_right, many_wrong, many_right = least_us(
        hmacs,
        lambda: decisions(few, "00000000"),
        lambda: decisions(few, parcel),
        lambda: decisions(many, "00000000"),
        lambda: decisions(many, parcel),
    )
    out = {
        "hmac_us": hmac_us,
        "check_us_10": max(few_wrong, few_right),
        "check_us_1000": max(many_wrong, many_right),
        "macs_10": macs_of_one_decision(few, parcel),
        "macs_1000": macs_of_one_decision(many, parcel),
        "macs_cold": macs_of_one_decision(Access(KEY, 8, HOLDERS, True, 48), "00000000"),
    }
    few = many = None
    gc.collect()
    out["grant_bytes"] = grant_bytes("RR123456785FR")
    gc.collect()
    out["grant_bytes_long"] = grant_bytes("x" * 40)
    print(json.dumps(out))


main()
