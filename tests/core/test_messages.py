"""What the host may say, on both interpreters: the table of commands, its types and bounds."""

import json

from locker.core import records
from locker.core.events import EV_COMMAND, EV_EXPECTED, EV_GRANTS, EV_OPEN_ORDER, EV_ORDER, EV_REVOKE
from locker.core.timekeeping import EARLIEST_S, LATEST_S
from locker.net import messages

ENVELOPE = {"id": "c-7", "n": 7, "exp": 1790000000}
TAG = "00112233445566778899aabbccddeeff"
GRANT = [5, 1790000000, 1790086400, 0, 0, 0, 65535, 1, TAG, "RR123456785FR"]

# One right example of every command, in the order of the table.
EXAMPLES = {
    "again": {"seq": 1},
    "revoked": {"from": 0},
    "grants": {
        "from": 3,
        "to": 4,
        "more": 1,
        "add": [GRANT],
        "drop": [1, 2],
        "expect": [["RR123456785FR", 18, 1790000000]],
    },
    "block": {"door": 3},
    "contents": {
        "epoch": 7,
        "piece": 0,
        "more": 0,
        "tries": 20,
        "first": 0,
        "doors": [[0, 0, ""], [1, 1, "P1"]],
        "parcels": [["P1", 1790000000]],
        "nonces": [[9, 1790000000]],
        "used": [[8, 1790000000]],
        "holders": [[1, 1, 7, 2]],
    },
    "configure": {"set": [["language", "fr"], ["reopen_s", ""]]},
    "identify": {"seconds": 10},
    "message": {"until": 1790000000, "text": [["en", "Closed on Monday|for repair"]]},
    "open": {"door": 0},
    "reboot": {},
    "release": {"door": 3},
    "reserve": {"door": 3, "until": 1790000000, "parcel": "P1"},
    "revoke": {"parcels": [["P1", 1790000000]], "nonces": [[9, 1790000000]], "holders": [[1, 1, 7, 2]]},
    "clock": {"t": 1790000000, "offset_s": -7200, "next_s": 0, "next_offset_s": 0, "nonce": 78},
    "time": {"t": 1790000000, "offset_s": 7200, "next_s": 1792890000, "next_offset_s": 3600, "nonce": 77},
}


def test_a_moment_that_a_command_names_is_one_that_the_clock_believes():
    for cmd, field in (("reserve", "until"), ("message", "until"), ("time", "t"), ("clock", "t")):
        assert messages.commands()[cmd][field] == ("int", EARLIEST_S, LATEST_S)


def command(name, **changes):
    body = dict(ENVELOPE)
    body["cmd"] = name
    body.update(EXAMPLES.get(name, {}))
    body.update(changes)
    return body


def refusal(body, parse=messages.parse_command):
    """The reason, and whether there is somebody to answer to."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        parse(memoryview(data))
    except messages.Refused as refused:
        return refused.reason, refused.command_id == "c-7"
    return None


def test_every_command_has_an_example_that_is_understood():
    assert sorted(EXAMPLES) == sorted(messages.commands())
    for name in EXAMPLES:
        assert messages.parse_command(json.dumps(command(name)).encode()) == command(name)


def test_a_missing_or_an_unknown_field_is_refused_and_answered():
    for name in EXAMPLES:
        for field in EXAMPLES[name]:
            body = command(name)
            del body[field]
            assert refusal(body) == (messages.R_FIELDS, True), (name, field)
        assert refusal(command(name, surprise=1)) == (messages.R_FIELDS, True), name


def test_without_a_right_envelope_there_is_nobody_to_answer():
    for field in ("id", "n", "exp", "cmd"):
        body = command("open")
        del body[field]
        assert refusal(body) == (messages.R_FIELDS, False), field
    for changes in (
        {"id": ""},
        {"id": 5},
        {"id": "x" * 37},
        {"n": 0},
        {"n": 1 << 32},
        {"n": True},
        {"n": 1.0},
        {"exp": 0},
    ):
        body = command("open")
        body.update(changes)
        assert refusal(body) == (messages.R_FIELDS, False), changes
    assert refusal(command("dance")) == (messages.R_UNKNOWN, True)
    assert refusal(command("")) == (messages.R_FIELDS, False)


def wrong_values(spec):
    """Values that ``spec`` must not let pass: each bound missed by one, and other types."""
    kind = spec[0]
    wrong = [None, True, 1.5, {}]
    if kind == "int":
        return wrong + [spec[1] - 1, spec[2] + 1, "1", [1]]
    if kind == "text":
        return (
            wrong + ["x" * (spec[2] + 1), "\xe9" * (spec[2] // 2 + 1), 7, ["x"]] + ([""] if spec[1] else [])
        )
    if kind == "hex":
        return wrong + [
            "00" * (spec[1] - 1),
            "00" * (spec[1] + 1),
            "zz" * spec[1],
            "AA" * spec[1],
            "+1" * spec[1],
        ]
    return wrong + ["", 1]


def right_value(spec):
    kind = spec[0]
    if kind == "int":
        return spec[2]
    if kind == "text":
        return "x" * spec[2]
    if kind == "hex":
        return "a0" * spec[1]
    if kind == "row":
        return [right_value(column) for column in spec[1]]
    return [right_value(spec[2])] * spec[1]


def every_wrong(spec):
    """``wrong_values`` at every depth of ``spec``, the rest being right."""
    for value in wrong_values(spec):
        yield value
    if spec[0] == "row":
        row = right_value(spec)
        yield row[:-1]
        yield row + [0]
        for i in range(len(row)):
            for value in every_wrong(spec[1][i]):
                yield row[:i] + [value] + row[i + 1 :]
    elif spec[0] == "list":
        yield [right_value(spec[2])] * (spec[1] + 1)
        for value in every_wrong(spec[2]):
            yield [right_value(spec[2]), value]


def test_each_field_is_held_to_its_type_and_its_bounds_at_every_depth():
    tried = 0
    for name in messages.commands():
        for field in messages.commands()[name]:
            spec = messages.commands()[name][field]
            assert messages.fits(spec, right_value(spec)), (name, field)
            for value in every_wrong(spec):
                assert not messages.fits(spec, value), (name, field, value)
                tried += 1
    assert tried > 200


def test_what_is_not_a_json_object_is_refused():
    for data in (
        b"",
        b"x",
        b"[]",
        b"5",
        b"null",
        b'"open"',
        b"{",
        b'{"id":',
        b"\xff\xfe{}",
        b'{"id":"\xff"}',
        b"{} x",
    ):
        assert refusal(data) in ((messages.R_JSON, False), (messages.R_FIELDS, False)), data
    assert refusal(b"{}") == (messages.R_FIELDS, False)


def test_text_that_no_database_takes_is_refused_on_every_interpreter():
    for bad in (b"\\u0000", b"\\u001f", b"\\ud800", b"\\udfff", b"\\u0085"):
        data = b'{"id":"x%sx","n":1,"exp":1790000000,"cmd":"open","door":1}' % bad
        assert refusal(data)[0] in (messages.R_FIELDS, messages.R_JSON), bad


def test_a_body_is_measured_before_it_is_parsed():
    assert refusal(b" " * (messages.BODY_BYTES_MAX + 1)) == (messages.R_SIZE, False)
    assert refusal(b"[" * 8000) == (messages.R_SIZE, False)
    assert refusal(b'{"a":' * 1600) == (messages.R_SIZE, False)
    assert refusal(b"[" + b"1," * 4000 + b"1]") == (messages.R_SIZE, False)


def test_a_delta_of_grants_as_long_as_the_host_makes_them_is_taken():
    row = [4294967295, 1790000000, 1790086400, 6, 5, 65535, 65535, 255, TAG, "RR123456785FR"]
    body = command("grants", add=[row] * 30, drop=[4294967295] * 30, expect=[])
    data = json.dumps(body, separators=(",", ":")).encode()
    assert 3600 < len(data) <= messages.BODY_BYTES_MAX
    assert len(messages.parse_command(data)["add"]) == 30


def test_a_parcel_id_is_as_long_as_a_record_of_one():
    spec = messages.commands()["reserve"]["parcel"]
    assert spec == ("text", 1, records.PARCEL_ID_BYTES_MAX)
    assert messages.specs("p=may_be_parcel") == {"p": ("text", 0, records.PARCEL_ID_BYTES_MAX)}


def test_grants_only_move_forward():
    for first, last in ((4, 4), (5, 4)):
        body = command("grants")
        body.update({"from": first, "to": last})
        assert refusal(body) == (messages.R_FIELDS, True)


def test_an_acknowledgement_is_an_epoch_and_a_seq_and_nothing_else():
    assert messages.parse_ack(b'{"epoch":4294967295,"seq":0}') == (4294967295, 0)
    for body in (
        {"epoch": 1},
        {"seq": 1},
        {"epoch": 1, "seq": -1},
        {"epoch": 1, "seq": "1"},
        {"epoch": 1, "seq": 1, "x": 1},
    ):
        assert refusal(body, messages.parse_ack) == (messages.R_FIELDS, False), body


def test_commands_become_the_core_s_events_and_end_with_their_counter():
    spent = (EV_COMMAND, 7, 0, "c-7")
    assert list(messages.core_events(command("open", door=3))) == [(EV_OPEN_ORDER, 3, 7, "c-7")]
    assert list(messages.core_events(command("time"))) == [("time", command("time"))]
    assert list(messages.core_events(command("again"))) == [spent]
    expected, grants, last = messages.core_events(json.loads(json.dumps(command("grants"))))
    assert expected == (EV_EXPECTED, "RR123456785FR", 18, 1790000000)
    assert grants[:3] == (EV_GRANTS, 3, 4) and grants[4:] == ([1, 2], True) and last == spent
    assert records.unpack(records.GRANT, grants[3][0]) == (
        5, 1790000000, 1790086400, 0, 0, 0, 65535, 1, bytes(range(0, 256, 17)), "RR123456785FR",
    )  # fmt: skip
    assert list(messages.core_events(command("revoke"))) == [
        (EV_REVOKE, records.REVOKE_PARCEL, records.pack(records.REVOKE_PARCEL, 1790000000, "P1")),
        (EV_REVOKE, records.REVOKE_NONCE, records.pack(records.REVOKE_NONCE, 9, 1790000000)),
        (EV_REVOKE, records.HOLDER_COUNTER, records.pack(records.HOLDER_COUNTER, 1, 1, 7, 2)),
        spent,
    ]


def test_what_is_for_the_core_alone_reaches_it_as_it_was_believed():
    for name in ("block", "release", "reserve", "configure", "message", "identify", "reboot"):
        assert list(messages.core_events(command(name))) == [(EV_ORDER, command(name))]


def test_what_is_refused_is_answered_with_the_word_for_it():
    for body, word in (
        (b"{" * 201, "size"),
        (b" " * 4097, "size"),
        (b"{", "json"),
        (b"[]", "json"),
        (json.dumps(command("open", door=-1)).encode(), "fields"),
        (json.dumps(command("dance")).encode(), "unknown command"),
    ):
        try:
            messages.parse_command(body)
        except messages.Refused as refused:
            assert str(refused) == word
        else:
            raise AssertionError(body)


def test_a_journal_of_any_age_reads_as_why_messages_were_not_believed():
    words = (
        ",topic,mac,size,json,fields,unknown command,stale counter,expired,"
        "time unknown,seq never sent,not asked"
    )
    assert ",".join(messages.R_NAMES).startswith(words)  # a new reason goes to the end
