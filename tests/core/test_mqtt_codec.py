"""MQTT packets on both interpreters: what the standard's bytes are, and what is refused."""

from locker.net import mqtt_codec
from locker.net.mqtt_packet import Packet

KINDS = (
    mqtt_codec.CONNACK,
    mqtt_codec.PUBLISH,
    mqtt_codec.PUBACK,
    mqtt_codec.SUBACK,
    mqtt_codec.PINGRESP,
)
# (reason, bytes) that no server may send; each alone ends the connection.
MALFORMED = (
    (mqtt_codec.E_TYPE, b"\x00\x00"),  # reserved
    (mqtt_codec.E_TYPE, b"\xf0\x00"),  # reserved
    (mqtt_codec.E_TYPE, b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"),  # CONNECT, from a server
    (mqtt_codec.E_TYPE, b"\x82\x05\x00\x01\x00\x00\x00"),  # SUBSCRIBE, from a server
    (mqtt_codec.E_TYPE, b"\x50\x02\x00\x01"),  # PUBREC: nothing was sent with QoS 2
    (mqtt_codec.E_TYPE, b"\x62\x02\x00\x01"),  # PUBREL
    (mqtt_codec.E_TYPE, b"\xb0\x02\x00\x01"),  # UNSUBACK: nothing was unsubscribed
    (mqtt_codec.E_TYPE, b"\xc0\x00"),  # PINGREQ, from a server
    (mqtt_codec.E_TYPE, b"\xe0\x00"),  # DISCONNECT, from a server
    (mqtt_codec.E_FLAGS, b"\x21\x02\x00\x00"),
    (mqtt_codec.E_FLAGS, b"\x42\x02\x00\x01"),
    (mqtt_codec.E_FLAGS, b"\x98\x03\x00\x01\x00"),
    (mqtt_codec.E_FLAGS, b"\xd1\x00"),
    (mqtt_codec.E_LENGTH, b"\x30\xff\xff\xff\xff\x01"),
    (mqtt_codec.E_LENGTH, b"\x40\x80\x80\x80\x80"),
    (mqtt_codec.E_TOO_LONG, b"\x30\xff\xff\xff\x7f"),
    (mqtt_codec.E_TOO_LONG, b"\x30\x81\x80\x40"),  # one byte more than 1 MiB
    (mqtt_codec.E_SIZE, b"\x20\x01\x00"),
    (mqtt_codec.E_SIZE, b"\x20\x03\x00\x00\x00"),
    (mqtt_codec.E_SIZE, b"\x40\x00"),
    (mqtt_codec.E_SIZE, b"\x40\x03\x00\x01\x00"),
    (mqtt_codec.E_SIZE, b"\x90\x02\x00\x01"),
    (mqtt_codec.E_SIZE, b"\x90\xff\x7f"),
    (mqtt_codec.E_SIZE, b"\xd0\x01\x00"),
    (mqtt_codec.E_SIZE, b"\x30\x02\x00\x00"),
    (mqtt_codec.E_SIZE, b"\x32\x04\x00\x01t\x00"),  # QoS 1 without room for a packet id
    (mqtt_codec.E_SIZE, b"\x30\x05\x00\x04ttt"),  # the topic is longer than the packet
    (mqtt_codec.E_SIZE, b"\x32\x06\x00\x04tttt"),  # the packet id would lie beyond the end
    (mqtt_codec.E_QOS, b"\x34\x07\x00\x01t\x00\x01hi"),
    (mqtt_codec.E_QOS, b"\x36\x07\x00\x01t\x00\x01hi"),
    (mqtt_codec.E_QOS, b"\x38\x05\x00\x01thi"),  # DUP with QoS 0
    (mqtt_codec.E_TEXT, b"\x30\x03\x00\x01\xff"),
    (mqtt_codec.E_TEXT, b"\x30\x03\x00\x01\x00"),
    (mqtt_codec.E_TEXT, b"\x30\x04\x00\x02\xc0\x80"),  # overlong
    (mqtt_codec.E_TEXT, b"\x30\x05\x00\x03\xed\xa0\x80"),  # surrogate
    (mqtt_codec.E_TEXT, b"\x30\x06\x00\x04\xf4\x90\x80\x80"),  # beyond U+10FFFF
    (mqtt_codec.E_TEXT, b"\x30\x04\x00\x02t\xc3"),  # cut off
    (mqtt_codec.E_TOPIC, b"\x30\x03\x00\x01#"),
    (mqtt_codec.E_TOPIC, b"\x30\x05\x00\x03a/+"),
    (mqtt_codec.E_TOPIC, b"\x30\x03\x00\x00x"),
    (mqtt_codec.E_PACKET_ID, b"\x32\x05\x00\x01t\x00\x00"),
    (mqtt_codec.E_PACKET_ID, b"\x40\x02\x00\x00"),
    (mqtt_codec.E_PACKET_ID, b"\x90\x03\x00\x00\x01"),
    (mqtt_codec.E_CODE, b"\x20\x02\x02\x00"),
    (mqtt_codec.E_CODE, b"\x20\x02\x00\x06"),
    (mqtt_codec.E_CODE, b"\x20\x02\x01\x05"),  # session present although refused
    (mqtt_codec.E_CODE, b"\x90\x03\x00\x01\x03"),
)


def decode_all(data, step, bytes_max=64):
    """Every packet in ``data``, fed ``step`` bytes at a time; payloads copied."""
    decoder = mqtt_codec.Decoder(bytes_max)
    out = []
    for at in range(0, len(data), step):
        decoder.feed(data[at : at + step])
        packet = decoder.next()
        while packet:
            if packet[0] == mqtt_codec.PUBLISH and packet[2] is not None:
                packet = packet[:2] + (bytes(packet[2]),) + packet[3:]
            out.append(packet)
            packet = decoder.next()
    return out


def reason_of(data, step):
    try:
        decode_all(data, step)
    except mqtt_codec.ProtocolError as error:
        assert str(error) == mqtt_codec.REASONS[error.reason]
        return error.reason
    return None


def test_each_malformed_packet_is_refused_for_its_own_reason_however_it_is_cut():
    for reason, data in MALFORMED:
        for step in (1, 3, len(data)):
            assert reason_of(data, step) == reason, (data, step)


def test_a_malformed_packet_is_refused_after_good_ones_too():
    good = b"\xd0\x00" + b"\x40\x02\x00\x07" + b"\x30\x05\x00\x01thi"
    for reason, data in MALFORMED:
        assert reason_of(good + data, 2) == reason, data


def test_a_server_s_packets_arrive_whole_however_the_network_cuts_them():
    data = (
        b"\x20\x02\x01\x00"
        + b"\x90\x04\xff\xff\x01\x80"
        + b"\x31\x06\x00\x03a/bZ"
        + b"\x3a\x08\x00\x01t\x12\x34xyz"
        + b"\x32\x05\x00\x01t\x00\x01"
        + b"\x40\x02\xff\xfe"
        + b"\x30\x85\x00\x00\x03\xc3\xa9t"  # a remaining length in more bytes than needed
        + b"\xd0\x00"
    )
    expected = [
        (mqtt_codec.CONNACK, True, 0),
        (mqtt_codec.SUBACK, 65535, b"\x01\x80"),
        (mqtt_codec.PUBLISH, "a/b", b"Z", 0, True),
        (mqtt_codec.PUBLISH, "t", b"xyz", 0x1234, False),
        (mqtt_codec.PUBLISH, "t", b"", 1, False),
        (mqtt_codec.PUBACK, 65534),
        (mqtt_codec.PUBLISH, "\xe9t", b"", 0, False),
        (mqtt_codec.PINGRESP,),
    ]
    for step in range(1, len(data) + 1):
        assert decode_all(data, step) == expected, step


def test_a_message_too_long_for_the_buffer_can_still_be_acknowledged_and_what_follows_is_read():
    body = b"\x00\x01t\x00\x09" + b"x" * 1000
    data = b"\x32" + bytes((len(body) & 127 | 128, len(body) >> 7)) + body + b"\x40\x02\x00\x03"
    for step in (1, 7, 500, len(data)):
        assert decode_all(data, step) == [
            (mqtt_codec.PUBLISH, "t", None, 9, False),
            (mqtt_codec.PUBACK, 3),
        ], step
    exact = b"\x30\x40\x00\x01t" + b"y" * 61  # fills the buffer to the last byte
    assert decode_all(exact, 5) == [(mqtt_codec.PUBLISH, "t", b"y" * 61, 0, False)]


def test_a_topic_too_long_for_the_buffer_is_an_error_not_an_overrun():
    assert reason_of(b"\x30\x80\x01\x00\x50" + b"t" * 126, 9) == mqtt_codec.E_SIZE


def test_a_new_connection_starts_at_a_first_byte():
    decoder = mqtt_codec.Decoder(64)
    decoder.feed(b"\x30\x10\x00\x01t")
    assert decoder.next() is None
    decoder.reset()
    decoder.feed(b"\x40\x02\x00\x05")
    assert decoder.next() == (mqtt_codec.PUBACK, 5)


def test_the_bytes_sent_are_those_of_the_standard():
    packet = Packet(400)
    assert bytes(packet.connect(b"L1", 60, b"u", b"pw", b"w", b"gone")) == (
        b"\x10\x1e\x00\x04MQTT\x04\xec\x00\x3c"
        + b"\x00\x02L1"
        + b"\x00\x01w\x00\x04gone"
        + b"\x00\x01u\x00\x02pw"
    )
    assert (
        bytes(packet.connect(b"L1", 300, b"", b"", b"", b""))
        == b"\x10\x0e\x00\x04MQTT\x04\x00\x01\x2c\x00\x02L1"
    )
    assert bytes(packet.subscribe(258, (b"a", b"b/c"))) == b"\x82\x0c\x01\x02\x00\x01a\x01\x00\x03b/c\x01"
    assert bytes(packet.puback(513)) == b"\x40\x02\x02\x01"
    assert bytes(packet.pingreq()) == b"\xc0\x00"


def published(packet, topic, packet_id, retain, payload):
    packet.begin_publish(topic, packet_id, retain)
    packet.put(payload)
    return bytes(packet.end_publish())


def test_what_is_published_can_be_read_back_at_every_length_of_the_length():
    packet = Packet(20000)
    for size in (0, 1, 120, 121, 122, 123, 124, 125, 126, 127, 128, 16370, 16377, 16378, 16379, 16384):
        payload = b"p" * size
        for packet_id, retain in ((0, False), (0, True), (77, False), (77, True)):
            data = published(packet, b"t", packet_id, retain, payload)
            assert decode_all(data, 512, 20000) == [(mqtt_codec.PUBLISH, "t", payload, packet_id, retain)], (
                size
            )


def test_a_packet_that_does_not_fit_is_refused_and_the_next_one_is_right():
    packet = Packet(40)
    packet.begin_publish(b"topic", 1, False)
    assert packet.room() == 26
    packet.put(b"x" * 20)
    try:
        packet.put(b"y" * 7)
        raise AssertionError("must not fit")
    except ValueError:
        pass
    assert bytes(packet.view(14)) == b"x" * 20
    assert published(packet, b"t", 0, False, b"ok") == b"\x30\x05\x00\x01tok"
    try:
        packet.subscribe(1, (b"t" * 65536,))
        raise AssertionError("must not fit")
    except ValueError:
        pass


def test_utf8_is_what_mqtt_says_on_every_interpreter():
    for text in (
        "",
        "a",
        "\x7f",
        "\x80",
        "\u07ff",
        "\u0800",
        "\ud7ff",
        "\ue000",
        "\uffff",
        "\U00010000",
        "\U0010ffff",
    ):
        assert mqtt_codec.utf8_ok(text.encode()), text
    for bad in (
        b"\x00",
        b"\x80",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xed\xbf\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf5\x80\x80\x80",
    ):
        assert not mqtt_codec.utf8_ok(bad), bad
        assert not mqtt_codec.utf8_ok(b"ok" + bad + b"ok"), bad
    for whole in ("\xe9".encode(), "\u20ac".encode(), "\U0001f4e6".encode()):
        for length in range(1, len(whole)):
            assert not mqtt_codec.utf8_ok(whole[:length]), whole


# What a server may begin a packet with, by the standard's tables 2.1 and 2.2, for a client that subscribes
# with QoS 1 at most; and the remaining lengths that fit it.
FIRST_BYTES = {
    0x20: (2, 2),  # CONNACK
    0x30: (3, 64),  # PUBLISH: two bytes of length, a topic of one at least
    0x31: (3, 64),
    0x32: (5, 64),  # and a packet id
    0x33: (5, 64),
    0x3A: (5, 64),
    0x3B: (5, 64),
    0x40: (2, 2),  # PUBACK
    0x90: (3, 64),  # SUBACK: an id and a code at least
    0xD0: (0, 0),  # PINGRESP
}


def test_of_all_first_bytes_only_those_a_server_may_send_are_taken():
    for first in range(256):
        reason = reason_of(bytes((first,)), 1)
        if first in FIRST_BYTES:
            assert reason is None, first
        else:
            kinds = (mqtt_codec.E_TYPE, mqtt_codec.E_FLAGS, mqtt_codec.E_QOS)
            assert reason in kinds, first
            known = first >> 4 in (
                mqtt_codec.CONNACK,
                mqtt_codec.PUBLISH,
                mqtt_codec.PUBACK,
                mqtt_codec.SUBACK,
                mqtt_codec.PINGRESP,
            )
            assert (reason == mqtt_codec.E_TYPE) == (not known), first


def test_each_kind_of_packet_is_refused_at_every_length_it_cannot_have():
    for first in FIRST_BYTES:
        least, most = FIRST_BYTES[first]
        for length in range(300):
            head = bytes((first, length)) if length < 128 else bytes((first, length & 127 | 128, length >> 7))
            refused = reason_of(head, 1) == mqtt_codec.E_SIZE
            too_long = (
                length > most and first >> 4 != mqtt_codec.PUBLISH
            )  # a long message is skipped, not refused
            assert refused == (length < least or too_long), (first, length)


def test_every_value_of_every_byte_of_the_small_packets_is_judged():
    for flags in range(256):
        for code in range(256):
            good = (flags == 0 and code <= 5) or (flags == 1 and code == 0)
            assert (reason_of(bytes((0x20, 2, flags, code)), 4) is None) == good, (flags, code)
    for code in range(256):
        good = code in (0, 1, 2, 0x80)
        assert (reason_of(bytes((0x90, 3, 0, 1, code)), 5) is None) == good, code
    for packet_id in (0, 1, 255, 256, 65535):
        data = bytes((0x40, 2, packet_id >> 8, packet_id & 255))
        assert (reason_of(data, 4) is None) == (packet_id > 0)


def test_noise_is_a_protocol_error_or_packets_whatever_the_cuts_and_nothing_else():
    state = 12345
    for _ in range(300):
        data = bytearray()
        while len(data) < 60:
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            firsts = (0x20, 0x30, 0x32, 0x40, 0x90, 0xD0)
            data.append(
                firsts[state >> 16 & 7] if len(data) % 9 == 0 and state >> 16 & 7 < 6 else state >> 20 & 0xFF
            )
        found = [outcome(bytes(data), step) for step in (1, 7, 60)]
        assert found[0] == found[1] == found[2], bytes(data)


def outcome(data, step):
    """How many packets came, and the reason it ended for."""
    decoder = mqtt_codec.Decoder(64)
    packets = 0
    try:
        for at in range(0, len(data), step):
            decoder.feed(data[at : at + step])
            while decoder.next():
                packets += 1
    except mqtt_codec.ProtocolError as error:
        return packets, error.reason
    return packets, None
