"""The server's end of MQTT 3.1.1 against the device's own codec: each reads what the other writes."""

import pytest
from consigne.sim.network import packets
from consigne.sim.network.packets import BrokenPacket, Connect, Publish, Raw, Will
from hypothesis import given
from hypothesis import strategies as st
from locker.net import mqtt_codec, mqtt_packet

BYTES_MAX = 2048
ids = st.integers(1, 65535)
payloads = st.binary(max_size=600)
topics = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0+#"), min_size=1, max_size=60
)


def one(data):
    """The one packet in these bytes."""
    [packet] = packets.taken(bytearray(data))
    return packet


def told(data):
    """What the device's decoder makes of them."""
    decoder = mqtt_codec.Decoder(BYTES_MAX)
    decoder.feed(data)
    return decoder.next()


@given(topics, payloads, st.one_of(st.just(0), ids), st.booleans())
def test_a_message_to_the_device_arrives_as_it_was(topic, payload, packet_id, retain):
    kind, heard, body, number, retained = told(Publish(topic, payload, packet_id, retain).encoded())
    assert (kind, heard, bytes(body), number, retained) == (
        mqtt_codec.PUBLISH, topic, payload, packet_id, retain,
    )  # fmt: skip


@given(topics, payloads, st.one_of(st.just(0), ids), st.booleans())
def test_a_message_from_the_device_arrives_as_it_was(topic, payload, packet_id, retain):
    writer = mqtt_packet.Packet(BYTES_MAX)
    writer.begin_publish(topic.encode(), packet_id, retain)
    writer.put(payload)
    message = Publish.decoded(one(bytes(writer.end_publish())))
    assert message == Publish(topic, payload, packet_id, retain)
    assert Publish.decoded(one(message.at_qos_0().encoded())) == Publish(topic, payload, 0, retain)


@given(topics, st.integers(0, 65535), st.text("ab", max_size=5), topics | st.just(""), payloads)
def test_the_devices_first_packet_says_who_it_is_and_what_to_publish_when_it_is_gone(
    client_id, keepalive_s, user, will_topic, will
):
    writer = mqtt_packet.Packet(BYTES_MAX)
    data = writer.connect(
        client_id.encode(), keepalive_s, user.encode(), b"password", will_topic.encode(), will
    )
    last = Will(will_topic, will, 1, True) if will_topic else None
    expected = Connect(client_id, keepalive_s, False, last, user, "password" if user else "")
    assert Connect.decoded(one(bytes(data))) == expected


@given(ids, st.lists(topics, min_size=1, max_size=5))
def test_what_the_device_subscribes_to_is_granted(packet_id, filters):
    writer = mqtt_packet.Packet(BYTES_MAX)
    asked = one(bytes(writer.subscribe(packet_id, [one.encode() for one in filters])))
    granted = packets.subscriptions(asked)
    assert granted == [(name, 1) for name in filters]
    answer = told(packets.suback(packets.acknowledged(asked), [qos for _, qos in granted]))
    assert answer == (mqtt_codec.SUBACK, packet_id, bytes([1] * len(filters)))


@pytest.mark.parametrize(
    ("data", "heard"),
    [
        (packets.connack(0, session_present=True), (mqtt_codec.CONNACK, True, 0)),
        (packets.connack(5), (mqtt_codec.CONNACK, False, 5)),
        (packets.puback(513), (mqtt_codec.PUBACK, 513)),
        (packets.PING_ANSWER, (mqtt_codec.PINGRESP,)),
    ],
)
def test_short_answers(data, heard):
    assert told(data) == heard


@given(st.lists(st.tuples(st.integers(1, 14), st.binary(max_size=300)), max_size=6), st.data())
def test_packets_are_whole_however_their_bytes_were_cut(sent, data):
    stream = b"".join(Raw(kind, 0, body).encoded() for kind, body in sent)
    buffer, found = bytearray(), []
    while stream:
        count = data.draw(st.integers(1, len(stream)))
        buffer += stream[:count]
        stream = stream[count:]
        found.extend(packets.taken(buffer))
    assert found == [Raw(kind, 0, body) for kind, body in sent] and not buffer


@given(st.integers(0, 255), st.binary(max_size=40))
def test_broken_packets_are_told_and_nothing_else_happens(first, body):
    packet = Raw(first >> 4, first & 15, body)
    for read in (Publish.decoded, Connect.decoded, packets.subscriptions, packets.unsubscriptions):
        try:
            read(packet)
        except BrokenPacket as error:
            assert str(error)


def test_a_remaining_length_of_five_bytes_ends_the_connection():
    with pytest.raises(BrokenPacket, match="remaining length"):
        list(packets.taken(bytearray(b"\x30\xff\xff\xff\xff\x01")))
