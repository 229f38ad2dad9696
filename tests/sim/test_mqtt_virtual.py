"""Link, client and sync under virtual time: hours of a bad network, whose ticks wrap after 20 s."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from consigne import firmware_dir
from consigne.sim import reference
from consigne.sim.board.radio import STAT_IDLE
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.broker import Faults
from consigne.sim.network.host import Host
from consigne.sim.network.memory import Link, MemoryNetwork

KEY = bytes(range(32))
IDENTITY = {"locker": "L0001", "device_key": KEY.hex()}
HOUR_S = 3600

# A firmware of the network's parts alone: events every so often, acknowledgements journaled.
FIRMWARE = """
import asyncio
import json
import time
from binascii import unhexlify
import esp32
from locker.core import records
from locker.journal.log import Journal
from locker.net.link import WifiLink
from locker.net.mqtt import Client, Settings
from locker.net.mqtt_conversation import Conversation
from locker.net.names import Resolver
from locker.net.sync import Sync

with open("options.json") as file:
    options = json.load(file)
journal = Journal(esp32.Partition.find(esp32.Partition.TYPE_DATA, label="journal")[0])
journal.open()
link = WifiLink("net", options["wifi_password"], "consigne-test")
settings = Settings("10.0.0.1", 1883, "L0001")
client = Client(settings, link, Resolver(link.name_server), lambda: True, Conversation())


def sink(event):
    if event[0] == "ack":
        journal.acknowledge(event[2], 0)
        sync.wake()
    elif event[0] == 14:
        print("link", event[1])
        print("because", client.last_error)


sync = Sync(
    client, journal, "L0001", unhexlify(options["device_key"]), sink, lambda: [(0, 0, None)] * 4,
    lambda: {"grants": 0, "fw": "t", "journal": "clean", "faults": []}, lambda: 0,
    lambda: (time.ticks_ms(), 1800000000, 1),
)


async def main():
    tasks = [asyncio.create_task(part.run()) for part in (link, client, sync)]
    for i in range(options["events"]):
        journal.append(records.LEFT_OPEN, records.pack(records.LEFT_OPEN, 3, i & 0xFFFF), 0)
        sync.wake()
        await asyncio.sleep(options["pause_s"])
    print("done")
    await asyncio.sleep(200)
    time.sleep(options["stands_s"])  # in a millisecond here what days of looking at a dead network are
    for task in tasks:
        await task


asyncio.run(main())
"""


class Joins:
    """When the firmware told the radio to join, in seconds; the radio does as it always did."""

    def __init__(self, locker: SimLocker):
        self.times_s: list[float] = []
        radio, clock = locker.board.radio, locker.clock
        connect: Callable[[str, str], None] = radio.connect

        def noted(ssid: str, password: str) -> None:
            self.times_s.append(clock.now_us() / 1e6)
            connect(ssid, password)

        radio.connect = noted  # type: ignore[method-assign]


class Door:
    """A server that shuts every connection at once and notes when it came, in seconds."""

    def __init__(self, clock: VirtualClock):
        self._clock = clock
        self.times_s: list[float] = []

    def accept(self, link: Link) -> "Door":
        self.times_s.append(self._clock.now_us() / 1e6)
        link.close()
        return self

    def feed(self, data: bytes) -> None:
        pass

    def lost(self) -> None:
        pass


def make(
    folder: Path,
    clock: VirtualClock,
    network: MemoryNetwork,
    program: str = FIRMWARE,
    seed: int = 0,
    **options: Any,
) -> SimLocker:
    firmware = folder / "firmware"
    firmware.mkdir(parents=True)
    (firmware / "locker").symlink_to(firmware_dir() / "locker")
    (firmware / "main.py").write_text(program)
    locker = SimLocker(
        {**reference.config(1883), "network": {}}, IDENTITY, folder / "device", "virtual",
        clock=clock, network=network, firmware=firmware, seed=seed,
    )  # fmt: skip
    settings = {
        "wifi_password": "right",
        "device_key": KEY.hex(),
        "events": 0,
        "pause_s": 1,
        "stands_s": 0,
        **options,
    }
    (folder / "device" / "options.json").write_text(json.dumps(settings))
    return locker


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def quiet(tmp_path: Path, clock: VirtualClock) -> Iterator[tuple[SimLocker, Host]]:
    """A connected locker without events."""
    host = Host(clock, KEY)
    locker = make(tmp_path, clock, host.network)
    locker.start()
    locker.wait_for(lambda: host.status.get("up"), 60)
    yield locker, host
    locker.stop()


def links(locker: SimLocker) -> list[str]:
    return [line for line in locker.output() if line.startswith("link")]


def test_an_access_point_that_went_away_is_joined_again(quiet: tuple[SimLocker, Host]) -> None:
    locker, _ = quiet
    locker.network("cut")
    locker.run_for(600)
    assert not locker.board.radio.connected
    locker.network("up")
    locker.wait_for(lambda: links(locker)[-1] == "link True", 130)
    assert links(locker) == ["link True", "link False", "link True"]


def test_a_wrong_wifi_password_is_tried_patiently_and_the_right_one_found(
    tmp_path: Path, clock: VirtualClock
) -> None:
    host = Host(clock, KEY)
    locker = make(tmp_path, clock, host.network, wifi_password="wrong")
    locker.board.radio.password = "right"
    joins = Joins(locker)
    locker.start()
    locker.run_for(20.6)
    assert locker.board.radio.status == STAT_IDLE, "between tries the radio is left alone"
    locker.run_for(2 * HOUR_S)
    gaps = [b - a for a, b in zip(joins.times_s, joins.times_s[1:], strict=False)]
    assert min(gaps) > 20, "each try is given its 20 s"
    assert 50 <= len(joins.times_s) <= 110, "some forty tries an hour at most"
    assert all(80 <= gap <= 145 for gap in gaps[-10:]), gaps[-10:]
    locker.board.radio.password = "wrong"  # the site's owner changed it
    locker.wait_for(lambda: host.status.get("up"), 180)
    locker.stop()


def test_a_quiet_connection_stays_up_for_hours_across_the_wrap_of_the_ticks(
    quiet: tuple[SimLocker, Host],
) -> None:
    locker, host = quiet
    said: list[float] = []
    host.broker.subscribe(
        "+/+/+/status", lambda topic, payload, retained: said.append(locker.clock.now_us() / 1e6)
    )
    locker.run_for(3 * HOUR_S)
    assert links(locker) == ["link True"]
    assert 12 <= len(said) <= 14, "every quarter of an hour a status, so that the host misses no last event"
    assert host.broker.sessions["L0001"].connection is not None


@pytest.mark.parametrize("days", [0.5, 7, 9, 12])
def test_after_days_without_a_network_the_time_is_asked_again(
    tmp_path: Path, clock: VirtualClock, days: float
) -> None:
    """A crystal is off by seconds then; from the seventh day to the twelfth the ticks seem to lie ahead."""
    host = Host(clock, KEY)
    asked: list[float] = []
    host.broker.subscribe(
        "+/+/+/replies", lambda topic, payload, retained: asked.append(locker.clock.now_us() / 1e6)
    )
    locker = make(tmp_path, clock, host.network, stands_s=int(days * 24 * HOUR_S))
    locker.start()
    locker.wait_for(lambda: host.status.get("up"), 60)
    locker.network("cut")
    locker.run_for(days * 24 * HOUR_S + 200)
    assert links(locker) == ["link True", "link False"]
    locker.network("up")
    locker.run_for(600)
    after = [at_s for at_s in asked if at_s > days * 24 * HOUR_S]
    assert after and after[0] < days * 24 * HOUR_S + 300, asked
    assert len(after) <= 3, "nobody answers: now and then is enough"
    locker.stop()


def test_a_black_hole_is_noticed_and_left_behind(quiet: tuple[SimLocker, Host]) -> None:
    locker, host = quiet
    host.network.set_mode("blackhole")
    locker.run_for(50)
    assert links(locker) == ["link True"], "the keep-alive time is a minute"
    locker.wait_for(lambda: links(locker)[-1] == "link False", 45)
    assert locker.output()[-1] == "because OSError: silent"
    host.network.set_mode("up")
    locker.wait_for(lambda: links(locker)[-1] == "link True", 400)


# A customer types from when the broker's name has been looked up, for longer than a connection may take.
LATE_CUSTOMER = FIRMWARE.replace("Resolver(link.name_server), lambda: True", "Names(), idle").replace(
    "client = ",
    """
came_ms = []


class Names:
    async def address(self, host):
        await asyncio.sleep(5)
        came_ms.append(time.ticks_ms())
        print("looked up")
        return host


def idle():
    return not came_ms or time.ticks_diff(time.ticks_ms(), came_ms[-1]) > 40_000


client = """,
)


def test_a_customer_who_came_while_the_brokers_name_was_looked_up_is_not_disturbed(
    tmp_path: Path, clock: VirtualClock
) -> None:
    """The handshake of TLS would stop the chip.  Nor is it a reason to give up and look the name up again."""
    host = Host(clock, KEY)
    locker = make(tmp_path, clock, host.network, LATE_CUSTOMER)
    locker.start()
    locker.wait_for(lambda: "looked up" in locker.output(), 60)
    locker.run_for(40)
    assert not host.broker.sessions
    locker.wait_for(lambda: host.status.get("up"), 10)
    assert locker.output().count("looked up") == 1
    locker.stop()


def test_tries_grow_rarer_and_no_two_lockers_keep_step(tmp_path: Path, clock: VirtualClock) -> None:
    tries: list[list[float]] = []
    for seed in range(6):
        own = VirtualClock()
        network, door = MemoryNetwork(own), Door(own)
        network.listen(1883, door)
        locker = make(tmp_path / str(seed), own, network, seed=seed)
        locker.start()
        locker.run_for(2 * HOUR_S)
        locker.stop()
        tries.append(door.times_s)
        gaps = [b - a for a, b in zip(door.times_s, door.times_s[1:], strict=False)]
        assert gaps[0] < 11 and all(150 <= gap <= 305 for gap in gaps[7:]), gaps
    firsts = [times[0] for times in tries]
    assert max(firsts) - min(firsts) > 0.5, "the first try is spread already"
    sixths = [times[5] for times in tries]
    assert max(sixths) - min(sixths) > 10


@pytest.mark.parametrize("seed", (1, 2, 3))
def test_no_event_is_lost_or_changed_by_a_broker_that_loses_a_third_and_repeats_half(
    tmp_path: Path, clock: VirtualClock, seed: int
) -> None:
    host = Host(clock, KEY, Faults(seed, lose=0.3, double=0.5, delay_us=3_000_000))
    locker = make(tmp_path, clock, host.network, seed=seed, events=2000, pause_s=0.5)
    locker.start()
    for i in range(20):
        locker.run_for(60)
        if i % 5 == 4:
            host.broker.restart()
    locker.wait_for(lambda: "done" in locker.output(), 600)
    locker.wait_for(lambda: len(host.events) == 2000, 2 * HOUR_S)
    assert sorted(host.events) == list(range(1, 2001))
    assert host.changed == 0
    locker.stop()


def whole_firmware(folder: Path, clock: VirtualClock, host: Host) -> SimLocker:
    identity = {**IDENTITY, "mqtt_user": "", "mqtt_password": "", "wifi_password": ""}
    config = {**reference.config(1883), "name": "Bakery"}
    return SimLocker(config, identity, folder / "whole", "virtual", clock=clock, network=host.network)


def test_a_time_that_somebody_held_up_is_not_set_while_only_the_floor_is_known(
    tmp_path: Path, clock: VirtualClock
) -> None:
    host = Host(clock, KEY)
    host.telling = False
    questions: list[int] = []
    answers: list[dict[str, Any]] = []

    def heard(topic: str, payload: bytes, retained: bool) -> None:
        body = json.loads(payload[33:])
        if body.get("ask") == "time":
            questions.append(body["nonce"])
        elif "result" in body:
            answers.append(body)

    host.broker.subscribe("+/+/+/replies", heard)
    locker = whole_firmware(tmp_path, clock, host)
    locker.start()
    locker.wait_for(lambda: questions, 60)
    locker.run_for(11)
    local = {"offset_s": 0, "next_s": 0, "next_offset_s": 0}
    host.command("time", t=1_800_000_000, nonce=questions[0], **local)
    host.command("time", t=1_800_000_000, nonce=(questions[0] + 1) % 2**32, **local)
    locker.wait_for(lambda: len(answers) == 2, 10)
    assert [body["result"] for body in answers] == ["not asked"] * 2
    assert host.status["trust"] == 0
    host.know_time(1_800_000_000)
    locker.wait_for(lambda: host.status["trust"] == 1, 30)
    assert len(questions) == len(set(questions)) > 1
    locker.stop()


def test_a_network_that_comes_and_goes_does_not_fill_the_journal_with_answers_what_time_it_is(
    tmp_path: Path, clock: VirtualClock
) -> None:
    host = Host(clock, KEY)
    host.know_time(1_800_000_000)
    locker = whole_firmware(tmp_path, clock, host)
    locker.start()
    locker.wait_for(lambda: host.status.get("trust") == 1, 60)
    for _ in range(5):
        host.broker.restart()
        locker.run_for(60)
    assert host.status["up"] and host.kinds().count("command") == 2, "contents, and one time"
    locker.stop()


def test_a_locker_without_a_network_changes_to_winter_time(tmp_path: Path, clock: VirtualClock) -> None:
    change_s = 1_792_890_000  # 2026-10-25 01:00 UTC, as in Paris
    host = Host(clock, KEY)
    host.know_time(change_s - 3600, 7200, change_s, 3600)
    locker = whole_firmware(tmp_path, clock, host)
    locker.start()
    locker.wait_for(lambda: host.status.get("trust") == 1, 60)
    locker.run_for(1)
    assert locker.display()[0].startswith("Bakery         02:0"), locker.display()
    locker.network("cut")
    locker.run_for(3600)
    assert locker.display()[0].startswith("Bakery         02:0"), "an hour later it is two o'clock again"
    locker.run_for(3600)
    assert locker.display()[0].startswith("Bakery         03:0"), locker.display()
    locker.stop()


# Between locker and broker stands somebody who shows certificates that the authority did sign.
SHOWN = """
from locker.core.events import TRUST_FLOOR
from locker.net.tls import Tls
from tls import PROTOCOL_TLS_CLIENT, SSLContext

YEAR_S = 31536000


class Shown(Tls):
    def prepare(self):
        print("tried")
        super().prepare()
        for begin_s, end_s in options["shown"]:
            if not begin_s * YEAR_S <= self._judged_s < end_s * YEAR_S:
                self._begin_s, self._end_s = begin_s * YEAR_S, end_s * YEAR_S
                word = "starts in the future" if self._judged_s < self._begin_s else "has expired"
                raise OSError("TLS: \\nThe certificate validity " + word + "\\n")
        self.context = None  # it is taken; what comes behind it is for the server to say


context = SSLContext(PROTOCOL_TLS_CLIENT)
tls = Shown(context, lambda: (time.ticks_ms(), 0, TRUST_FLOOR), lambda _: None, lambda: False, print)
settings = Settings("10.0.0.1", 1883, "L0001", tls=tls)
"""
PLAIN = 'settings = Settings("10.0.0.1", 1883, "L0001")\n'
SHOWN_YEARS = {
    "one in the future, and the broker then refuses": [(60, 61)],
    "two that never hold together": [(60, 61), (62, 63)],
}


@pytest.mark.parametrize("case", SHOWN_YEARS)
def test_dates_that_are_refused_make_nobody_hammer_the_broker(
    tmp_path: Path, clock: VirtualClock, case: str
) -> None:
    """Each handshake stops an ESP32 for seconds: one every 5 minutes, or two."""
    network = MemoryNetwork(clock)
    network.listen(1883, Door(clock))
    locker = make(tmp_path, clock, network, shown=SHOWN_YEARS[case])
    assert PLAIN in FIRMWARE
    (tmp_path / "firmware" / "main.py").write_text(FIRMWARE.replace(PLAIN, SHOWN))
    locker.start()
    locker.run_for(HOUR_S)
    before = locker.output().count("tried")
    locker.run_for(10 * HOUR_S)
    locker.stop()
    assert before > 10
    assert 10 * 10 < locker.output().count("tried") - before < 10 * 40


def test_dates_that_cannot_be_read_are_told_once_and_raise_nothing_within_the_handshake(
    tmp_path: Path, clock: VirtualClock
) -> None:
    begin, _, _ = SHOWN.partition("class Shown")
    program = f"""import time{begin}
context = SSLContext(PROTOCOL_TLS_CLIENT)
tls = Tls(context, lambda: (time.ticks_ms(), 0, TRUST_FLOOR), lambda _: None, lambda: False, print)
for shown in (b"0", b"", b"0"):
    tls.prepare()
    print("verdict", context.verify_callback(shown, 0))
    print("again", tls.ended("OSError: TLS: ", False))
"""
    locker = make(tmp_path, clock, MemoryNetwork(clock))
    (tmp_path / "firmware" / "main.py").write_text(program)
    locker.start()
    locker.run_for(1)
    said = "\n".join(locker.output())
    locker.stop()
    assert said.count("dates unread: IndexError") == 1, said
    assert said.count("verdict 0") == said.count("again False") == 3, said
