"""The published description is true: its examples pass its schemas, the host's parsers and the locker's."""

import re
from pathlib import Path
from typing import Any

import consigne
import pytest
import yaml
from consigne.protocol import frames, topics
from consigne.protocol import messages as protocol
from consigne.protocol.events import parse_events
from consigne.protocol.untrusted import ProtocolError, dump
from locker.core import records
from locker.core.events import TRUST_FLOOR, TRUST_SET
from locker.core.limits import LOCKER_CHARS_MAX
from locker.net import messages
from schema_kit import edges

PATH = Path(consigne.__file__).parents[1] / "protocol" / "asyncapi.yaml"
DOCUMENT = yaml.safe_load(PATH.read_text())
MESSAGES = DOCUMENT["components"]["messages"]
EXAMPLES = [
    pytest.param(name, example["payload"], id=f"{name}-{example['name']}")
    for name, message in MESSAGES.items()
    for example in message["examples"]
]
READ_BY = {
    "status": protocol.parse_status,
    "occupancy": protocol.parse_occupancy,
    "events": parse_events,
    "reply": protocol.parse_reply,
    "ack": messages.parse_ack,
    "command": messages.parse_command,
}


def validator_of(schema):
    """Of draft 7; AsyncAPI's own is a superset of it."""
    import jsonschema  # here, as it takes two seconds, and every process of a test run imports this file

    return jsonschema.Draft7Validator(schema)


def schema_of(name):
    return {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}


@pytest.mark.parametrize("name,payload", EXAMPLES)
def test_an_example_passes_its_schema_and_is_read_by_whom_it_is_for(name, payload):
    validator_of(schema_of(name)).validate(payload)
    READ_BY[name](dump(payload))


@pytest.mark.parametrize("name,payload", EXAMPLES)
def test_no_example_passes_without_one_of_its_required_fields(name, payload):
    validator = validator_of(schema_of(name))
    for missing in ("epoch", "seq", "doors", "events", "id", "n", "exp", "cmd", "have", "result", "up"):
        required = missing in payload and not (name == "status" and missing in ("seq", "n"))
        if required:
            assert not validator.is_valid({key: part for key, part in payload.items() if key != missing})


def test_events_in_examples_are_exactly_what_a_locker_would_say():
    for _, payload in (case.values for case in EXAMPLES if case.values[0] == "events"):
        for event in parse_events(dump(payload)).events:
            assert event.sound, event
            (kind,) = [number for number in records.kinds() if records.spec(number)[0] == event.kind]
            _, _, fields, text = records.spec(kind)
            assert set(event.data) == {"kind", *fields, *([text] if text else [])}


def test_every_command_of_the_locker_is_described_and_no_other():
    described = set(DOCUMENT["components"]["schemas"]["command"]["properties"]["cmd"]["enum"])
    shown = {case.values[1]["cmd"] for case in EXAMPLES if case.values[0] == "command"}
    assert described == shown == set(messages.commands())


def plain(schema: Any) -> Any:
    """A schema as it would stand without references and without words for people."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    if name:
        return plain(DOCUMENT["components"]["schemas"][name])
    words = ("description",) if isinstance(schema.get("description"), str) else ()
    return {key: plain(part) for key, part in schema.items() if key not in words}


def schema_from(spec):
    """The schema of one of the locker's types, as ``messages.specs`` gives them."""
    match spec:
        case ("int", least, most):
            return {"type": "integer", "minimum": least, "maximum": most}
        case ("text", 0, most):
            return {"type": "string", "maxLength": most}
        case ("text", least, most):
            return {"type": "string", "minLength": least, "maxLength": most}
        case ("hex", count):
            return {"type": "string", "pattern": f"^[0-9a-f]{{{2 * count}}}$"}
        case ("list", most, each):
            return {"type": "array", "maxItems": most, "items": schema_from(each)}
        case ("row", columns):
            items = [schema_from(column) for column in columns]
            return {"type": "array", "minItems": len(items), "maxItems": len(items), "items": items}
    raise AssertionError(f"a type this test does not know: {spec}")


def schemas_from(specs):
    return {name: schema_from(spec) for name, spec in specs.items()}


@pytest.mark.parametrize("name", sorted(messages.commands()))
def test_a_command_is_described_with_the_types_and_bounds_that_the_locker_checks(name):
    fields = schemas_from(messages.commands()[name])
    envelope = {"id": True, "n": True, "exp": True}
    (branch,) = [
        branch
        for branch in plain(DOCUMENT["components"]["schemas"]["command"])["oneOf"]
        if name in (branch["properties"]["cmd"].get("enum") or [branch["properties"]["cmd"]["const"]])
    ]
    assert sorted(branch.get("required", [])) == sorted(fields)
    assert branch["additionalProperties"] is False
    del branch["properties"]["cmd"]
    assert branch["properties"] == {**envelope, **fields}


def test_envelope_and_acknowledgement_are_described_with_the_locker_s_types_and_bounds():
    schemas = plain(DOCUMENT["components"]["schemas"])
    envelope = schemas_from(messages.specs(messages.ENVELOPE))
    command = schemas["command"]["properties"]
    names = command["cmd"].pop("enum")
    assert all(messages.fits(messages.specs(messages.ENVELOPE)["cmd"], name) for name in names)
    del envelope["cmd"], command["cmd"]
    assert command == envelope
    assert sorted(schemas["command"]["required"]) == sorted(messages.specs(messages.ENVELOPE))
    assert schemas["reply"]["oneOf"][0]["properties"]["id"] == envelope["id"]
    ack = schemas_from(messages.specs(messages.ACK))
    assert (schemas["ack"]["properties"], sorted(schemas["ack"]["required"])) == (ack, sorted(ack))
    assert schemas["ack"]["additionalProperties"] is False


def size_is_refused(body):
    try:
        messages.parse_object(body)
    except messages.Refused as refused:
        return refused.reason == messages.R_SIZE
    return False


def test_a_body_is_read_up_to_the_bytes_brackets_and_commas_described_and_no_further():
    described = DOCUMENT["components"]["schemas"]["command"]["description"]
    (most,) = re.findall(r"at most (\d+) bytes, with (\d+) opening brackets and (\d+) commas", described)
    bodies = (
        b"{}".ljust,
        lambda count: b'{"a":%s%s}' % (b"[" * (count - 1), b"]" * (count - 1)),
        lambda count: b'{"a":[0%s]}' % (b",0" * count),
    )
    for count, body in zip(map(int, most), bodies, strict=True):
        assert not size_is_refused(body(count)) and size_is_refused(body(count + 1))


def test_a_locker_s_name_is_described_as_it_is_checked():
    described = DOCUMENT["components"]["parameters"]["locker"]["description"]
    assert described == f"1 to {LOCKER_CHARS_MAX} of A-Z a-z 0-9 _ -"
    for length, possible in ((1, True), (LOCKER_CHARS_MAX, True), (LOCKER_CHARS_MAX + 1, False)):
        assert bool(re.match(topics.LOCKER_PATTERN, "L" * length)) == possible


# No locker says these and the host reads them all the same: it needs none of them to be right.
TAKEN_BEYOND = {"status.faults[]", "occupancy.doors[].2", "reply.id", "reply.revoked[].0"}


def read(name, payload):
    """Whether the host reads a body as the document means it."""
    try:
        found = READ_BY[name](dump(payload))
    except ProtocolError:
        return False
    return name != "events" or all(event.kind != "unknown" for event in found.events)


@pytest.mark.parametrize("name", ["status", "occupancy", "events", "reply"])
def test_the_host_reads_what_a_locker_says_up_to_the_bounds_described_and_no_further(name):
    schema = plain(DOCUMENT["components"]["schemas"][name])
    validator = validator_of(schema)
    taken = set()
    for path, payload, passes in edges(schema, name):
        assert validator.is_valid(payload) == passes, (path, payload)
        if read(name, payload) != passes:
            assert not passes, (path, payload)
            taken.add(path)
    assert taken == {path for path in TAKEN_BEYOND if path.startswith(name + ".")}


def test_a_fault_of_more_than_the_length_described_is_cut_to_it():
    most = DOCUMENT["components"]["schemas"]["status"]["properties"]["faults"]["items"]["maxLength"]
    status = protocol.parse_status(dump({"up": True, "epoch": 1, "faults": ["x" * (most + 1)]}))
    assert status.faults == ["x" * most]


def test_what_a_status_says_of_the_clock_is_what_the_locker_knows_of_it():
    trust = DOCUMENT["components"]["schemas"]["status"]["properties"]["trust"]
    assert trust["enum"] == [TRUST_FLOOR, TRUST_SET]


def test_every_number_text_and_list_described_is_bounded():
    def parts(schema, path):
        if isinstance(schema, dict):
            yield path, schema
            for key, part in schema.items():
                yield from parts(part, f"{path}.{key}")
        elif isinstance(schema, list):
            for part in schema:
                yield from parts(part, path)

    bound = {"integer": "maximum", "string": "maxLength", "array": "maxItems"}
    for path, schema in parts(DOCUMENT["components"]["schemas"], ""):
        kind = schema.get("type")
        if isinstance(kind, str) and kind in bound:
            assert {bound[kind], "enum", "const", "pattern"} & set(schema), path


def test_addresses_are_the_topics_in_use():
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}
    names = (*topics.FROM_LOCKER, topics.ACK, topics.COMMANDS)
    assert addresses == {topics.topic("X", name).replace("/X/", "/{locker}/") for name in names}


def test_the_frame_shown_is_the_frame_sent():
    key = bytes(range(32))
    topic = topics.topic("L0001", topics.ACK)
    body = protocol.ack_body(3735928559, 41)
    shown = DOCUMENT["info"]["x-frame-example"]
    assert frames.frame(key, frames.LABEL_COMMAND, topic, body).decode() == shown["payload"]
    assert topic == shown["topic"]


def test_references_lead_somewhere():
    def references(part):
        if isinstance(part, dict):
            yield from ([part["$ref"]] if isinstance(part.get("$ref"), str) else [])
            for inner in part.values():
                yield from references(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from references(inner)

    found = list(references(DOCUMENT))
    assert found
    for reference in found:
        at = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]
