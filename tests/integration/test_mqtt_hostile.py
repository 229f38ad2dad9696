"""The client on MicroPython against servers that break the rules, and lines that break."""

import importlib.util
import socket
import threading
from pathlib import Path

import pytest
from locker.net.mqtt_codec import REASONS
from mqtt_kit import PREFIX, Device, Host, Mosquitto, ended, eventually
from mqtt_servers import CONNACK, STORED_CONNACK, SUBACK, HostileServer

_spec = importlib.util.spec_from_file_location(
    "codec_tests", Path(__file__).parents[1] / "core" / "test_mqtt_codec.py"
)
assert _spec and _spec.loader
codec_tests = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(codec_tests)
MALFORMED: tuple[tuple[int, bytes], ...] = codec_tests.MALFORMED

GOOD = (CONNACK, SUBACK)
# Packets that are well-formed and come when they may not.
OUT_OF_ORDER = (
    (SUBACK,),  # before CONNACK
    (b"\x40\x02\x00\x01",),
    (b"\xd0\x00",),
    (b"\x30\x05\x00\x01thi",),
    (CONNACK, CONNACK),
    (CONNACK, b"\x90\x04\x00\x01\x01\x01"),  # for a subscription never made
    (CONNACK, b"\x90\x03\xff\xff\x01"),  # for one topic instead of two
    (CONNACK, SUBACK, SUBACK),
    (CONNACK, SUBACK, CONNACK),
)


def errors_of(device: Device, count: int) -> list[str]:
    """The reason each of the first ``count`` connections ended for, in order."""
    eventually(lambda: len(device.state()["errors"]) >= count, f"{count} connections ended")
    errors: list[str] = device.state()["errors"]
    return errors[:count]


def test_every_malformed_packet_ends_the_connection_for_its_own_reason_and_the_next_is_good() -> None:
    scripts = [(CONNACK, SUBACK + data) for _, data in MALFORMED]
    server = HostileServer(*scripts, GOOD)
    device = Device(server.port, retry_s=0.01, retry_most_s=0.01)
    with ended(server, device):
        errors = errors_of(device, len(MALFORMED))
        assert errors == [f"ProtocolError: {REASONS[reason]}" for reason, _ in MALFORMED]
        device.wait_up()
        assert device.process.poll() is None


def test_a_packet_that_may_not_come_now_ends_the_connection() -> None:
    server = HostileServer(*OUT_OF_ORDER, GOOD)
    device = Device(server.port, retry_s=0.01, retry_most_s=0.01)
    with ended(server, device):
        assert errors_of(device, len(OUT_OF_ORDER)) == ["ProtocolError: order"] * len(OUT_OF_ORDER)
        device.wait_up()


@pytest.mark.parametrize("code", range(1, 6))
def test_each_refusal_of_the_server_has_its_words(code: int) -> None:
    server = HostileServer((bytes((0x20, 2, 0, code)),))
    device = Device(server.port)
    with ended(server, device):
        words = ("protocol version", "client id", "unavailable", "user or password", "not authorised")
        assert errors_of(device, 1) == [f"ServerRefused: {words[code - 1]}"]


def test_a_line_cut_at_any_byte_is_survived() -> None:
    stream = STORED_CONNACK + SUBACK + b"\x32\x08\x00\x01t\x00\x07abc" + b"\xd0\x00" + b"\x40\x02\x00\x01"
    scripts = [(stream[:length], None) for length in range(len(stream) + 1)]
    server = HostileServer(*scripts, GOOD)
    device = Device(server.port, retry_s=0.01, retry_most_s=0.01)
    with ended(server, device):
        errors = errors_of(device, len(scripts))
        assert all(error.startswith(("EOFError: closed", "OSError: ")) for error in errors), errors
        device.wait_up()


def test_a_flood_of_garbage_neither_stops_the_locker_nor_fills_its_memory() -> None:
    noise = bytes((i * 197 + 31) & 0xFF for i in range(200_000))
    server = HostileServer(
        (CONNACK, SUBACK + b"\x30\xff\x7f\x00\x01t" + noise),
    )
    # With its flash in one piece most starts need 400 kB; what 480 leave is less than the noise is long.
    device = Device(server.port, heap_kb=480, flash_bytes=65536, retry_s=0.01, retry_most_s=0.01)
    with ended(server, device):
        errors = errors_of(device, 20)
        assert all(error.startswith("ProtocolError: ") for error in errors), errors


def test_a_server_that_accepts_and_says_nothing_does_not_hold_the_client_for_ever() -> None:
    """The whole of connecting has one deadline, 30 s; the listener here never accepts at all."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        device = Device(listener.getsockname()[1], connect_s=1)
        with ended(device):
            assert errors_of(device, 1) == ["OSError: no answer to connect"]


def test_a_server_that_acknowledges_nothing_is_left_and_all_is_sent_to_the_next() -> None:
    server = HostileServer(GOOD)
    device = Device(server.port, window=4, keepalive_s=8, retry_s=0.01)
    with ended(server, device):
        device.ask("append", 200)
        assert errors_of(device, 1) == ["OSError: nothing is acknowledged"]
        eventually(lambda: len(server.received) > 1 and b"/events" in server.received[1], "sent again")


class Cutter:
    """A proxy before a broker that cuts every connection after a number of bytes, both ways together."""

    def __init__(self, port: int, limits: list[int]):
        self._upstream = port
        self._limits = limits
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._upstream))
            left = [self._limits.pop(0) if self._limits else 1 << 60]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, target, left), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, left: list[int]) -> None:
        try:
            while data := source.recv(4096):
                data = data[: max(0, left[0])]
                left[0] -= len(data)
                target.sendall(data)
                if left[0] <= 0:
                    self.cuts += 1
                    break
        except OSError:
            pass  # the other direction closed it
        for sock in (source, target):
            sock.close()

    def kill(self) -> None:
        self._listener.close()


def test_no_event_is_lost_when_the_line_breaks_again_and_again(tmp_path: Path) -> None:
    limits = [10, 100, 300, 700, 1500] + [2000 + 377 * i for i in range(20)]
    broker = Mosquitto(tmp_path)
    cutter = Cutter(broker.port, limits)
    host = Host(broker.port, acknowledge=True)
    device = Device(cutter.port, retry_s=0.01, retry_most_s=0.02)
    with ended(broker, cutter, host, device):
        device.ask("append", 2000)
        eventually(lambda: device.state()["acknowledged"] == 2000, "2,000 events are acknowledged")
        assert sorted(host.events) == list(range(1, 2001))
        assert cutter.cuts >= 5
        assert all(topic.startswith(PREFIX) for topic, _ in host.messages)
