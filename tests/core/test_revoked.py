"""Bounded lists of what no longer counts: what happens at the bound, and what time takes away."""

from access_kit import EPOCH_S
from locker.core import records
from locker.core.revoked import COUNTERS_MAX, PARCELS_MAX, Counters, Nonces, Parcels


def test_a_listed_nonce_is_found_wherever_its_bytes_also_occur():
    nonces = Nonces(8)
    nonces.add(0x01020304, 0x05060708, 0)
    nonces.add(0x090A0B0C, 0x0D0E0F10, 0)
    assert nonces.lists(0x01020304) and nonces.lists(0x090A0B0C)
    nonces.add(0x11111111, 0x11111111, 0)
    nonces.add(0x00111111, 0x11000000, 0)
    assert nonces.lists(0x11111111) and nonces.lists(0x00111111) and not nonces.lists(0x11111100)
    # bytes of an end, and bytes across two entries, are not nonces
    for other in (0x05060708, 0x0D0E0F10, 0x02030405, 0x0708090A, 0x04050607, 0x0B0C0D0E):
        assert not nonces.lists(other), hex(other)


def test_a_nonce_listed_twice_takes_one_entry():
    nonces = Nonces(2)
    for _ in range(5):
        nonces.add(9, 100, 0)
    assert len(nonces) == 1 and nonces.horizon == 0


def test_a_full_list_drops_what_has_ended_first():
    nonces = Nonces(3)
    nonces.add(1, 10, 0)
    nonces.add(2, 30, 0)
    nonces.add(3, 11, 0)
    nonces.add(4, 40, 12)
    assert [nonces.lists(n) for n in (1, 2, 3, 4)] == [False, True, False, True]
    assert nonces.has(3, 11) and not nonces.has(99, 12), "if that time was false, they are not good again"
    nonces.add(5, 50, 30)
    nonces.add(6, 60, 30)  # the last good second of nonce 2 is not over
    assert nonces.has(2, 30) and nonces.horizon == 30


def test_a_full_list_never_takes_a_used_token_rather_refuses_a_good_one():
    nonces = Nonces(3)
    for nonce, until in ((1, 20), (2, 10), (3, 30)):
        nonces.add(nonce, until, 0)
    nonces.add(4, 40, 0)
    assert len(nonces) == 3 and nonces.horizon == 10
    for nonce, until in ((1, 20), (2, 10), (3, 30), (4, 40)):
        assert nonces.has(nonce, until), nonce
    assert nonces.has(99, 10)  # could be one that had to go
    assert not nonces.has(99, 11)
    nonces.add(5, 50, 0)
    assert nonces.horizon == 20 and nonces.has(1, 20)


def test_the_horizon_survives_a_snapshot():
    nonces = Nonces(2)
    for nonce in range(1, 6):
        nonces.add(nonce, 10 * nonce, 0)
    again = Nonces(2)
    kept = [records.unpack(kind, payload) for kind, payload in nonces.snapshot(records.TOKEN_USED)]
    assert sorted(kept) == [(0, 30), (4, 40), (5, 50)]
    for kind, payload in nonces.snapshot(records.TOKEN_USED):
        nonce, end = records.unpack(kind, payload)
        again.add(nonce, end, 0)
    assert again.horizon == nonces.horizon == 30
    assert [again.has(n, 10 * n) for n in range(1, 6)] == [True] * 5
    assert list(Nonces(2).snapshot(records.TOKEN_USED)) == []


def test_revoked_parcels_end_and_are_bounded():
    parcels = Parcels()
    parcels.add(b"A", EPOCH_S)
    assert parcels.has("A", EPOCH_S) and not parcels.has("A", EPOCH_S + 1) and not parcels.has("B", 0)
    for i in range(1, PARCELS_MAX):
        parcels.add("P{}".format(i).encode(), EPOCH_S + i)
    assert all(parcels.has("P{}".format(i), EPOCH_S + i) for i in range(1, PARCELS_MAX))
    assert parcels.room(b"A", 0) and parcels.room(b"P1", 0)
    assert not parcels.room(b"NEW", EPOCH_S) and parcels.room(b"NEW", EPOCH_S + 1)
    parcels.add(b"A", EPOCH_S + 500)  # replaced, nothing leaves
    assert parcels.has("P1", EPOCH_S + 1)
    parcels.add(b"NEW", EPOCH_S + 500)
    assert not parcels.has("P1", EPOCH_S) and parcels.has("NEW", EPOCH_S) and parcels.has("A", EPOCH_S + 500)
    assert parcels.has("P2", EPOCH_S + 2)


def test_a_full_list_of_revoked_parcels_survives_a_snapshot():
    parcels, again = Parcels(), Parcels()
    for i in range(PARCELS_MAX):
        parcels.add("P{}".format(i).encode(), EPOCH_S + i)
    for kind, payload in parcels.snapshot():
        assert kind == records.REVOKED and len(payload) == 12, "the id itself is not kept"
        again.put(payload)
    assert all(again.has("P{}".format(i), EPOCH_S + i) for i in range(PARCELS_MAX))
    assert not again.has("P5", EPOCH_S + 6) and not again.has("X", 0)
    assert list(again.snapshot()) == list(parcels.snapshot())


def test_a_revoked_parcel_is_found_only_at_its_place_not_across_two_entries():
    parcels = Parcels()
    across = b"\x10\1\2\3\x10\5\6\7"
    parcels.put(b"\x10" * 8 + across[:4])
    parcels.put(across[4:] + b"ABCD" + bytes(4))
    parcels.put(memoryview(across + b"\0\0\0\x09"))
    parcels.put(across + b"\0\0\0\x08")
    kept = [payload for _, payload in parcels.snapshot()]
    assert len(kept) == 3 and kept[2] == across + b"\0\0\0\x08"


def test_counters_are_bounded_and_default_to_the_holder():
    counters = Counters()
    assert counters.of((1, 1, 7)) == 7
    for i in range(COUNTERS_MAX):
        counters.put((1, 1, i), 1000 + i)
    assert counters.of((1, 1, 7)) == 1007
    assert counters.room((1, 1, 7)) and not counters.room((2, 1, 7))
    counters.put((2, 1, 7), 5)
    assert counters.of((2, 1, 7)) == 7
    counters.put((1, 1, 7), 2000)
    assert counters.of((1, 1, 7)) == 2000
