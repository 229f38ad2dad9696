"""Commands: counted upwards for ever, sent when the locker listens, answered or expired."""

import json
import time
from zoneinfo import ZoneInfo

import pytest
from consigne.protocol import frames, messages
from consigne.protocol.untrusted import dump
from consigne.server import clock
from consigne.server.errors import Invalid
from consigne.server.fleet import answers, commands
from consigne.server.fleet.fleet import Fleet, GrantVersions
from consigne.server.ingest.decode import Message
from consigne.server.ingest.store import Store
from consigne.server.parcels.parcels import Parcels
from consigne.server.storage.ages import Ages
from consigne.server.storage.models import commands as table
from consigne.server.storage.models import lockers
from consigne.server.storage.secret import Secret
from host_kit import T0, database_at, device_key, event, events, status
from sqlalchemy import select, text, update

LOCKERS = ("L1", "L2")


@pytest.fixture
def database(tmp_path):
    with database_at(tmp_path / "host.db", "L1", "L2") as opened:
        yield opened


@pytest.fixture
def store(database):
    """A host to which both lockers are connected, with its clock right."""
    store = Store(database)
    with database.write() as connection:
        connection.execute(update(lockers).values(up=True, grants_have=0))
    return store


def issue(database, cmd=commands.OPEN, now_s=T0, locker="L1", **arguments):
    with database.write() as connection:
        return commands.issue(connection, locker, cmd, arguments, now_s)


def send(database, now_s=T0):
    """What goes out, each as the body that its locker reads after checking the signature."""
    out = []
    with database.write() as connection:
        for one in commands.send(connection, LOCKERS, now_s).outgoing:
            key = device_key(one.locker)
            body = frames.open_frame(key, frames.LABEL_COMMAND, one.topic, one.payload)
            assert one.topic == f"consigne/1/{one.locker}/commands"
            out.append({"locker": one.locker, **json.loads(body)})
    return out


def state(database, id_):
    with database.read() as connection:
        return connection.execute(select(table).where(table.c.id == id_)).one()


def test_a_command_is_signed_for_its_locker_and_carries_its_door(database, store):
    id_ = issue(database, door=3)
    (sent,) = send(database)
    assert (sent["locker"], sent["id"], sent["cmd"], sent["door"]) == ("L1", id_, "open", 3)
    assert T0 < sent["exp"] <= T0 + commands.LIFETIME_S[commands.OPEN]
    assert send(database) == [], "an order to open goes out once"
    assert send(database, T0 + 20) == []


def test_counters_rise_even_within_a_second_and_after_the_database_was_restored(database, store):
    for _ in range(5):
        issue(database, door=1)
    first = [one["n"] for one in send(database)]
    assert first == sorted(set(first)) and first[0] >= T0
    with database.write() as connection:  # a restored copy knows nothing of those
        connection.execute(update(lockers).values(command_counter=0))
    issue(database, door=1, now_s=T0 + 60)
    assert send(database, T0 + 60)[0]["n"] > first[-1]


def test_nothing_is_sent_to_a_locker_that_is_not_there(database, store):
    store.commit([status("L1", 1, up=False)])
    id_ = issue(database, door=1)
    assert send(database) == []
    with database.write() as connection:
        assert commands.expire(connection, LOCKERS, T0 + 31) == [id_]
    assert state(database, id_).state == answers.EXPIRED
    store.commit([status("L1", 1)])
    assert send(database, T0 + 32) == [], "too late is too late"


def test_an_answer_ends_a_command_and_says_how(database, store):
    good, bad = issue(database, door=1), issue(database, door=2)
    send(database)
    with database.write() as connection:
        assert commands.answered(connection, [("L1", good, "ok"), ("L1", bad, "is_open")]) == {good, bad}
        assert not commands.answered(connection, [("L1", good, "busy")]), "the first answer counts"
    assert state(database, good).state == answers.DONE
    assert (state(database, bad).state, state(database, bad).result) == (answers.REFUSED, "is_open")


def test_one_locker_cannot_answer_for_another(database, store):
    id_ = issue(database, door=1)
    send(database)
    with database.write() as connection:
        assert not commands.answered(connection, [("L2", id_, "ok")])
    assert state(database, id_).state == answers.SENT


def test_a_lost_reply_is_made_good_by_the_event(database, store):
    done, refused = issue(database, door=1), issue(database, door=2)
    send(database)
    told = [
        event(1, "command", counter=T0, result=0, id=done),
        event(2, "command", counter=T0, result=3, id=refused),
    ]
    outcome = store.commit([events("L1", 1, *told)])
    assert outcome.commands == {done, refused}
    assert state(database, done).state == answers.DONE
    assert state(database, refused).state == answers.REFUSED


def test_a_revocation_is_sent_until_it_is_answered_under_new_counters(database, store):
    with database.write() as connection:
        id_ = commands.revoke(connection, "L1", T0, parcel=("P", T0 + 10**6))
    first = send(database)[0]
    assert send(database, T0 + 5) == []
    later = send(database, T0 + 86_400)[0]
    assert later["id"] == first["id"] == id_ and later["n"] > first["n"]
    assert later["parcels"] == [["P", T0 + 10**6]]
    with database.write() as connection:
        commands.answered(connection, [("L1", id_, "ok")])
    assert send(database, T0 + 2 * 86_400) == []


def repair(database, now_s=T0):
    with database.write() as connection:
        commands.repair_grants(connection, LOCKERS, now_s)
    return send(database, now_s)


def answer(database, id_, result="ok"):
    with database.write() as connection:
        commands.answered(connection, [("L1", id_, result)])


def test_a_changed_set_of_grants_is_sent_and_settles(database, store):
    Parcels(database).announce("P", "L1", code="listed")
    (delta,) = repair(database)
    assert (delta["cmd"], delta["from"], delta["to"]) == ("grants", 0, 2)
    assert repair(database) == [], "one at a time"
    answer(database, delta["id"])
    assert repair(database) == []
    assert Fleet(database).locker("L1").grants == GrantVersions(2, 2)


def test_a_locker_that_asks_is_sent_what_follows_the_version_it_has(database, store):
    for name in ("A", "B", "C"):
        Parcels(database).announce(name, "L1")
    (delta,) = repair(database)
    store.commit([_ask("L1", 2)])
    answer(database, delta["id"])  # said before the locker knew that the delta does not fit
    (again,) = repair(database)
    assert (again["from"], [row[0] for row in again["expect"]]) == (2, ["C"])


def _ask(locker, have):
    from consigne.server.ingest.decode import Message

    return Message(locker, messages.parse_reply(dump({"ask": "grants", "have": have})))


def test_a_refused_delta_is_not_hammered(database, store):
    Parcels(database).announce("P", "L1")
    now_s = int(time.time())
    (delta,) = repair(database, now_s)
    answer(database, delta["id"], "fields")
    assert repair(database, now_s + 1) == []
    assert repair(database, now_s + commands.REFUSED_PAUSE_S + 2) != []


def test_a_delta_that_made_a_locker_start_anew_is_not_sent_to_it_every_few_seconds(database, store):
    """Each makes it start anew: for as long as that goes on, nobody gets a parcel."""
    now_s = int(time.time())
    for n in range(4):
        Parcels(database).announce(f"P{n}", "L1")
    with database.write() as connection:
        connection.execute(update(lockers).values(delta_bytes=1))
    for turn in range(3):  # each of one parcel, which is set aside
        (delta,) = repair(database, now_s + 6 * turn)
        answer(database, delta["id"], "failed")
    assert repair(database, now_s + 60) == []
    assert repair(database, int(time.time()) + commands.FAILED_PAUSE_S + 2) != []  # from the last answer on


def test_a_locker_that_asks_for_the_time_is_answered_and_only_its_newest_question(database, store):
    import dataclasses

    store.commit([Message("L1", messages.AskTime(7)), Message("L1", messages.AskTime(8))])
    (one,) = [one for one in send(database, int(time.time())) if one["cmd"] == "time"]
    assert abs(one["t"] - time.time()) < 10 and one["nonce"] == 8
    assert (one["offset_s"], one["next_s"], one["next_offset_s"]) == (0, 0, 0)
    store.commit([dataclasses.replace(Message("L1", messages.AskTime(9)), retained=True)])
    assert [one for one in send(database, int(time.time())) if one["cmd"] == "time"] == []


def test_a_status_of_an_unknown_clock_is_no_question(database, store):
    store.commit([status("L1", 1, trust=0, t=5)])
    assert [one for one in send(database, int(time.time())) if one["cmd"] == "time"] == []


def test_a_locker_whose_status_was_lost_is_there_when_it_asks(database, store):
    with database.write() as connection:
        connection.execute(update(lockers).values(up=False))
    store.commit([Message("L1", messages.AskTime(7))])
    assert len(send(database, int(time.time()))) == 1


def test_the_next_change_of_local_time_is_found_to_the_second():
    summer, winter = 1_783_000_000, 1_793_000_000
    assert clock.next_change(ZoneInfo("Europe/Paris"), summer) == (1_792_890_000, 3600)
    assert clock.next_change(ZoneInfo("Europe/Paris"), winter) == (1_806_195_600, 7200)
    assert clock.next_change(ZoneInfo("Australia/Lord_Howe"), summer)[1] == 39_600  # half an hour more
    assert clock.next_change(ZoneInfo("Asia/Tokyo"), summer) == (0, 0)


def test_local_time_is_the_offset_of_the_day(database):
    winter, summer = 1_768_000_000, 1_783_000_000
    assert clock.offset_s(ZoneInfo("Europe/Paris"), winter) == 3600
    assert clock.offset_s(ZoneInfo("Europe/Paris"), summer) == 7200
    assert clock.offset_s(ZoneInfo("UTC"), summer) == 0


@pytest.mark.parametrize(
    ("cmd", "arguments"),
    [
        ("update", '{"url": "x"}'),
        ("open", '{"door": 1, "why": "x"}'),
        ("open", ""),
        ("grants!", "[]"),
        ("message", '{"until": 1, "text": [["en", "\\ud800"]]}'),
        pytest.param("open", '{"door": ' + "[" * 978 + "]" * 978 + "}", id="deep"),
    ],
)
def test_a_command_that_this_host_cannot_read_is_refused_alone_and_its_answer_says_so(
    database, store, cmd, arguments
):
    good = [issue(database, door=1), issue(database, door=2, locker="L2")]
    row = {"id": "odd", "locker": "L1", "cmd": cmd, "told": arguments, "at": T0}
    with database.write() as connection:
        told = ":id, :locker, :cmd, :told, 'waiting', :at, :at + 900"
        columns = "id, locker, cmd, arguments, state, created_at, expires_at"
        connection.execute(text(f"INSERT INTO commands ({columns}) VALUES ({told})"), row)
        sent = commands.send(connection, LOCKERS, T0)
        again = commands.send(connection, LOCKERS, T0 + 60)
    assert ({one.id for one in sent.outgoing}, sent.ended) == ({*good}, ["odd"])
    assert again == ([], [])
    odd = state(database, "odd")
    assert (odd.state, odd.result, odd.answered_at) == (answers.REFUSED, answers.UNREADABLE, T0)
    assert "this host cannot read it" in answers.answer(odd.state, odd.result)


def test_a_locker_whose_key_was_damaged_is_sent_nothing_and_the_others_are(database, store, caplog):
    with database.write() as connection:
        connection.execute(update(lockers).where(lockers.c.id == "L1").values(device_key=Secret(b"\0")))
    for locker in ("L1", "L2"):
        issue(database, door=1, locker=locker)
    assert [one["locker"] for one in send(database)] == ["L2"]
    send(database)
    assert sum("no key of L1 that can sign" in told for told in caplog.messages) == 1


def test_a_locker_in_a_time_zone_that_nobody_knows_is_told_utc_and_it_is_complained_of(
    database, store, caplog
):
    for name in ("Mars/Base", "../x", "Europe", "", "x\0"):
        with pytest.raises(Invalid):
            Fleet(database).register("L9", device_key("L9"), timezone=name)
        with database.write() as connection:
            connection.execute(update(lockers).where(lockers.c.id == "L2").values(timezone=name))
        store.commit([Message("L1", messages.AskTime(7)), Message("L2", messages.AskTime(7))])
        told = send(database, int(time.time()))
        assert [(one["locker"], one["offset_s"], one["next_s"]) for one in told] == [
            ("L1", 0, 0),
            ("L2", 0, 0),
        ]
    assert sum("time zone of L2 is not known" in told for told in caplog.messages) == 1


def test_old_commands_do_not_fill_the_database(database, store):
    id_ = issue(database, door=1)
    with database.write() as connection:
        commands.expire(connection, LOCKERS, T0 + 60)
    commands.forget(database, T0 + Ages().commands * 86_400 + 60, Ages())
    with database.read() as connection:
        assert connection.execute(select(table.c.id).where(table.c.id == id_)).first() is None
