"""People, couriers and a confused host at a whole core: the same on both interpreters, never an exception."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from locker.core import records
from pair import both

DOOR = st.integers(0, 3)
PARCEL = st.sampled_from(("P1", "P2", "RR123456785FR"))
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
TOKENISH = st.text(string.ascii_letters + string.digits + "-_=", max_size=110).map("CG1".__add__)
GRANT = st.builds(
    lambda id_, role, action, door, uses, parcel, end: records.pack(
        records.GRANT, id_, 0, end, role, action, 0, door, uses, bytes(16), parcel
    ),
    st.integers(0, 3),
    st.integers(0, 7),
    st.integers(0, 6),
    st.sampled_from((0, 3, 4, 65535)),
    st.integers(0, 2),
    PARCEL,
    st.sampled_from((0, 2**32 - 1)),
)
STEPS = st.one_of(
    st.tuples(st.just("press"), st.text("0123456789*#", max_size=12)),
    st.tuples(st.just("scan"), st.one_of(PRINTABLE, TOKENISH, PARCEL)),
    st.tuples(st.sampled_from(("garbled", "together", "courier", "technician"))),
    st.tuples(st.just("customer"), PARCEL),
    st.tuples(st.just("give"), st.lists(st.one_of(GRANT, st.binary(max_size=80)).map(bytes.hex), max_size=3)),
    st.tuples(
        st.just("revoke"),
        st.sampled_from((records.REVOKE_PARCEL, records.REVOKE_NONCE, records.HOLDER_COUNTER)),
        st.binary(max_size=20).map(bytes.hex),
    ),
    st.tuples(st.just("door"), DOOR, st.booleans()),
    st.tuples(st.just("jam"), DOOR, st.booleans()),
    st.tuples(st.just("open"), st.integers(-1, 5), st.integers(1, 2**32 - 1)),
    st.tuples(st.just("pass"), st.integers(0, 40)),
)


@pytest.fixture(scope="module")
def play() -> Iterator[Any]:
    yield from both()


@settings(max_examples=150)
@given(st.lists(STEPS, min_size=8, max_size=40))
def test_any_day_at_the_locker_is_the_same_on_both_interpreters(play: Any, steps: Any) -> None:
    play([None, *steps])


def _decisions(answer: Any) -> list[str]:
    return [dict(fact)["kind"] for fact in answer[0] if dict(fact)["kind"] in ("refused", "accepted")]


@given(st.lists(TOKENISH, min_size=1, max_size=10))
def test_each_bad_token_is_refused_and_journaled_once(play: Any, texts: list[str]) -> None:
    for answer in play([None, *(("scan", text) for text in texts)]):
        assert _decisions(answer) == ["refused"]
        assert answer[2] == []


@given(st.lists(st.binary(max_size=80), min_size=1, max_size=6))
def test_bad_grants_are_refused_and_the_first_of_an_order_is_journaled(play: Any, blobs: list[bytes]) -> None:
    blobs = [blob[:34] for blob in blobs]  # none is whole
    (answer,) = play([None, ("give", [blob.hex() for blob in blobs])])
    assert _decisions(answer) == ["refused"]
    assert "grant" not in [dict(fact)["kind"] for fact in answer[0]]
