"""The sync on MicroPython over a real journal and a real broker: nothing lost, nothing believed twice."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from locker.core import codes, records
from locker.core.events import EV_EXPECTED, EV_GRANTS, EV_OPEN_ORDER, EV_REJECTED
from locker.net import messages
from mqtt_kit import LOCKER, PREFIX, START_S, Device, Host, Mosquitto, ended, eventually, free_port, seal

COMMANDS = PREFIX + "commands"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path)
    yield made
    made.kill()


@pytest.fixture
def host(broker: Mosquitto) -> Iterator[Host]:
    made = Host(broker.port)
    yield made
    made.kill()


@pytest.fixture
def device(broker: Mosquitto, host: Host) -> Iterator[Device]:
    made = Device(broker.port)
    made.wait_up()
    yield made
    made.kill()


def events(device: Device, kind: int) -> list[list[Any]]:
    return [event[1:] for event in list(device.events) if event[0] == kind]


def settle(host: Host, device: Device, counter: int) -> None:
    """Until everything the host has published so far was looked at: a good command comes last."""
    host.command(counter, "open", door=11)
    eventually(lambda: [11, counter, f"c{counter}"] in events(device, EV_OPEN_ORDER), "the last command")


# --- upwards -----------------------------------------------------------------------------------------


def test_a_fortnight_offline_drains_without_the_heap_growing(broker: Mosquitto, device: Device) -> None:
    count = 14 * 400  # events
    device.ask("plug", False)
    eventually(lambda: not device.state()["up"], "the link is down")
    device.ask("append", count)
    device.ask("watch_heap")
    eager = Host(broker.port, acknowledge=True)
    with ended(eager):
        device.ask("plug", True)
        eventually(lambda: device.state()["acknowledged"] == count, "all events are acknowledged")
        assert sorted(eager.events) == list(range(1, count + 1))
        assert device.state()["heap_growth"] < 24_000


def test_five_thousand_events_drain_with_less_than_24_kb_of_heap_left(
    broker: Mosquitto, device: Device
) -> None:
    """What is collected in time cannot hurt; here there is no room for anything else."""
    device.ask("plug", False)
    eventually(lambda: not device.state()["up"], "the link is down")
    device.ask("append", 5000)
    assert device.ask("fill_heap", 24_000) < 24_000
    eager = Host(broker.port, acknowledge=True)
    with ended(eager):
        device.ask("plug", True)
        eventually(lambda: device.state()["acknowledged"] == 5000, "5,000 events are acknowledged")
        assert sorted(eager.events) == list(range(1, 5001))


def test_a_broker_that_takes_no_long_messages_gets_short_ones_until_all_events_have_arrived(
    tmp_path: Path,
) -> None:
    broker = Mosquitto(tmp_path, extra="allow_anonymous true\nmessage_size_limit 1024")
    host = Host(broker.port, acknowledge=True)
    device = Device(broker.port, doors=160)  # an occupancy of 1,800 bytes, which cannot be cut
    with ended(broker, host, device):
        device.ask("append", 300)
        eventually(lambda: device.state()["acknowledged"] == 300, "300 events are acknowledged")
        assert sorted(host.events) == list(range(1, 301))
        eventually(lambda: any(row[0] == "fault" for row in list(device.events)), "a fault is told")
        (told,) = [row[1] for row in list(device.events) if row[0] == "fault"]
        assert told.startswith("broker refuses occupancy (1")
        assert len(device.links) <= 12, "some ends of connections, and then none"


def test_what_the_broker_acknowledged_and_forgot_is_sent_again(tmp_path: Path) -> None:
    port = free_port()
    first = Mosquitto(tmp_path, port)
    device = Device(port, stall_s=3600)  # so that no host's silence sends it again, only the new connection
    with ended(device):
        device.wait_up()
        device.ask("append", 300)
        eventually(lambda: device.state()["in_flight"] == 0, "the broker has acknowledged everything")
        first.kill()  # with no host connected and nothing persisted: all of it is gone
        second = Mosquitto(tmp_path, port)
        host = Host(port, acknowledge=True)
        with ended(second, host):
            eventually(lambda: device.state()["acknowledged"] == 300, "300 events are acknowledged")
            assert sorted(host.events) == list(range(1, 301))


def test_a_locker_killed_while_draining_goes_on_where_the_host_stands(
    tmp_path: Path, broker: Mosquitto
) -> None:
    host = Host(broker.port, acknowledge=True)
    with ended(host):
        for _ in range(4):
            device = Device(broker.port, flash=str(tmp_path / "flash"))
            with ended(device):
                device.wait_up()
                device.ask("append", 250)
        device = Device(broker.port, flash=str(tmp_path / "flash"))
        with ended(device):
            device.wait_up()
            eventually(lambda: device.state()["acknowledged"] == 1000, "1,000 events are acknowledged")
    assert sorted(host.events) == list(range(1, 1001))


def times_sent(host: Host) -> Counter[int]:
    """How often each event has come."""
    return Counter(row[0] for body in host.on("events") for row in body["events"])


def test_a_silent_host_is_asked_again_with_one_batch_and_gets_all_when_it_answers(
    broker: Mosquitto, host: Host
) -> None:
    device = Device(broker.port, stall_s=1)
    with ended(device):
        device.wait_up()
        device.ask("append", 200)
        eventually(lambda: times_sent(host)[1] >= 4, "sent again after each second of silence")
        again = {seq for seq, times in times_sent(host).items() if times > 1}
        assert again <= set(range(1, 25)), "one batch is enough to see whether the host is back"
        host.acknowledge = True
        eventually(lambda: device.state()["acknowledged"] == 200, "all events are acknowledged")


def test_the_host_can_ask_for_a_range_again(host: Host, device: Device) -> None:
    device.ask("append", 100)
    eventually(lambda: len(host.events) == 100, "the first time")
    for seq in range(60, 101):
        del host.events[seq]
    host.command(1, "again", seq=60)
    eventually(lambda: len(host.events) >= 100, "the missing range")
    assert eventually(lambda: host.on("replies"), "a reply") == [{"id": "c1", "result": "ok"}]
    assert host.duplicates <= 1, "nothing before the range comes again, but for the command's own event"


def test_status_and_occupancy_are_there_for_a_host_that_comes_late(broker: Mosquitto, device: Device) -> None:
    device.ask("append", 7)
    device.ask("door", [3, 1, 0, "RR123456785FR"])
    eventually(lambda: device.state()["in_flight"] == 0, "all is with the broker")

    def picture() -> bool:
        late = Host(broker.port)
        with ended(late):
            occupancy = eventually(lambda: late.on("occupancy"), "retained occupancy")[-1]
            status = eventually(lambda: late.on("status"), "retained status")[-1]
        assert status["up"] is True and status["epoch"] == occupancy["epoch"]
        assert {"seq", "ack", "grants", "trust", "t", "fw", "journal", "faults"} <= set(status)
        return occupancy["doors"][3] == [1, 0, "RR123456785FR"] and occupancy["seq"] == 7

    eventually(picture, "the door in the retained picture")


def test_a_visit_is_one_picture_or_two_not_one_for_each_movement(host: Host, device: Device) -> None:
    eventually(lambda: host.on("occupancy"), "the first picture")
    before = len(host.on("occupancy"))
    for i in range(50):
        device.ask("door", [5, i % 3, i % 2, None])
    eventually(lambda: host.on("occupancy")[-1]["doors"][5] == [1, 1, None], "the last movement")
    assert len(host.on("occupancy")) - before <= 3


def test_a_gap_in_the_grants_is_asked_for(host: Host, device: Device) -> None:
    device.ask("ask_grants", 41)
    assert eventually(lambda: host.on("replies"), "the question") == [{"ask": "grants", "have": 41}]


# --- downwards -------------------------------------------------------------------------------------------


def test_ten_thousand_replayed_and_reordered_commands_open_no_door(host: Host, device: Device) -> None:
    frames = [host.command(counter, "open", door=counter) for counter in (3, 5, 9)]
    eventually(lambda: len(events(device, EV_OPEN_ORDER)) == 3, "the commands, once")
    older = [seal(COMMANDS, body(counter)) for counter in (1, 2, 4, 8)]
    for i in range(10_000):
        host.publish(COMMANDS, (frames + older)[i % 7])
    settle(host, device, 10)
    assert [event[0] for event in events(device, EV_OPEN_ORDER)] == [3, 5, 9, 11]
    reports = events(device, EV_REJECTED)
    assert len(reports) < 5 and all(reason == messages.R_STALE for reason, _ in reports)


def body(counter: int, **changes: Any) -> dict[str, Any]:
    return {"id": f"x{counter}", "n": counter, "exp": START_S + 60, "cmd": "open", "door": 1, **changes}


def forgeries() -> list[bytes]:
    """Frames that no key of this locker made for this topic."""
    good = json.dumps(body(5), separators=(",", ":")).encode()
    other_topic = codes.frame_head(codes.derive(bytes(range(32)), codes.LABEL_COMMAND), PREFIX + "ack", good)
    other_locker = codes.frame_head(
        codes.derive(bytes(range(32)), codes.LABEL_COMMAND), "consigne/1/L0002/commands", good
    )
    other_key = codes.frame_head(codes.derive(bytes(range(1, 33)), codes.LABEL_COMMAND), COMMANDS, good)
    event_key = codes.frame_head(codes.derive(bytes(range(32)), codes.LABEL_EVENT), COMMANDS, good)
    frame = seal(COMMANDS, body(5))
    return [
        b"", b".", b"{}", good, b"0" * 32 + b"." + good,
        other_topic + good, other_locker + good, other_key + good, event_key + good,
        frame[:-1], frame + b" ", frame[1:], frame.replace(b".", b":", 1), frame[:32].upper() + frame[32:],
        frame.replace(b'"door":1', b'"door":2'), b"\x00" * 100, b"\xff" * 4096,
    ]  # fmt: skip


def test_no_forgery_has_any_effect(host: Host, device: Device) -> None:
    for frame in forgeries():
        host.publish(COMMANDS, frame)
        host.publish(PREFIX + "ack", frame)
    settle(host, device, 6)
    assert [event[0] for event in events(device, EV_OPEN_ORDER)] == [11]
    # One of them is a right frame on the topic of acknowledgements, only its body is no acknowledgement.
    wanted = {messages.R_MAC, messages.R_FIELDS}
    eventually(lambda: {reason for reason, _ in events(device, EV_REJECTED)} >= wanted, "both reasons")
    assert {reason for reason, _ in events(device, EV_REJECTED)} == wanted
    assert host.on("replies") in ([], [{"id": "c6", "result": "ok"}]), "a forger gets no answer"


def test_each_command_that_cannot_be_obeyed_is_answered_with_the_reason(host: Host, device: Device) -> None:
    host.command(10, "open", door=0)
    wrong = {
        "stale counter": body(9),
        "expired": body(11, exp=START_S - 1),
        "fields": body(12, door="1"),
        "unknown command": body(13, cmd="dance"),
    }
    for answer, content in wrong.items():
        host.publish(COMMANDS, seal(COMMANDS, {**content, "id": answer}))
    expected = [{"id": "c10", "result": "ok"}] + [{"id": answer, "result": answer} for answer in wrong]
    eventually(lambda: len(host.on("replies")) >= len(expected), "all answers")
    assert host.on("replies") == expected
    host.publish(COMMANDS, seal(COMMANDS, b"[" * 5000))
    host.publish(COMMANDS, seal(COMMANDS, b"not json"))
    settle(host, device, 11)
    assert [event[0] for event in events(device, EV_OPEN_ORDER)] == [0, 11]


def test_grants_reach_the_core_as_the_records_it_will_journal(host: Host, device: Device) -> None:
    row = [5, START_S, START_S + 86400, 0, 0, 0, 65535, 1, "00" * 16, "RR123456785FR"]
    content = {"from": 0, "to": 1, "more": 0, "add": [row], "drop": [4], "expect": [["P7", 2, START_S + 9]]}
    host.command(1, "grants", **content)
    eventually(lambda: events(device, EV_GRANTS), "the grants")
    assert events(device, EV_EXPECTED) == [["P7", 2, START_S + 9]]
    record = records.pack(records.GRANT, *row[:8], bytes(16), row[9])
    assert events(device, EV_GRANTS) == [[0, 1, [record.hex()], [4], False]]


def test_without_trusted_time_no_door_opens_from_afar_yet_grants_arrive(
    broker: Mosquitto, host: Host
) -> None:
    device = Device(broker.port, floor=True)
    with ended(device):
        device.wait_up()
        host.command(1, "open", door=2)
        eventually(lambda: host.on("replies"), "the answer")
        assert host.on("replies") == [{"id": "c1", "result": "time unknown"}]
        host.command(2, "grants", **{"from": 0, "to": 1, "more": 0, "add": [], "drop": [], "expect": []})
        eventually(lambda: events(device, EV_GRANTS), "the grants")
        assert events(device, EV_OPEN_ORDER) == []


def test_only_an_acknowledgement_of_what_was_sent_lets_go_of_events(host: Host, device: Device) -> None:
    device.ask("append", 20)
    epoch = device.state()["epoch"]
    host.send_ack(epoch ^ 1, 20)
    host.send_ack(epoch, 4_000_000)
    host.publish(PREFIX + "ack", seal(PREFIX + "ack", b'{"epoch":%d}' % epoch))
    host.send_ack(epoch, 12)
    eventually(lambda: device.state()["acknowledged"] == 12, "the right acknowledgement")
    host.send_ack(epoch, 7)
    settle(host, device, 1)
    assert device.state()["acknowledged"] == 12


def test_a_locker_hears_only_its_own_topics(broker: Mosquitto, host: Host, device: Device) -> None:
    other = Device(broker.port, locker="L0002")
    with ended(other):
        other.wait_up()
        host.command(1, "open", topic="consigne/1/L0002/commands", door=1)
        eventually(lambda: events(other, EV_OPEN_ORDER), "the other locker's command")
        settle(host, device, 1)
        assert [event[0] for event in events(device, EV_OPEN_ORDER)] == [11]
        assert LOCKER != "L0002"
