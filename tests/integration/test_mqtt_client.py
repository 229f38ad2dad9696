"""The client on MicroPython against real brokers: what gets through, and what it survives."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from mqtt_kit import (
    LOCKER,
    PREFIX,
    Amqtt,
    Device,
    Host,
    Mosquitto,
    ended,
    eventually,
    free_port,
)
from mqtt_servers import CONNACK, SUBACK, HostileServer


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mosquitto | Amqtt]:
    made = Mosquitto(tmp_path) if request.param == "mosquitto" else Amqtt()
    yield made
    made.kill()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path)
    yield made
    made.kill()


def test_every_event_reaches_the_host_once_and_in_order(broker: Mosquitto | Amqtt) -> None:
    host = Host(broker.port, acknowledge=True)
    device = Device(broker.port)
    with ended(host, device):
        device.wait_up()
        device.ask("append", 500)
        eventually(lambda: device.state()["acknowledged"] == 500, "500 events are acknowledged")
        assert list(host.events) == list(range(1, 501))
        assert host.duplicates == 0
        assert host.events[13][2] == {
            "kind": "deposited", "door": 0, "holder": 7, "role": 1, "parcel": "RR000000012FR",
        }  # fmt: skip


def test_a_command_reaches_the_locker_and_its_answer_the_host(broker: Mosquitto | Amqtt) -> None:
    host = Host(broker.port)
    device = Device(broker.port)
    with ended(host, device):
        device.wait_up()
        host.command(1, "open", door=4)
        eventually(lambda: host.on("replies"), "a reply")
        assert host.on("replies") == [{"id": "c1", "result": "ok"}]
        assert [event[1:] for event in device.events] == [[4, 1, "c1"]]


def test_a_locker_that_vanishes_is_reported_by_its_will(broker: Mosquitto | Amqtt) -> None:
    host = Host(broker.port)
    device = Device(broker.port, keepalive_s=4)
    with ended(host):
        device.wait_up()
        eventually(lambda: host.on("status"), "the first status")
        epoch = device.state()["epoch"]
        device.kill()
        eventually(lambda: len(host.on("status")) > 1, "the last will")
        assert host.on("status")[-1] == {"up": False, "epoch": epoch}
    late = Host(broker.port)
    with ended(late):
        eventually(lambda: late.on("status"), "the retained will")


def test_a_command_sent_while_the_locker_was_away_waits_for_it(mosquitto: Mosquitto) -> None:
    """amqtt 0.12 loses what it sent into a connection that was breaking; the host has to send again."""
    host = Host(mosquitto.port)
    device = Device(mosquitto.port)
    with ended(host, device):
        device.wait_up()
        device.ask("plug", False)
        eventually(lambda: not device.state()["up"], "the device noticed its link is down")
        host.command(1, "open", door=2)
        device.ask("plug", True)
        eventually(lambda: device.events, "the command")
        assert device.events[0][1:] == [2, 1, "c1"]


def test_what_the_locker_itself_retained_is_no_offence(broker: Mosquitto | Amqtt) -> None:
    device = Device(broker.port)
    with ended(device):
        device.wait_up()
        eventually(lambda: device.state()["in_flight"] == 0, "status and occupancy are with the broker")
        device.ask("plug", False)
        eventually(lambda: not device.state()["up"], "the link is down")
        device.ask("plug", True)
        device.wait_up()
        host = Host(broker.port)
        with ended(host):
            host.command(1, "open", door=2)
            eventually(lambda: device.events, "a first event")
            assert device.events[0][1:] == [2, 1, "c1"], "no rejection came before the command"


def test_a_message_larger_than_the_buffer_is_dropped_and_not_delivered_for_ever(mosquitto: Mosquitto) -> None:
    host = Host(mosquitto.port)
    device = Device(mosquitto.port)
    with ended(host, device):
        device.wait_up()
        host.publish(PREFIX + "commands", b"x" * 100_000)
        host.command(1, "open", door=3)
        eventually(lambda: len(device.events) >= 2, "the command after the large message")
        session = device.state()["session"]
        device.ask("plug", False)
        eventually(lambda: not device.state()["up"], "the link is down")
        device.ask("plug", True)
        device.wait_up()
        host.command(2, "open", door=5)
        eventually(lambda: len(device.events) >= 3, "the command after the reconnect")
        assert device.state()["session"] == session + 1
        opened = [event for event in device.events if len(event) == 4]
        assert [event[1] for event in opened] == [3, 5]


def test_a_broker_that_restarts_is_found_again(tmp_path: Path) -> None:
    port = free_port()
    first = Mosquitto(tmp_path, port)
    device = Device(port)
    with ended(device):
        device.wait_up()
        first.kill()
        eventually(lambda: not device.state()["up"], "the device noticed")
        device.ask("append", 50)
        second = Mosquitto(tmp_path, port)
        host = Host(port, acknowledge=True)
        with ended(second, host):
            eventually(lambda: device.state()["acknowledged"] == 50, "all events are acknowledged")
            assert device.links[-3:] == [True, False, True]


def test_a_connection_that_died_without_a_word_is_noticed(mosquitto: Mosquitto) -> None:
    device = Device(mosquitto.port, keepalive_s=4)
    with ended(device):
        device.wait_up()
        mosquitto.freeze()
        eventually(lambda: device.state()["errors"], "half-open connection noticed")
        assert device.state()["errors"][0] == "OSError: silent"
        assert device.state()["unheard_ms"] >= 4000, "nothing is known before the keep-alive time has passed"
        mosquitto.thaw()
        device.wait_up()


def test_a_dead_connection_is_noticed_with_the_window_and_the_network_full(mosquitto: Mosquitto) -> None:
    device = Device(mosquitto.port, keepalive_s=4, window=1000)
    with ended(device):
        device.wait_up()
        mosquitto.freeze()
        device.ask("append", 10_000)
        eventually(lambda: not device.state()["up"], "half-open connection noticed")
        mosquitto.thaw()
        host = Host(mosquitto.port, acknowledge=True)
        with ended(host):
            eventually(lambda: device.state()["acknowledged"] == 10_000, "all events are acknowledged")
            assert sorted(host.events) == list(range(1, 10_001))


def test_no_connection_is_begun_while_a_customer_is_at_the_door(mosquitto: Mosquitto) -> None:
    device = Device(mosquitto.port)
    with ended(device):
        device.wait_up()
        device.ask("busy", True)
        device.ask("plug", False)
        eventually(lambda: not device.state()["up"], "the link is down")
        asked = device.state()["asked_whether_busy"]
        device.ask("plug", True)
        eventually(
            lambda: device.state()["asked_whether_busy"] >= asked + 3 or device.state()["up"],
            "it asks again and again",
        )
        assert not device.state()["up"]
        device.ask("busy", False)
        device.wait_up()


def test_a_wrong_password_is_named_and_the_right_one_accepted(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    subprocess.run(
        ["mosquitto_passwd", "-b", str(passwords), LOCKER, "right"], check=True, capture_output=True
    )
    broker = Mosquitto(tmp_path, extra=f"allow_anonymous false\npassword_file {passwords}")
    wrong = Device(broker.port, user=LOCKER, password="wrong")
    right = Device(broker.port, user=LOCKER, password="right", locker="L0002")
    with ended(broker, wrong, right):
        eventually(lambda: wrong.state()["error"], "the refusal")
        assert wrong.state()["error"] == "ServerRefused: not authorised"
        right.wait_up()
        assert not wrong.state()["up"]


def test_a_subscription_the_server_denies_is_named(tmp_path: Path) -> None:
    """mosquitto grants every subscription; a broker that says no must not be taken for a good one."""
    server = HostileServer((CONNACK, SUBACK[:-1] + b"\x80"))
    device = Device(server.port)
    with ended(server, device):
        eventually(lambda: device.state()["error"], "the refusal")
        assert device.state()["error"] == "ServerRefused: subscription"
