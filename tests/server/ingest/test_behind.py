"""A host that is behind: what lockers send again costs it nothing, and it asks for nothing more."""

import asyncio
import threading
from types import SimpleNamespace

import pytest
from consigne.protocol import topics
from consigne.protocol.untrusted import dump
from consigne.server.ingest import ingest as ingest_module
from consigne.server.ingest import worker as worker_module
from consigne.server.ingest.counts import Counts
from consigne.server.ingest.decode import KeyRing
from consigne.server.ingest.ingest import Ingest
from consigne.server.ingest.worker import Worker
from consigne.server.storage.models import commands, streams
from host_kit import T0, database_at, device_key
from lab.rig.talker import Talker
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

MANY = 40


@pytest.fixture
def database(tmp_path):
    with database_at(tmp_path / "host.db", "L1", "L2") as opened:
        yield opened


@pytest.fixture
def talker():
    made = Talker("L1", device_key("L1"))
    for number in range(MANY):
        made.record(T0 + number, kind="closed", door=number % 12, purpose=1)
    return made


@pytest.fixture
def worker(database):
    return Worker(database, KeyRing(database), Counts())


def sent(talker, first, last):
    """The message of these events, as the inbox has it."""
    return (topics.topic(talker.locker, topics.EVENTS), talker.batch_frame(first, last), False)


def begun(database):
    """How many transactions begin meanwhile, as a list that grows."""
    seen = []
    sqlalchemy_event.listen(database.engine, "begin", seen.append)
    return seen


def test_a_host_that_is_behind_acknowledges_no_more_than_was_shown(database, worker, talker):
    """It may be another board with a copy of that journal."""
    worker.keep([sent(talker, 1, 20)], is_behind=True)
    (outcome,) = worker.keep([sent(talker, 6, 9), sent(talker, 1, 5)], is_behind=True)
    assert outcome.shed == {("L1", 1): 9}


def test_after_a_conflict_nothing_is_acknowledged_unread(database, worker, talker):
    worker.keep([sent(talker, 1, 20)])
    other = Talker("L1", device_key("L1"))
    for number in range(20):
        other.record(T0 + 9_000 + number, kind="closed", door=0, purpose=1)
    worker.keep([sent(other, 11, 20)])
    (outcome,) = worker.keep([sent(other, 11, 20)], is_behind=True)
    assert outcome.shed == {} and outcome.held


def test_events_committed_a_moment_ago_are_acknowledged_again_without_the_database(database, worker, talker):
    worker.keep([sent(talker, 1, 20)], is_behind=True)
    transactions = begun(database)
    (outcome,) = worker.keep([sent(talker, 1, 5), sent(talker, 6, 20)], is_behind=True)
    assert (outcome.shed, transactions) == ({("L1", 1): 20}, [])
    (shed, stored) = worker.keep([sent(talker, 1, 20), sent(talker, 15, 30)], is_behind=True)
    assert (shed.shed, stored.held["L1", 1].contiguous) == ({("L1", 1): 20}, 30)


def test_events_that_were_believed_lost_are_stored_when_they_come_though_the_host_is_behind(worker, talker):
    rows = [[1, 5, "unreadable"], *([seq, *talker.events[seq - 1]] for seq in range(6, 11))]
    told = talker.signed(topics.EVENTS, dump({"epoch": 1, "events": rows}))
    (outcome,) = worker.keep([(topics.topic("L1", topics.EVENTS), told, False)], is_behind=True)
    assert outcome.held["L1", 1].contiguous == 10
    (outcome,) = worker.keep([sent(talker, 1, 10)], is_behind=True)
    assert sorted(one.event.seq for one in outcome.stored) == [1, 2, 3, 4, 5]


def test_events_that_come_again_in_quiet_times_are_compared(worker, talker):
    worker.keep([sent(talker, 1, 20)])
    other = Talker("L1", device_key("L1"))
    other.record(T0, kind="closed", door=9, purpose=1)
    (outcome,) = worker.keep([sent(other, 1, 1)])
    assert outcome.conflicts == {("L1", 1): [1]}


def test_what_was_committed_long_ago_is_asked_of_the_database(worker, talker, monkeypatch):
    worker.keep([sent(talker, 1, 20)], is_behind=True)
    later = worker_module.time.monotonic() + worker_module.COMMITTED_GOOD_S + 1
    monkeypatch.setattr(worker_module, "time", SimpleNamespace(monotonic=lambda: later))
    (outcome,) = worker.keep([sent(talker, 1, 20)], is_behind=True)
    assert not outcome.shed and outcome.repeated == 20


def test_the_same_message_of_events_is_taken_once_and_a_status_as_often_as_it_comes(worker, talker):
    away = (topics.topic("L1", topics.STATUS), talker.signed(topics.STATUS, b'{"up":false,"epoch":1}'), False)
    here = (topics.topic("L1", topics.STATUS), talker.signed(topics.STATUS, b'{"up":true,"epoch":1}'), False)
    batch = sent(talker, 1, 20)
    (outcome,) = worker.keep([batch, away, here, batch, away], is_behind=True)
    assert (outcome.repeated, len(outcome.stored)) == (0, 20)
    with worker.store.database.read() as connection:
        assert connection.execute(select(streams.c.stored)).scalar_one() == 20
    assert worker_module.without_copies([away, here, batch, batch, away]) == [away, here, batch, away]


def test_a_host_that_is_behind_asks_for_nothing_and_asks_when_it_has_caught_up(database, talker, monkeypatch):
    monkeypatch.setattr(ingest_module, "BATCH_MESSAGES_MAX", 2)
    published = []
    client = SimpleNamespace(
        is_connected=True, publish=lambda topic, payload: published.append(topic), lost=None, receive=None
    )
    let_go = threading.Event()

    async def scene():
        ingest = Ingest(database, client)
        ingest.waiting_elsewhere = lambda: 0 if let_go.is_set() else 3
        await ingest.start()
        up = talker.signed(topics.STATUS, b'{"up":true,"epoch":1}')
        client.receive(topics.topic("L1", topics.STATUS), up, False)
        client.receive(*sent(talker, 11, 20))
        async with asyncio.timeout(180):
            while not ingest.counts.stored:
                await asyncio.sleep(0.01)
            await ingest._tick()
            assert ingest.counts.asked_again == 0
            let_go.set()
            while not ingest.counts.asked_again:
                ingest.kick()
                await asyncio.sleep(0.01)
            while topics.topic("L1", topics.COMMANDS) not in published:
                await asyncio.sleep(0.01)
        client.stop = _nothing
        await ingest.stop()

    asyncio.run(scene())
    with database.read() as connection:
        assert connection.execute(select(commands.c.cmd, commands.c.arguments)).all() == [
            ("again", {"seq": 1})
        ]


async def _nothing():
    """No connection to end."""
