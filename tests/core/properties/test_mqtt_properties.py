"""MQTT packets and the host's messages against anything Hypothesis thinks of."""

import asyncio
import json
from typing import Any

from amqtt.adapters import BufferReader
from amqtt.mqtt.connect import ConnectPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.subscribe import SubscribePacket
from hypothesis import given
from hypothesis import strategies as st
from locker.net import messages, mqtt_codec
from locker.net.mqtt_packet import Packet

BUFFER_BYTES = 96

topics = st.text(st.characters(codec="utf-8", exclude_characters="\x00+#"), min_size=1, max_size=20)
payloads = st.binary(max_size=200)
packet_ids = st.integers(1, 65535)


def publish_bytes(topic: str, payload: bytes, packet_id: int, retain: bool) -> bytes:
    packet = Packet(1024)
    packet.begin_publish(topic.encode(), packet_id, retain)
    packet.put(payload)
    return bytes(packet.end_publish())


def header(first: int, body: bytes) -> bytes:
    length, out = len(body), bytearray((first,))
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    return bytes(out) + bytes((length,)) + body


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


server_packets = st.one_of(
    st.builds(publish_bytes, topics, payloads, st.one_of(st.just(0), packet_ids), st.booleans()),
    st.builds(lambda packet_id: header(0x40, u16(packet_id)), packet_ids),
    st.builds(
        lambda packet_id, codes: header(0x90, u16(packet_id) + bytes(codes)),
        packet_ids,
        st.lists(st.sampled_from((0, 1, 2, 128)), min_size=1, max_size=5),
    ),
    st.just(b"\xd0\x00"),
    st.sampled_from((b"\x20\x02\x00\x00", b"\x20\x02\x01\x00", b"\x20\x02\x00\x05")),
)


def decode(chunks: list[bytes], bytes_max: int = BUFFER_BYTES) -> list[tuple[Any, ...]]:
    """The packets in ``chunks``; the last item is the reason when one was malformed."""
    decoder = mqtt_codec.Decoder(bytes_max)
    out: list[tuple[Any, ...]] = []
    try:
        for chunk in chunks:
            decoder.feed(chunk)
            while packet := decoder.next():
                if packet[0] == mqtt_codec.PUBLISH and packet[2] is not None:
                    packet = (*packet[:2], bytes(packet[2]), *packet[3:])
                out.append(packet)
    except mqtt_codec.ProtocolError as error:
        out.append(("error", error.reason))
    return out


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[edges[i] : edges[i + 1]] for i in range(len(edges) - 1)]


@given(st.lists(server_packets, max_size=8), st.lists(st.integers(0, 5000), max_size=12))
def test_where_the_network_cuts_the_stream_changes_nothing(packets: list[bytes], places: list[int]) -> None:
    data = b"".join(packets)
    whole = decode([data])
    assert decode(cut(data, places)) == whole
    assert len(whole) == len(packets) and ("error", mqtt_codec.E_TYPE) not in whole


@given(topics, payloads, st.one_of(st.just(0), packet_ids), st.booleans())
def test_what_is_published_reads_back_as_it_was(
    topic: str, payload: bytes, packet_id: int, retain: bool
) -> None:
    data = publish_bytes(topic, payload, packet_id, retain)
    assert decode([data], 1024) == [(mqtt_codec.PUBLISH, topic, payload, packet_id, retain)]


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_bytes_bring_anything_but_packets_or_one_reason(chunks: list[bytes]) -> None:
    packets = decode(chunks)
    kinds = {getattr(mqtt_codec, name) for name in ("CONNACK", "PUBLISH", "PUBACK", "SUBACK", "PINGRESP")}
    assert all(packet[0] in kinds for packet in packets[:-1])
    if packets and packets[-1][0] == "error":
        assert 0 <= packets[-1][1] < mqtt_codec.E_ORDER
    assert decode([b"".join(chunks)]) == packets


@given(server_packets, st.integers(0, 300), st.integers(0, 255))
def test_one_changed_byte_never_confuses_the_decoder(packet: bytes, place: int, value: int) -> None:
    damaged = bytearray(packet)
    damaged[place % len(packet)] = value
    # Whatever it now says, nothing but packets and reasons come out, alone and in company.
    for data in (bytes(damaged), bytes(damaged) + packet, packet + bytes(damaged)):
        assert all(isinstance(entry, tuple) for entry in decode([data]))


@given(st.binary(max_size=12))
def test_utf8_is_judged_as_cpython_does_but_for_the_null_character(data: bytes) -> None:
    try:
        good = "\x00" not in data.decode()
    except UnicodeDecodeError:
        good = False
    assert mqtt_codec.utf8_ok(data) == good


def read_with_amqtt(kind: Any, data: bytes) -> Any:
    return asyncio.run(kind.from_stream(BufferReader(data)))


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30)


@given(texts, st.integers(0, 65535), st.text("abc", max_size=4), topics, st.binary(min_size=1, max_size=90))
def test_another_implementation_reads_our_connect(
    client: str, keepalive_s: int, user: str, will_topic: str, will: bytes
) -> None:
    data = bytes(
        Packet(1024).connect(client.encode(), keepalive_s, user.encode(), b"pw", will_topic.encode(), will)
    )
    read = read_with_amqtt(ConnectPacket, data)
    assert (read.client_id, read.keep_alive, read.clean_session_flag) == (client, keepalive_s, False)
    assert (read.will_topic, bytes(read.will_message)) == (will_topic, will)
    assert (read.will_qos, read.will_retain_flag) == (1, True)
    assert (read.username or "", read.password or "") == (user, "pw" if user else "")


@given(st.lists(topics, min_size=1, max_size=4), packet_ids)
def test_another_implementation_reads_our_subscribe(wanted: list[str], packet_id: int) -> None:
    data = bytes(Packet(1024).subscribe(packet_id, [topic.encode() for topic in wanted]))
    read = read_with_amqtt(SubscribePacket, data)
    assert read.variable_header.packet_id == packet_id
    assert read.payload.topics == [(topic, 1) for topic in wanted]


@given(topics, payloads, packet_ids, st.booleans())
def test_we_and_another_implementation_agree_on_publish(
    topic: str, payload: bytes, packet_id: int, retain: bool
) -> None:
    theirs = PublishPacket.build(topic, payload, packet_id, False, 1, retain).to_bytes()
    assert bytes(theirs) == publish_bytes(topic, payload, packet_id, retain)


# --- the host's messages --------------------------------------------------------------------------------

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 40), 1 << 40)
    | st.floats(allow_nan=False)
    | st.text(max_size=45),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


def fitting(spec: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """Values of a field as the table wants them."""
    kind = spec[0]
    if kind == "int":
        return st.integers(spec[1], spec[2])
    if kind == "text":
        if spec[2] < 4:  # too short for letters of two bytes
            return st.text("ab", min_size=spec[1], max_size=spec[2])
        return st.text("ab1-\xe9", min_size=spec[1], max_size=spec[2] // 2)
    if kind == "hex":
        return st.binary(min_size=spec[1], max_size=spec[1]).map(bytes.hex)
    if kind == "row":
        return st.tuples(*map(fitting, spec[1])).map(list)
    return st.lists(fitting(spec[2]), max_size=3)


@st.composite
def commands(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(messages.commands())))
    body = {field: draw(fitting(spec)) for field, spec in messages.commands()[name].items()}
    body.update({field: draw(fitting(spec)) for field, spec in messages.specs(messages.ENVELOPE).items()})
    body["cmd"] = name
    if name == "grants" and body["to"] <= body["from"]:
        body["from"], body["to"] = 0, max(1, body["from"])
    return body


@given(commands())
def test_every_command_that_fits_the_table_becomes_events(body: dict[str, Any]) -> None:
    events = list(messages.core_events(messages.parse_command(json.dumps(body).encode())))
    assert events and all(isinstance(event, tuple) for event in events)


every_field = {field for fields in messages.commands().values() for field in fields} | set(
    messages.specs(messages.ENVELOPE)
)


@given(commands(), st.sampled_from(sorted(every_field)), json_values)
def test_one_field_replaced_by_anything_is_refused_or_still_fits(
    body: dict[str, Any], field: str, value: Any
) -> None:
    body[field] = value
    try:
        parsed = messages.parse_command(json.dumps(body).encode())
    except messages.Refused as refused:
        assert 0 < refused.reason < len(messages.R_NAMES)
        return
    assert list(messages.core_events(parsed))


@given(st.one_of(st.binary(max_size=200), json_values.map(lambda value: json.dumps(value).encode())))
def test_no_body_brings_anything_but_a_reason(data: bytes) -> None:
    for parse in (messages.parse_command, messages.parse_ack):
        try:
            parse(data)
        except messages.Refused as refused:
            assert 0 < refused.reason < len(messages.R_NAMES)
