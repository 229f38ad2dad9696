"""A host and lockers over real brokers: nothing lost, nothing twice, whatever happens between them."""

import asyncio
import random

import pytest
from consigne.broker.broker import EmbeddedBroker, Mosquitto
from consigne.protocol import codes, frames, topics
from lab.rig.talker import Faults, Talker
from server_kit import KEYS, PATIENCE_S, T0, broker_of, go, host_at, stored, talker, until

BROKERS = pytest.mark.parametrize("broker_class", [Mosquitto, EmbeddedBroker])


@BROKERS
def test_a_lockers_day_reaches_the_host_and_orders_reach_the_locker(tmp_path, broker_class):
    async def run():
        async with broker_of(broker_class) as broker, host_at(tmp_path / "host.db", broker) as host:
            locker = talker(count=100)
            locker.record(T0, kind="deposited", door=1, holder=7, role=1, parcel="P")
            await locker.connect(broker.host, broker.port)
            await locker.drained(PATIENCE_S)
            assert stored(host) == list(range(1, 102))
            locker.say_occupancy([(0, 0, None), (1, 0, "P")])
            await until(lambda: host.fleet.compartments("L1")[1].parcel == "P")
            assert host.parcels.get("P").state == "in_locker"

            host.parcels.announce("Q", "L1", code="listed")
            host.kick()
            await until(lambda: host.fleet.locker("L1").grants.at_locker == 2)
            tag = codes.listed_tag(KEYS["L1"], host.parcels.code("Q")).hex()
            assert [row[8] for row in locker.grants.held.values()] == [tag]
            assert list(locker.grants.expected) == ["Q"]

            command = host.orders.open("L1", 1)
            host.kick()
            await until(lambda: host.orders.get("L1", command).state == "done")
            assert locker.opened == [1] and locker.refused == []
            await locker.disconnect()

    go(run)


@BROKERS
@pytest.mark.parametrize("seed", [1, 2])
def test_lost_repeated_and_reordered_messages_leave_every_event_stored_once(tmp_path, broker_class, seed):
    faults = Faults(lose=0.3, repeat=0.5, delay=0.2)

    async def run():
        async with broker_of(broker_class) as broker, host_at(tmp_path / "host.db", broker) as host:
            lockers = [talker(name, 600, batch=7, faults=faults, seed=seed) for name in ("L1", "L2", "L3")]
            for locker in lockers:
                await locker.connect(broker.host, broker.port)
            await asyncio.gather(*[locker.drained(PATIENCE_S) for locker in lockers])
            for locker in lockers:
                assert stored(host, locker.locker) == list(range(1, 601))
                assert locker.refused == []
                await locker.disconnect()
            assert host.ingest.counts.repeated > 0 and host.ingest.counts.asked_again > 0

    go(run)


@BROKERS
def test_a_broker_that_forgets_everything_loses_nothing(tmp_path, broker_class):
    async def run():
        async with broker_of(broker_class) as broker, host_at(tmp_path / "host.db", broker) as host:
            locker = talker(batch=5)
            for _ in range(3):
                for _ in range(1_000):
                    locker.record(T0, kind="closed", door=1, purpose=1)
                before = locker.acknowledged
                await locker.connect(broker.host, broker.port)
                await until(lambda at=before: locker.acknowledged > at)
                await broker.kill()
                await until(lambda: not host.client.is_connected)
                await locker.disconnect()
                await broker.start()
                await host.ready(PATIENCE_S)
            await locker.connect(broker.host, broker.port)
            await locker.drained(PATIENCE_S)
            assert stored(host) == list(range(1, 3_001))
            assert host.client.connections == 4
            await locker.disconnect()

    go(run)


def test_a_locker_that_vanishes_is_shown_as_gone_and_one_that_returns_as_there(tmp_path):
    async def run():
        async with broker_of(Mosquitto) as broker, host_at(tmp_path / "host.db", broker) as host:
            locker = talker()
            await locker.connect(broker.host, broker.port)
            await until(lambda: host.fleet.locker("L1").connected)
            locker.cut()
            await until(lambda: not host.fleet.locker("L1").connected)
            await locker.connect(broker.host, broker.port)
            await until(lambda: host.fleet.locker("L1").connected)
            await locker.disconnect()

    go(run)


def test_a_host_without_a_broker_claims_nobody_is_connected(tmp_path):
    async def run():
        async with broker_of(Mosquitto) as broker, host_at(tmp_path / "host.db", broker) as host:
            locker = talker()
            await locker.connect(broker.host, broker.port)
            await until(lambda: host.fleet.locker("L1").connected)
            await broker.kill()
            await until(lambda: not host.fleet.locker("L1").connected)
            await locker.disconnect()
            await broker.start()
            await host.ready(PATIENCE_S)
            assert not host.fleet.locker("L1").connected
            await locker.connect(broker.host, broker.port)
            await until(lambda: host.fleet.locker("L1").connected)
            await locker.disconnect()

    go(run)


def test_a_host_that_starts_late_hears_of_every_locker_and_misses_nothing(tmp_path):
    """The broker took the events while nobody listened, and dropped them."""

    async def run():
        async with broker_of(Mosquitto) as broker:
            locker = talker(count=50)
            await locker.connect(broker.host, broker.port)
            locker.say_occupancy([(1, 0, "P"), (0, 0, None)])
            await until(lambda: locker.sent >= 50)
            async with host_at(tmp_path / "host.db", broker) as host:
                await until(lambda: host.fleet.locker("L1").connected)
                await locker.drained(PATIENCE_S)
                assert stored(host) == list(range(1, 51))
                await until(lambda: host.fleet.compartments("L1")[0].parcel == "P")
            await locker.disconnect()

    go(run)


def test_whoever_has_no_key_changes_nothing_and_stops_nothing(tmp_path):
    """Forged, malformed and foreign messages, a thousand of them, among honest ones."""

    async def run():
        async with broker_of(Mosquitto) as broker, host_at(tmp_path / "host.db", broker) as host:
            locker, other = talker("L1", 200), talker("L2", 1)
            await locker.connect(broker.host, broker.port)
            await other.connect(broker.host, broker.port)
            stranger = Talker("L77", bytes(range(32)))
            stranger.record(T0, kind="closed", door=1, purpose=1)
            await stranger.connect(broker.host, broker.port)
            rng = random.Random(3)
            for n in range(250):
                locker.publish(topics.EVENTS, rng.randbytes(rng.randrange(200)))
                locker.publish(topics.EVENTS, other.batch_frame(1, 1))  # signed, by another, for another
                locker.publish(topics.STATUS, locker.signed(topics.STATUS, b"{" * rng.randrange(1, 3000)))
                bent = bytearray(locker.batch_frame(1, 3))
                bent[rng.randrange(len(bent))] ^= 1 << rng.randrange(8)
                locker.publish(topics.EVENTS, bytes(bent))
                if n % 50 == 0:
                    locker.record(T0, kind="closed", door=0, purpose=1)
            locker.publish(topics.EVENTS, b"x" * (frames.FRAME_BYTES_MAX + 1))
            await locker.drained(PATIENCE_S)
            dropped = host.ingest.dropped
            await until(lambda: dropped["too_long"] == 1 and dropped["unknown_locker"] >= 2)
            assert dropped["bad_mac"] == 750 and dropped["malformed"] + dropped["too_deep"] == 250
            assert stored(host) == list(range(1, 206)) and stored(host, "L2") == [1]
            assert host.ingest.is_running and "L77" not in {one.id for one in host.fleet.lockers()}
            for one in (locker, other, stranger):
                await one.disconnect()

    go(run)


def test_replayed_commands_are_refused_by_their_counters(tmp_path):
    """Whoever records what the host says and plays it again moves no door."""

    async def run():
        async with broker_of(Mosquitto) as broker, host_at(tmp_path / "host.db", broker) as host:
            locker = talker()
            await locker.connect(broker.host, broker.port)
            await until(lambda: host.fleet.locker("L1").connected)
            for door in (0, 1, 0):
                command = host.orders.open("L1", door)
                host.kick()
                await until(lambda id_=command: host.orders.get("L1", id_).state == "done")
            heard = [one for one in locker.heard if one[0].endswith("commands")]
            for topic, payload in random.Random(1).choices(heard, k=100):
                locker.take(topic, payload)
            assert len(locker.refused) == 100 and locker.opened == [0, 1, 0]
            await locker.disconnect()

    go(run)
