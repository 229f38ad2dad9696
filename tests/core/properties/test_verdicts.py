"""Whatever is typed, scanned or sent: the same verdict on both interpreters, and never an exception."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from locker.core import records
from pair import both

U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFF_FFFF)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
PARCEL = st.sampled_from(("P1", "P2", "RR123456785FR", "003401234567890128", "colis-été-42", "x" * 40))
DIGITS = st.one_of(
    st.text("0123456789", min_size=5, max_size=11),
    st.text("0123456789\u0663\uff13\u00b2", min_size=8, max_size=8),
    TEXT,
)
EPOCH = 20_778 * 86_400
MOMENT = st.one_of(
    U32,
    st.integers(EPOCH - 90_000, EPOCH + 90_000),
    st.sampled_from((0, 946_684_800, 2**31 - 1, 2**31, 2**32 - 1)),
)
TOKENISH = st.one_of(
    TEXT,
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/", max_size=110).map(
        "CG1".__add__
    ),
)


@st.composite
def _grant(draw: Any) -> bytes:
    """A grant, sensible or not, perhaps cut or with bytes behind it."""
    fields = (
        draw(st.integers(0, 4)),
        draw(MOMENT),
        draw(MOMENT),
        draw(st.integers(0, 8)),
        draw(st.integers(0, 7)),
    )
    door = draw(st.one_of(st.integers(0, 13), st.sampled_from((65534, 65535))))
    tag = draw(st.sampled_from((bytes(16), bytes(range(16)), bytes(range(4)) + bytes(12))))
    payload: bytes = records.pack(
        records.GRANT, *fields, draw(U16), door, draw(st.integers(0, 3)), tag, draw(PARCEL)
    )
    if draw(st.booleans()):
        return payload
    return payload[: draw(st.integers(0, len(payload)))] + draw(st.binary(max_size=45))


HOST = st.one_of(
    st.tuples(st.just("host"), st.just(records.GRANT), _grant().map(bytes.hex)),
    st.tuples(
        st.just("host"),
        st.sampled_from((records.REVOKE_PARCEL, records.REVOKE_NONCE, records.HOLDER_COUNTER)),
        st.binary(max_size=50).map(bytes.hex),
    ),
    st.tuples(
        st.just("host"),
        st.just(records.REVOKE_PARCEL),
        st.builds(
            lambda until, parcel: records.pack(records.REVOKE_PARCEL, until, parcel).hex(), MOMENT, PARCEL
        ),
    ),
    st.tuples(
        st.just("host"),
        st.just(records.HOLDER_COUNTER),
        st.builds(lambda counter: records.pack(records.HOLDER_COUNTER, 1, 1, 7, counter).hex(), U16),
    ),
    st.tuples(st.just("drop"), st.integers(0, 4)),
)
PERSON = st.one_of(
    st.tuples(st.just("type"), DIGITS),
    st.tuples(st.just("scan"), TOKENISH),
    st.tuples(st.just("derived"), PARCEL),
    st.tuples(
        st.just("window"),
        st.integers(1, 3),
        st.sampled_from((1, 4, 5)),
        st.sampled_from((1, 7, 9)),
        st.integers(-100_000, 100_000),
    ),
    st.tuples(
        st.just("token"),
        st.integers(0, 7),
        st.one_of(st.integers(0, 14), st.sampled_from((65534, 65535))),
        PARCEL,
        MOMENT,
        MOMENT,
        st.integers(0, 5),
    ),
    st.tuples(st.just("opened"), st.integers(0, 12), st.integers(0, 5), st.sampled_from(("", "P1"))),
)
LOCKER = st.one_of(
    st.tuples(st.just("bind"), st.integers(0, 11), PARCEL),
    st.tuples(st.just("unbind"), st.integers(0, 11)),
    st.tuples(st.just("wait"), st.integers(0, 200_000)),
    st.tuples(st.just("tries")),
    st.tuples(st.just("restart"), st.booleans()),
    st.tuples(st.just("snapshot")),
)
OPTIONS = st.tuples(st.integers(6, 10), st.booleans(), st.integers(0, 1), MOMENT)


@pytest.fixture(scope="module")
def play() -> Iterator[Any]:
    yield from both()


@settings(max_examples=200)
@given(OPTIONS, st.lists(st.one_of(HOST, PERSON, LOCKER), min_size=5, max_size=50))
def test_any_story_ends_the_same_on_both_interpreters_and_nothing_is_raised(
    play: Any, options: Any, steps: Any
) -> None:
    answers = play([options, *steps, ("snapshot",)])
    for (name, *_), answer in zip(steps, answers, strict=False):
        if name in ("type", "scan", "derived", "window", "token") and answer is not None:
            reason, *rest = answer
            assert 0 <= reason <= 24
            assert reason == 0 or rest == [0, 0, 0, records.ANY_DOOR, 0, "", False]


@settings(max_examples=400)
@given(st.lists(st.tuples(st.sampled_from(("type", "scan", "label")), TEXT), max_size=20))
def test_no_text_whatever_is_more_than_refused(play: Any, steps: Any) -> None:
    play([(8, True, 1, EPOCH), *steps])


@given(st.lists(st.binary(max_size=44), max_size=40))
def test_both_interpreters_agree_on_what_is_text(play: Any, blobs: list[bytes]) -> None:
    answers = play([(8, False, 1, EPOCH), *(("bytes", blob.hex()) for blob in blobs)])
    for blob, possible in zip(blobs, answers, strict=True):
        try:
            text = blob.decode()
        except UnicodeDecodeError:
            assert not possible
            continue
        control = any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text)
        assert possible == (len(blob) <= 40 and not control)


@given(TEXT, TEXT)
def test_a_forged_frame_opens_nowhere(play: Any, topic: str, text: str) -> None:
    assert play([(8, False, 1, EPOCH), ("frame", topic, text), ("frame", topic, "0" * 32 + "." + text)]) == [
        None,
        None,
    ]


@given(st.text(st.characters(max_codepoint=0x7F), max_size=50))
def test_a_label_read_again_is_the_same_parcel(play: Any, text: str) -> None:
    (first,) = play([(8, False, 1, EPOCH), ("label", text)])
    if first[0] == 0:
        assert play([(8, False, 1, EPOCH), ("label", first[1])]) == [first]
