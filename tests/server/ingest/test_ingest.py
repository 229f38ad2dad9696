"""What arrives beside the good: one message that cannot be stored, a listener that fails, a full inbox."""

import asyncio
import multiprocessing
import threading

import pytest
from consigne.protocol import frames, topics
from consigne.protocol.untrusted import dump
from consigne.server.ingest import workers
from consigne.server.ingest.inbox import LOST, Inbox
from consigne.server.ingest.ingest import Ingest
from consigne.server.ingest.mqtt import HostClient
from consigne.server.service import HostService
from host_kit import database_at, device_key, event


def message(locker, *rows):
    topic = topics.topic(locker, topics.EVENTS)
    body = dump({"epoch": 1, "events": list(rows)})
    return topic, frames.frame(device_key(locker), frames.LABEL_EVENT, topic, body), False


@pytest.fixture
def database(tmp_path):
    with database_at(tmp_path / "host.db", "L1", "L2", "L3") as opened:
        yield opened


def ingested(database, *received, listener=None):
    """An ingest that was given these messages and has come to its end in good order."""

    async def scene():
        client = HostClient("127.0.0.1", 1, client_id="test")
        ingest = Ingest(database, client)
        if listener is not None:
            ingest.listeners.append(listener)
        await ingest.start()
        for one in received:
            client.receive(*one)
        await ingest.stop()
        return ingest

    return asyncio.run(scene())


def test_a_message_that_cannot_be_stored_holds_up_nobody_else_and_is_counted(database):
    with database.write() as connection:  # a defect of the database that one message meets
        connection.exec_driver_sql(
            "CREATE TRIGGER poison BEFORE INSERT ON events WHEN NEW.locker = 'L2' "
            "BEGIN SELECT RAISE(ABORT, 'poison'); END"
        )
    ingest = ingested(database, *(message(locker, event(1)) for locker in ("L1", "L2", "L3")))
    assert ingest.counts.stored == 2
    assert dict(ingest.dropped) == {"not_storable": 1}


def test_a_listener_that_fails_is_counted_and_stops_no_custody(database, caplog):
    def fails(outcome):
        raise RuntimeError("a page is gone")

    ingest = ingested(database, message("L1", event(1)), listener=fails)
    assert (ingest.counts.stored, ingest.counts.failed_listeners) == (1, 1)
    assert "a page is gone" in caplog.text


def test_a_locker_that_tells_other_events_again_and_again_fills_no_log(database, caplog):
    async def scene():
        client = HostClient("127.0.0.1", 1, client_id="test")
        ingest = Ingest(database, client)
        await ingest.start()
        client.receive(*message("L1", *(event(seq) for seq in range(1, 31))))
        for seq in range(1, 31):
            client.receive(*message("L1", event(seq, door=(seq + 1) % 12)))
            async with asyncio.timeout(180):  # each in a commit of its own
                while ingest.counts.conflicts < seq:
                    await asyncio.sleep(0.001)
        await ingest.stop()

    asyncio.run(scene())
    told = [text for text in caplog.messages if text.startswith("L1 sent other events than before")]
    assert told == ["L1 sent other events than before: [1] of journal 1"]


def test_a_connection_that_was_lost_is_no_commit(database):
    async def scene():
        client = HostClient("127.0.0.1", 1, client_id="test")
        ingest = Ingest(database, client)
        await ingest.start()
        client.lost()
        await ingest.stop()
        return ingest.counts

    counts = asyncio.run(scene())
    assert (counts.commits, counts.commit_s) == (0, 0.0)


def test_a_full_inbox_drops_the_newest_and_keeps_what_could_not_be_committed():
    inbox = Inbox(messages_max=3, bytes_max=10)
    assert inbox.put(("a", b"1234", False)) and inbox.put(("b", b"123456", False))
    assert not inbox.put(("c", b"", False)), "ten bytes wait already"
    taken = inbox.take(1, 100)
    assert [topic for topic, _, _ in taken] == ["a"] and inbox.put(("d", b"12", False))
    inbox.put_back(taken)
    inbox.put_lost()
    inbox.put_lost()
    assert [one[0] for one in inbox.take(9, 10)] == ["a", "b"], "ten bytes are enough for one commit"
    assert [one[0] for one in inbox.take(9, 10)] == ["d", LOST[0]]


NO_NAME = "a..b"
"""What no resolver looks up: a defect, to whoever connects, and not a broker that is away."""


def test_a_host_whose_connection_to_the_broker_has_failed_for_good_ends(database):
    async def failed():
        host = HostService(str(database.engine.url), NO_NAME, 1)
        await host.start()
        try:
            async with asyncio.timeout(180):
                await host.wait_failed()
        finally:
            await host.stop()

    with pytest.raises(UnicodeError):
        asyncio.run(failed())


def test_a_worker_whose_connection_to_the_broker_has_failed_for_good_ends(database):
    ours, theirs = multiprocessing.Pipe()
    leaving = threading.Timer(180, ours.close)  # at which a worker ends in good order
    leaving.start()
    try:
        with pytest.raises(UnicodeError):
            workers.work(str(database.engine.url), workers.BrokerAccess(NO_NAME, 1), theirs)
    finally:
        leaving.cancel()
        ours.close()
        theirs.close()
