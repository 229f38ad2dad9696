"""The published description is true: its examples pass its schemas, the host's parsers and the locker's."""

from pathlib import Path

import consigne
import jsonschema
import pytest
import yaml
from consigne.protocol import frames, topics
from consigne.protocol import messages as protocol
from consigne.protocol.events import parse_events
from consigne.protocol.untrusted import dump
from locker.core import limits, records
from locker.net import messages

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


def schema_of(name):
    return {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}


@pytest.mark.parametrize("name,payload", EXAMPLES)
def test_an_example_passes_its_schema_and_is_read_by_whom_it_is_for(name, payload):
    jsonschema.Draft202012Validator(schema_of(name)).validate(payload)
    READ_BY[name](dump(payload))


@pytest.mark.parametrize("name,payload", EXAMPLES)
def test_no_example_passes_without_one_of_its_required_fields(name, payload):
    validator = jsonschema.Draft202012Validator(schema_of(name))
    for missing in ("epoch", "seq", "doors", "events", "id", "n", "exp", "cmd", "have", "result", "up"):
        required = missing in payload and not (name == "status" and missing == "seq")
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


def test_described_limits_are_those_of_the_locker():
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["status"]["properties"]["health"]["properties"]["latches"]["maxItems"] == limits.DOORS_MAX
    assert schemas["occupancy"]["properties"]["doors"]["maxItems"] == limits.DOORS_MAX
    envelope, fields = messages.specs(messages.ENVELOPE), messages.commands()
    for id_ in (schemas["command"]["properties"]["id"], schemas["reply"]["oneOf"][0]["properties"]["id"]):
        assert ("text", id_["minLength"], id_["maxLength"]) == envelope["id"]
    (shown,) = [one for one in schemas["command"]["oneOf"] if "seconds" in one["properties"]]
    seconds = shown["properties"]["seconds"]
    assert ("int", seconds["minimum"], seconds["maximum"]) == fields["identify"]["seconds"]


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
