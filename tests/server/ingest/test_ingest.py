"""What arrives beside the good: one message that cannot be stored, a listener that fails, a full inbox."""

import asyncio
import multiprocessing
import threading

import pytest
from consigne.protocol import frames, topics
from consigne.protocol.untrusted import DEPTH_MAX, dump
from consigne.server.fleet.fleet import Fleet
from consigne.server.ingest import decode, workers
from consigne.server.ingest.inbox import LOST, Inbox
from consigne.server.ingest.ingest import Ingest
from consigne.server.ingest.mqtt import HostClient
from consigne.server.ingest.store import Store
from consigne.server.service import HostService
from consigne.server.storage.models import lockers
from consigne.server.storage.secret import Secret
from host_kit import T0, database_at, device_key, event, events, status
from sqlalchemy import text, update


def message(locker, *rows):
    return signed(locker, topics.EVENTS, dump({"epoch": 1, "events": list(rows)}))


def signed(locker, branch, body):
    topic = topics.topic(locker, branch)
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


BODIES = {  # each with how many brackets are open at its mark
    topics.EVENTS: ('{"epoch":1,"events":[[1,1,{"kind":"x","a":MARK}]]}', 4),
    topics.STATUS: ('{"up":true,"epoch":1,"faults":[MARK]}', 2),
    topics.OCCUPANCY: ('{"epoch":1,"seq":1,"doors":[[0,0,null]],"a":MARK}', 1),
    topics.REPLIES: ('{"id":"x","result":"ok","a":MARK}', 1),
}


@pytest.mark.parametrize("branch", topics.FROM_LOCKER)
@pytest.mark.parametrize(("opening", "closing"), ["[]", ('{"]":', "}")])
def test_a_message_nested_deeper_than_any_ends_nothing_and_is_counted(database, branch, opening, closing):
    body, outer = BODIES[branch]

    def nested(depth):
        inner = depth - outer
        return signed("L1", branch, body.replace("MARK", opening * inner + "1" + closing * inner).encode())

    beyond = [DEPTH_MAX + 1, *range(970, 990), 7_000]
    ingest = ingested(database, *map(nested, [DEPTH_MAX, *beyond]), message("L2", event(1)))
    assert dict(ingest.dropped) == {"too_deep": len(beyond)}
    assert ingest.counts.stored == (2 if branch == topics.EVENTS else 1)


def test_a_defect_in_reading_one_message_costs_that_message_alone(database, monkeypatch, caplog):
    parse = decode._PARSERS[topics.EVENTS]

    def defect(body):
        if b'"odd"' in body:
            raise ZeroDivisionError
        return parse(body)

    monkeypatch.setitem(decode._PARSERS, topics.EVENTS, defect)
    ingest = ingested(database, message("L1", event(1, "odd")), message("L2", event(1)))
    assert dict(ingest.dropped) == {"not_readable": 1} and ingest.counts.stored == 1
    assert "a message of L1 cannot be read" in caplog.text


@pytest.mark.parametrize("mark", ["[", '"[', "\\[", '\\"{', "\u00e9\x01["])
def test_brackets_that_stand_in_a_text_are_not_counted(database, mark):
    told = mark * 99
    assert ingested(database, message("L1", event(1, "odd", told=told))).counts.stored == 1
    assert Fleet(database).events("L1")[0].data["told"] == told


def test_a_body_that_is_not_utf_8_hides_no_depth(database):
    told = '{"epoch":1,"events":[[1,1,{"kind":"\u2200","a":' + "[" * 978 + "]" * 978 + "}]]}"
    bodies = [told.encode(code) for code in ("utf-16", "utf-16-le", "utf-32")]
    ingest = ingested(database, *(signed("L1", topics.EVENTS, body) for body in bodies))
    assert dict(ingest.dropped) == {"malformed": len(bodies)} and ingest.counts.stored == 0


def test_a_locker_whose_key_was_damaged_is_as_unknown_and_the_others_are_heard(database, caplog):
    with database.write() as connection:
        connection.execute(update(lockers).where(lockers.c.id == "L2").values(device_key=Secret(b"\0")))
    ingest = ingested(database, *(message(locker, event(1)) for locker in ("L1", "L2", "L3")))
    assert ingest.counts.stored == 2 and dict(ingest.dropped) == {"unknown_locker": 1}
    assert [told for told in caplog.messages if "L2" in told] == [
        "the database has no key of L2 that can sign: nothing it sends is taken"
    ]


@pytest.mark.parametrize(
    "islands",
    ["x", "[[1,2,3]]", "[[5,3]]", '[["a","b"]]', "[[4,5],[6,7]]", pytest.param("[" * 9999, id="deep")],
)
def test_a_journal_whose_row_was_damaged_is_stopped_alone_and_complained_of(database, caplog, islands):
    Store(database).commit([events("L1", 1, event(1), event(3)), events("L2", 1, event(1))])
    with database.write() as connection:
        damaged = {"told": islands}
        connection.execute(text("UPDATE streams SET islands = :told WHERE locker = 'L1'"), damaged)
    ingest = ingested(database, message("L1", event(2)), message("L2", event(2)))
    assert ingest.counts.stored == ingest.counts.acknowledgements == 1
    assert dict(ingest.dropped) == {"stopped_journal": 1}
    assert sum("journal 1 of L1 is stopped" in told for told in caplog.messages) == 1
    asked = Store(database).commit([status("L1", 1, seq=9, ack=0)])
    assert (asked.held, asked.behind) == ({}, {}), "neither acknowledged nor asked for"
    assert [one.id for one in Fleet(database).lockers()] == ["L1", "L2", "L3"]


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
            client.receive(*message("L1", event(1, time_s=T0 + 100 + seq)))
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
