"""Networks that can be cut: the proxy for real sockets, the one in memory, and the broker behind it."""

import errno
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from consigne.sim.board.nameserver import computers_name_server
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.broker import Broker, Faults
from consigne.sim.network.connection import matches
from consigne.sim.network.cut import NetCut
from consigne.sim.network.memory import BLACKHOLE, CUT, REFUSE, UP, Link, MemoryNetwork
from sim_kit import IDENTITY, config, script

PATIENCE_S = 180.0  # ends a test that hangs, not one that is slow

# --- the proxy ---------------------------------------------------------------------------------------


class EchoServer:
    """Answers every byte with itself."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(sock,), daemon=True).start()

    @staticmethod
    def _echo(sock: socket.socket) -> None:
        with sock:
            try:
                while data := sock.recv(4096):
                    sock.sendall(data)
            except ConnectionResetError:
                return

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def proxy() -> Iterator[NetCut]:
    server = EchoServer()
    cut = NetCut(server.address)
    yield cut
    cut.close()
    server.close()


def dial(proxy: NetCut) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S)


def receive(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (chunk := sock.recv(count - len(data))):
        data += chunk
    return data


def test_bytes_pass_through_in_both_directions_and_an_end_of_file_too(proxy: NetCut) -> None:
    with dial(proxy) as sock:
        big = bytes(range(256)) * 2000
        threading.Thread(target=sock.sendall, args=(big,)).start()
        assert receive(sock, len(big)) == big
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


def test_a_cut_resets_connections_and_refuses_new_ones_until_it_is_mended(proxy: NetCut) -> None:
    with dial(proxy) as sock:
        sock.sendall(b"x")
        assert receive(sock, 1) == b"x"
        proxy.set_mode(CUT)
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    with pytest.raises(ConnectionRefusedError):
        dial(proxy)
    proxy.set_mode(UP)
    with dial(proxy) as sock:
        sock.sendall(b"back")
        assert receive(sock, 4) == b"back"


def test_a_black_hole_keeps_bytes_until_it_is_gone(proxy: NetCut) -> None:
    with dial(proxy) as sock:
        sock.sendall(b"a")
        assert receive(sock, 1) == b"a"
        proxy.set_mode(BLACKHOLE)
        sock.sendall(b"late")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        proxy.set_mode(UP)
        sock.settimeout(PATIENCE_S)
        assert receive(sock, 4) == b"late"


def test_refusing_keeps_what_is_connected(proxy: NetCut) -> None:
    with dial(proxy) as sock:
        sock.sendall(b"a")
        assert receive(sock, 1) == b"a"
        proxy.set_mode(REFUSE)
        sock.sendall(b"b")
        assert receive(sock, 1) == b"b"
        with pytest.raises(ConnectionRefusedError):
            dial(proxy)


def test_a_server_that_is_down_looks_down_through_the_proxy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        address = unused.getsockname()
    proxy = NetCut(address)
    with pytest.raises(ConnectionResetError), dial(proxy) as sock:
        sock.recv(1)
    proxy.close()


# --- the network in memory ---------------------------------------------------------------------------

TALKS = """
import asyncio
async def main():
    while True:
        try:
            reader, writer = await asyncio.open_connection("10.0.0.1", 7)
            print("connected")
            while True:
                writer.write(b"ping\\n")
                await writer.drain()
                line = await reader.readline()
                print("got", line)
                if not line:
                    break
                await asyncio.sleep(1)
        except OSError as error:
            print("errno", error.errno)
        await asyncio.sleep(1)
asyncio.run(main())
"""


class Echo:
    def __init__(self) -> None:
        self.losses = 0
        self.link: Link | None = None

    def accept(self, link: Link) -> "Echo":
        self.link = link
        return self

    def feed(self, data: bytes) -> None:
        assert self.link is not None
        self.link.send(data)

    def lost(self) -> None:
        self.losses += 1


@pytest.fixture
def talker(tmp_path: Path) -> Iterator[tuple[SimLocker, MemoryNetwork, Echo]]:
    clock = VirtualClock()
    network, echo = MemoryNetwork(clock), Echo()
    network.listen(7, echo)
    firmware = script(tmp_path / "fw", TALKS)
    locker = SimLocker(
        config(), IDENTITY, tmp_path / "d", "virtual", clock=clock, network=network, firmware=firmware
    )
    locker.start()
    yield locker, network, echo
    locker.stop()


def said(locker: SimLocker) -> list[str]:
    lines = locker.output()
    locker.log.clear()
    return lines


def test_a_connection_in_memory_echoes_with_the_latency_of_the_line(talker) -> None:
    locker, network, _ = talker
    network.latency_us = 400_000
    locker.run_for(1.0)
    assert said(locker) == ["connected"]
    locker.run_for(0.65)
    assert said(locker) == ["got b'ping\\n'"]


def test_a_cut_in_memory_breaks_the_connection_on_both_sides(talker) -> None:
    locker, network, echo = talker
    locker.run_for(0.5)
    network.set_mode(CUT)
    locker.run_for(3)
    lines = said(locker)
    assert lines[:2] == ["connected", "got b'ping\\n'"]
    assert lines[2:] and set(lines[2:]) == {f"errno {errno.ECONNRESET}", f"errno {errno.EHOSTUNREACH}"}
    assert echo.losses == 1
    network.set_mode(UP)
    locker.run_for(2)
    assert "connected" in said(locker)


def test_a_black_hole_in_memory_delivers_late_and_lets_nobody_connect(talker) -> None:
    locker, network, _ = talker
    locker.run_for(0.5)
    network.set_mode(BLACKHOLE)
    locker.run_for(5)
    assert said(locker) == ["connected", "got b'ping\\n'"]
    network.set_mode(UP)
    locker.run_for(0.5)
    assert said(locker) == ["got b'ping\\n'"]


def test_a_server_that_closes_is_read_as_an_end_of_file(talker) -> None:
    locker, _, echo = talker
    locker.run_for(0.5)
    echo.link.close()
    locker.run_for(1)
    assert "got b''" in said(locker)


def test_a_power_cut_breaks_the_connection_at_the_server(talker) -> None:
    locker, _, echo = talker
    locker.run_for(0.5)
    locker.cut_power()
    assert echo.losses == 1


# --- the broker --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/+/c", "a/b/c", True), ("a/#", "a/b/c", True), ("a/#", "a", True), ("#", "x/y", True),
        ("a/+", "a/b/c", False), ("a/b", "a/b/c", False), ("a/b/c", "a/b", False), ("+", "a", True),
    ],
)  # fmt: skip
def test_topic_filters_match_as_the_standard_says(topic_filter: str, topic: str, expected: bool) -> None:
    assert matches(topic_filter, topic) is expected


class Client:
    """Speaks MQTT by hand over a link without latency."""

    def __init__(self, broker: Broker, clean: bool = True, will: bytes = b"", user: str = "") -> None:
        self.received = bytearray()
        self.open = True
        self._connection = broker.accept(self)
        flags = 0x02 * clean | (0x2C if will else 0) | (0xC0 if user else 0)
        fields = [b"me"] + ([b"gone", will] if will else []) + ([user.encode(), b"pw"] if user else [])
        body = b"\x00\x04MQTT\x04" + bytes((flags, 0, 10)) + b"".join(map(self.text, fields))
        self.say(0x10, body)

    @staticmethod
    def text(data: bytes) -> bytes:
        return len(data).to_bytes(2, "big") + data

    def say(self, head: int, body: bytes = b"") -> None:
        self._connection.feed(bytes((head, len(body))) + body)

    def subscribe(self, topic: bytes, qos: int = 1) -> None:
        self.say(0x82, b"\x00\x09" + self.text(topic) + bytes((qos,)))

    def send(self, data: bytes) -> None:
        self.received += data

    def close(self) -> None:
        self.open = False

    def vanish(self) -> None:
        self.open = False
        self._connection.lost()

    def taken(self) -> bytes:
        data = bytes(self.received)
        self.received.clear()
        return data


def test_a_will_is_published_when_a_client_vanishes_and_not_when_it_says_goodbye() -> None:
    broker, heard = Broker(VirtualClock()), []
    broker.subscribe("gone", lambda topic, payload, retained: heard.append(payload))
    Client(broker, will=b"vanished").vanish()
    polite = Client(broker, will=b"polite")
    polite.say(0xE0)
    polite.vanish()
    assert heard == [b"vanished"] and broker.retained == {"gone": b"vanished"}


def test_silence_of_one_and_a_half_keepalives_ends_a_connection() -> None:
    clock = VirtualClock()
    broker, heard = Broker(clock), []
    broker.subscribe("gone", lambda topic, payload, retained: heard.append(payload))
    client = Client(broker, will=b"silent")
    clock.run_for(14)
    client.say(0xC0)
    clock.run_for(14)
    assert client.open and heard == [] and client.taken()[-2:] == b"\xd0\x00"
    clock.run_for(2)
    assert not client.open and heard == [b"silent"]


def test_a_stored_session_gets_what_it_missed_and_what_it_had_not_acknowledged() -> None:
    broker = Broker(VirtualClock())
    first = Client(broker, clean=False)
    assert first.taken() == b"\x20\x02\x00\x00"
    first.subscribe(b"a/+")
    assert first.taken() == b"\x90\x03\x00\x09\x01"
    broker.publish("a/b", b"one")
    assert first.taken() == b"\x32\x0a\x00\x03a/b\x00\x01one"
    first.vanish()
    broker.publish("a/b", b"two")
    second = Client(broker, clean=False)
    assert second.taken() == (
        b"\x20\x02\x01\x00" + b"\x3a\x0a\x00\x03a/b\x00\x01one" + b"\x32\x0a\x00\x03a/b\x00\x02two"
    )
    second.say(0x40, b"\x00\x01")
    second.say(0x40, b"\x00\x02")
    second.vanish()
    assert Client(broker, clean=False).taken() == b"\x20\x02\x01\x00"


def test_a_retained_message_comes_to_late_subscribers_and_an_empty_one_removes_it() -> None:
    broker = Broker(VirtualClock())
    Client(broker).say(0x31, b"\x00\x01tnow")
    client = Client(broker)
    client.taken()
    client.subscribe(b"t", 0)
    assert client.taken()[5:] == b"\x31\x06\x00\x01tnow"
    client.say(0x31, b"\x00\x01t")
    assert broker.retained == {}


def test_a_wrong_password_and_a_broken_protocol_are_turned_away() -> None:
    broker = Broker(VirtualClock(), users={"me": "other"})
    client = Client(broker, user="me")
    assert client.taken() == b"\x20\x02\x00\x05" and not client.open
    broker.users = {"me": "pw"}
    client = Client(broker, user="me")
    assert client.taken() == b"\x20\x02\x00\x00"
    client.say(0xF0)
    assert not client.open


def run_with(faults: Faults) -> tuple[list[bytes], Broker]:
    clock = VirtualClock()
    broker, heard = Broker(clock, faults), []
    hear: Callable[[str, bytes, bool], None] = lambda topic, payload, retained: heard.append(payload)  # noqa: E731
    broker.subscribe("t", hear)
    for number in range(200):
        broker.publish("t", b"%d" % number)
    clock.run_for(10)
    return heard, broker


def test_faults_lose_double_and_delay_and_the_same_seed_does_the_same() -> None:
    heard, broker = run_with(Faults(seed=7, lose=0.1, double=0.1, delay_us=1_000_000))
    assert broker.lost > 5 and broker.doubled > 5
    assert len(heard) == 200 - broker.lost + broker.doubled
    assert heard != sorted(heard, key=int)
    assert run_with(Faults(seed=7, lose=0.1, double=0.1, delay_us=1_000_000))[0] == heard
    assert run_with(Faults())[0] == [b"%d" % number for number in range(200)]


def test_a_broker_that_is_killed_forgets_sessions_and_retained_messages() -> None:
    broker = Broker(VirtualClock())
    client = Client(broker, clean=False, will=b"x")
    client.subscribe(b"a")
    broker.publish("a", b"kept", retain=True)
    broker.restart()
    assert not client.open and broker.retained == {}
    assert Client(broker, clean=False).taken() == b"\x20\x02\x00\x00"


# --- names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "server"),
    [
        ("nameserver 192.0.2.7\nnameserver 192.0.2.8\n", "192.0.2.7"),
        ("# nameserver 192.0.2.1\nsearch lan\n\nnameserver fe80::1%2\nnameserver 192.0.2.7\n", "192.0.2.7"),
        ("nameserver\n", "127.0.0.1"),
    ],
    ids=["the first", "the first that a board can ask", "none"],
)
def test_a_board_asks_the_name_server_that_its_computer_asks(
    tmp_path: Path, settings: str, server: str
) -> None:
    """A broker given by its name is found, and nobody else's address is written to."""
    file = tmp_path / "resolv.conf"
    assert computers_name_server(file) == "127.0.0.1"
    file.write_text(settings)
    assert computers_name_server(file) == server
