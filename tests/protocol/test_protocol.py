"""Whatever a locker, or somebody in its place, sends: parsed right or refused, never a crash."""

import json
import random

import pytest
from consigne.protocol import messages as protocol
from consigne.protocol import topics
from consigne.protocol.events import EVENT_JSON_BYTES_MAX, EventData, parse_events
from consigne.protocol.untrusted import ProtocolError, dump
from consigne.server.fleet import commands
from hypothesis import given
from hypothesis import strategies as st
from locker.core import records
from locker.net import messages

PARSERS = (parse_events, protocol.parse_status, protocol.parse_occupancy, protocol.parse_reply)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda part: st.lists(part, max_size=5) | st.dictionaries(st.text(max_size=8), part, max_size=5),
    max_leaves=20,
)
FIELDS = (
    "up",
    "epoch",
    "seq",
    "ack",
    "grants",
    "t",
    "doors",
    "events",
    "id",
    "result",
    "ask",
    "have",
    "faults",
)


@given(st.one_of(st.binary(max_size=200), JSON.map(lambda value: json.dumps(value).encode())))
def test_arbitrary_bytes_are_parsed_or_refused(body):
    for parse in PARSERS:
        try:
            parse(body)
        except ProtocolError as error:
            assert str(error)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_right_names_with_wrong_values_are_parsed_or_refused(value):
    body = json.dumps(value).encode()
    for parse in PARSERS:
        try:
            parse(body)
        except ProtocolError as error:
            assert str(error)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.dictionaries(st.text(max_size=9), JSON))))
def test_an_event_of_any_content_becomes_text_that_a_database_and_an_api_can_carry(events):
    body = json.dumps({"epoch": 1, "events": events}).encode()
    try:
        batch = parse_events(body)
    except ProtocolError as error:
        assert "JSON" in str(error) or "number" in str(error), "only NaN and its like may be refused here"
        return
    for event in batch.events:
        event.text.encode("utf-8")
        again = json.loads(event.text)
        assert not any("\x00" in str(part) for pair in again.items() for part in pair)
        assert again["kind"] == event.kind
        assert not any(isinstance(part, (dict, list)) for part in again.values())
        json.dumps(again, allow_nan=False)
        assert len(event.text) <= EVENT_JSON_BYTES_MAX


@pytest.mark.parametrize("kind", [kind for kind in records.kinds() if kind <= records.EVENT_KIND_MAX])
def test_every_event_a_locker_describes_is_sound_here(kind):
    name, fmt, _, text = records.spec(kind)
    most = {"B": 255, "H": 65535, "I": 2**32 - 1}
    for values in ([0 for _ in fmt[1:]], [most[letter] for letter in fmt[1:]]):
        texts = (["RR123456785FR"], [""]) if text else ([],)
        for tail in texts:
            described = records.describe(kind, records.pack(kind, *values, *tail))
            body = dump({"epoch": 1, "events": [[1, 2, described]]})
            event = parse_events(body).events[0]
            assert event.sound and event.kind == name and event.data == described


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "collected", "door": 1, "parcel": "P"},  # a field is missing
        {"kind": "collected", "door": -1, "ref": 0, "parcel": "P"},
        {"kind": "collected", "door": 65536, "ref": 0, "parcel": "P"},
        {"kind": "collected", "door": True, "ref": 0, "parcel": "P"},
        {"kind": "collected", "door": "1", "ref": 0, "parcel": "P"},
        {"kind": "collected", "door": 1, "ref": 0, "parcel": "P" * 41},
        {"kind": "collected", "door": 1, "ref": 0, "parcel": "P\n"},
        {"kind": "collected", "door": 1, "ref": 0, "parcel": ["P"]},
        {"kind": "sprouted_wings", "door": 1},
        {"kind": 7},
        {},
    ],
)
def test_an_event_that_is_not_in_the_table_is_kept_but_not_believed(data):
    event = parse_events(dump({"epoch": 1, "events": [[1, 2, data]]})).events[0]
    assert not event.sound and event.kind


def test_a_field_of_an_event_is_what_was_asked_for_or_is_refused_by_its_name():
    data = EventData(kind="opened", door=3, parcel="P", low=True, after=-1, weight=1.5, nothing=None)
    assert (data.kind, data.number("door"), data.text("parcel")) == ("opened", 3, "P")
    assert EventData().kind == EventData(kind=7).kind == ""
    for name in ("parcel", "low", "after", "weight", "nothing", "absent"):
        with pytest.raises(ProtocolError, match=name):
            data.number(name)
    for name in ("door", "low", "nothing", "absent"):
        with pytest.raises(ProtocolError, match=name):
            data.text(name)


def test_an_event_that_was_stored_is_read_as_it_was_with_fields_that_nobody_knows():
    body = dump({"epoch": 1, "events": [[1, 2, {"kind": "moved_in", "colour": "red", "at": [1, 2]}]]})
    event = parse_events(body).events[0]
    assert json.loads(event.text) == event.data == {"kind": "moved_in", "colour": "red", "at": "[1, 2]"}


@pytest.mark.parametrize(
    ("data", "parcel"),
    [
        ({"kind": "forced", "door": 1, "parcel": "P"}, "P"),
        ({"kind": "forced", "door": 1, "parcel": ""}, None),
        ({"kind": "forced", "parcel": "P"}, None),  # not sound
        ({"kind": "attempt", "via": 1, "parcel": "P"}, None),  # not of this kind
        ({"kind": "command", "counter": 1, "result": 0, "id": "x", "parcel": "P"}, None),
        ({"kind": "moved_in", "parcel": "P"}, None),
    ],
)
def test_only_a_sound_event_of_a_kind_that_has_one_tells_of_a_parcel(data, parcel):
    assert parse_events(dump({"epoch": 1, "events": [[1, 2, data]]})).events[0].parcel == parcel


@pytest.mark.parametrize(
    "topic",
    [
        "consigne/1/L1/commands",  # what the host says, heard back
        "consigne/1/L1/ack",
        "consigne/2/L1/events",
        "consigne/1/L1/events/more",
        "consigne/1//events",
        "consigne/1/L 1/events",
        "consigne/1/" + "L" * 33 + "/events",
        "consigne/1/L1\n/events",
        "consigne/1/L1",
        "",
        "$SYS/broker/uptime",
    ],
)
def test_topics_on_which_no_locker_speaks_are_refused(topic):
    with pytest.raises(ProtocolError):
        topics.split_topic(topic)


def test_a_status_and_a_last_will_are_read():
    will = protocol.parse_status(b'{"up":false,"epoch":4294967295}')
    assert will == protocol.Status(up=False, epoch=4294967295)
    body = b'{"up":true,"epoch":9,"seq":4,"ack":2,"grants":1,"t":5,"trust":0,"fw":"0.1.0","journal":"clean"}'
    status = protocol.parse_status(body)
    assert (status.seq, status.ack, status.grants, status.trust, status.time_s) == (4, 2, 1, 0, 5)


def command(cmd, **arguments):
    return protocol.command_body("0123456789abcdef", 1_700_000_000, 1_800_000_000, cmd, arguments)


@pytest.mark.parametrize(
    "body",
    [
        command("open", door=0),
        command("again", seq=1),
        command("block", door=3),
        command("release", door=3),
        command("reserve", door=3, until=1_800_000_000, parcel="RR123456785FR"),
        command("configure", set=[["language", "fr"], ["name", ""]]),
        command("message", until=1_800_000_000, text=[["fr", "Fermé lundi|pour réparation"]]),
        command("identify", seconds=10),
        command("reboot"),
        command("time", t=1_790_000_000, offset_s=-3600, next_s=1_800_000_000, next_offset_s=0, nonce=7),
        command("revoke", parcels=[["RR123456785FR", 1_800_000_000]], nonces=[], holders=[]),
        command(
            "grants",
            **{"from": 0, "to": 2, "more": 0, "drop": [1], "expect": [["RR123456785FR", 20, 1_800_000_000]]},
            add=[[1, 0, 1_800_000_000, 0, 0, 0, 65535, 1, "00" * 16, ""]],
        ),
    ],
)
def test_the_locker_takes_every_command_the_host_makes(body):
    assert messages.parse_command(body)["id"] == "0123456789abcdef"


def test_the_host_sends_no_command_that_is_longer_than_a_locker_takes():
    assert protocol.COMMAND_BODY_BYTES_MAX == messages.BODY_BYTES_MAX


def test_host_and_locker_know_the_same_commands_with_the_same_arguments():
    assert {name: set(fields) for name, fields in protocol.COMMAND_FIELDS.items()} == {
        name: set(fields) for name, fields in messages.commands().items()
    }
    assert set(commands.LIFETIME_S) == set(protocol.COMMAND_FIELDS)


def deep():
    value = []
    for _ in range(5_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "cmd,arguments",
    [
        ("dance", {}),
        ("", {}),
        ("open", {}),
        ("open", {"door": 1, "wide": True}),
        ("reboot", {"now": 1}),
        ("open", {"door": "\ud800"}),
        pytest.param("open", {"door": deep()}, id="deep"),
    ],
)
def test_what_no_locker_would_take_is_not_sent(cmd, arguments):
    with pytest.raises(ProtocolError):
        command(cmd, **arguments)


def test_the_locker_takes_every_acknowledgement_the_host_makes():
    rng = random.Random(5)
    for _ in range(100):
        epoch, seq = rng.getrandbits(32), rng.getrandbits(32)
        assert messages.parse_ack(protocol.ack_body(epoch, seq)) == (epoch, seq)


def test_a_command_longer_than_a_locker_reads_is_not_made():
    with pytest.raises(ProtocolError):
        command("revoke", parcels=[["P" * 40, 1_800_000_000]] * 100, nonces=[], holders=[])
