"""What the host makes is what the locker checks: one description, used from both ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from access_kit import EPOCH_S, KEY, Desk
from consigne import firmware_dir
from consigne.protocol import codes, frames
from hypothesis import given
from hypothesis import strategies as st
from locker.core import codes as device
from locker.core import records
from locker.core.reasons import R_OK

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "codes.json").read_text()
)


def test_the_host_uses_the_lockers_own_file() -> None:
    assert codes.codes is device
    assert Path(str(device.__file__)) == firmware_dir() / "locker" / "core" / "codes.py"


def test_golden_vectors_hold_for_the_host() -> None:
    for row in VECTORS["listed"]:
        assert codes.listed_tag(bytes.fromhex(row["device_key"]), row["digits"]).hex() == row["tag"]
    for row in VECTORS["derived"]:
        made = codes.derived_code(bytes.fromhex(row["device_key"]), row["parcel_id"], row["digits"])
        assert made == row["code"]
    for row in VECTORS["token"]:
        names = ("kind", "action", "holder", "door", "not_before", "not_after", "nonce", "parcel_id")
        fields = [row[name] for name in names]
        assert codes.raw_token(bytes.fromhex(row["device_key"]), *fields) == row["token"]
    for row in VECTORS["frame"]:
        key, body, frame = bytes.fromhex(row["device_key"]), row["body"].encode(), row["frame"].encode()
        assert frames.frame(key, row["label"], row["topic"], body) == frame
        assert frames.open_frame(key, row["label"], row["topic"], frame) == body
        assert frames.open_frame(key, row["label"], row["topic"] + "x", frame) is None


def test_golden_window_codes_hold_for_the_host_in_every_second_of_their_slot() -> None:
    tried = 0
    for row in VECTORS["window"]:
        key, role = bytes.fromhex(row["device_key"]), row["role"]
        first = row["slot"] * codes.slot_s(role)
        for epoch_s in (first, first + codes.slot_s(role) - 1):
            made = codes.window_code(key, role, row["action"], row["holder"], epoch_s, row["digits"])
            assert made == row["code"]
            tried += 1
    assert tried == 2 * len(VECTORS["window"])


@given(st.integers(6, 10), st.integers(0, 5), st.integers(0, 11), st.integers(1, 2**32 - 1))
def test_codes_of_the_host_open_at_the_locker(digits: int, action: int, door: int, nonce: int) -> None:
    desk = Desk(digits=digits)
    desk.access.bind(3, "RR123456785FR")
    assert desk.type(codes.derived_code(KEY, "RR123456785FR", digits))[6] == "RR123456785FR"
    assert desk.type(codes.window_code(KEY, 1, 1, 7, desk.epoch_s, digits))[:4] == (R_OK, 1, 1, 7)
    typed = codes.new_digits(digits)
    tag = codes.listed_tag(KEY, typed)
    desk.put(records.GRANT, records.pack(records.GRANT, 5, 0, 2**32 - 1, 4, 0, 0, door, 0, tag, ""))
    assert desk.type(typed)[4:6] == (door, 5)
    token = codes.make_token(KEY, action, 9, door, EPOCH_S, EPOCH_S + 60, nonce, "P1")
    verdict = desk.scan(token)
    assert verdict[:1] + verdict[2:7] == (R_OK, action, 9, door, nonce, "P1")
    assert (
        desk.scan(codes.make_token(KEY, 0, 0, codes.ANY_DOOR, EPOCH_S, EPOCH_S, nonce))[4] == records.ANY_DOOR
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: codes.key(b"short", device.LABEL_LISTED),
        lambda: codes.listed_tag(KEY, "1234567a"),
        lambda: codes.listed_tag(KEY, "\u0661" * 8),
        lambda: codes.listed_tag(KEY, "12345"),
        lambda: codes.new_digits(11),
        lambda: codes.derived_code(KEY, ""),
        lambda: codes.derived_code(KEY, "x" * 41),
        lambda: codes.derived_code(KEY, "a\nb"),
        lambda: codes.derived_code(KEY, "P1", 5),
        lambda: codes.slot_s(0),
        lambda: codes.window_code(KEY, 4, 0, 1, EPOCH_S),
        lambda: codes.window_code(KEY, 1, 6, 1, EPOCH_S),
        lambda: codes.window_code(KEY, 1, 1, 65536, EPOCH_S),
        lambda: codes.window_code(KEY, 1, 1, 7, -1),
        lambda: codes.make_token(KEY, 6, 0, 0, EPOCH_S, EPOCH_S, 1),
        lambda: codes.make_token(KEY, 0, -1, 0, EPOCH_S, EPOCH_S, 1),
        lambda: codes.make_token(KEY, 0, 0, -1, EPOCH_S, EPOCH_S, 1),
        lambda: codes.make_token(KEY, 0, 0, 65534, EPOCH_S, EPOCH_S, 1),
        lambda: codes.make_token(KEY, 0, 0, 0, EPOCH_S, EPOCH_S - 1, 1),
        lambda: codes.make_token(KEY, 0, 0, 0, EPOCH_S, 2**32, 1),
        lambda: codes.make_token(KEY, 0, 0, 0, EPOCH_S, EPOCH_S, 0),
        lambda: codes.make_token(KEY, 0, 0, 0, EPOCH_S, EPOCH_S, 1, "x" * 1024),
        lambda: codes.make_token(KEY, 0, 0, 0, EPOCH_S, EPOCH_S, 1, "a\x00"),
    ],
)
def test_the_host_makes_nothing_that_a_locker_would_refuse(make: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()


def test_random_draws_stay_in_their_ranges() -> None:
    for digits in range(6, 11):
        assert all(len(codes.new_digits(digits)) == digits for _ in range(50))
    assert all(1 <= codes.new_nonce() < 2**32 for _ in range(200))
