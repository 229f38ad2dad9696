"""How many statements a batch takes: few, and no more of them when more lockers and parcels are in it."""

import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from consigne.protocol import messages
from consigne.server.fleet import commands
from consigne.server.fleet.answers import DONE
from consigne.server.fleet.condition import Condition
from consigne.server.fleet.fleet import Fleet
from consigne.server.ingest.decode import KeyRing, Message
from consigne.server.ingest.store import Store
from consigne.server.parcels.parcels import Parcels
from consigne.server.storage.database import insert_rows
from consigne.server.storage.models import commands as commands_table
from consigne.server.storage.models import events as events_table
from consigne.server.storage.models import grants
from host_kit import T0, collected, deposited, event, events, occupancy, register, status
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, IntegrityError

MANY = 120  # within one IN list (``database.IN_LIST_MAX``)
MOST = 20
"""Statements for a batch in which every kind of thing happens to parcels."""


@pytest.fixture
def database(databases):
    with databases.opened("L1", "L2") as opened:
        yield opened


@contextmanager
def statements(database):
    """What SQLAlchemy executes meanwhile, but BEGIN and COPY; one executed for many rows counts once."""
    seen = []

    def note(connection, cursor, statement, parameters, context, executemany):
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    sqlalchemy_event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sqlalchemy_event.remove(database.engine, "before_cursor_execute", note)


def commit_counted(database, messages):
    with statements(database) as seen:
        outcome = Store(database).commit(messages)
    assert not outcome.deferred
    return seen


def strange(locker, first, count):
    """A batch in which parcels that nobody announced arrive."""
    return events(locker, 1, *[deposited(n, f"{locker}S{n}") for n in range(first, first + count)])


def test_parcels_nobody_announced_are_stored_together(database):
    few = commit_counted(database, [strange("L1", 1, 3)])
    many = commit_counted(database, [strange("L2", 1, MANY)])
    assert len(many) == len(few) <= MOST
    states = {parcel.state for parcel in Parcels(database).list("L2")}
    assert states == {"in_locker"}


def test_announced_parcels_are_left_and_collected_together_with_their_notices_and_grants(database):
    for n in range(1, MANY + 1):
        locker, contact = ("L1", None) if n <= 3 else ("L2", "mail:a@example.org")
        Parcels(database).announce(f"P{n}", locker, code="listed", contact=contact, size=1)
    few = commit_counted(database, [events("L1", 1, *[deposited(n, f"P{n}") for n in range(1, 4)])])
    rows = [deposited(n, f"P{n + 3}") for n in range(1, MANY - 2)]
    rows += [collected(n + MANY, f"P{n + 3}") for n in range(1, MANY - 2)]
    many = commit_counted(database, [events("L2", 1, *rows[:99]), events("L2", 1, *rows[99:])])
    notices_and_grants = 7
    assert len(few) <= len(many) <= len(few) + notices_and_grants
    assert len(many) <= MOST
    with database.read() as connection:
        live = select(func.count()).select_from(grants).where(grants.c.dropped.is_(None))
        assert connection.execute(live).scalar_one() == 3  # those of L1, not collected yet
        assert connection.execute(select(func.count(grants.c.dropped.distinct()))).scalar_one() == MANY - 3


def test_answers_to_many_commands_are_looked_up_together(database):
    with database.write() as connection:
        ids = [commands.issue(connection, "L1", commands.REBOOT, {}, T0) for _ in range(2)]
        other = commands.issue(connection, "L2", commands.REBOOT, {}, T0)
    said = [*ids, other, *(f"unknown{n}" for n in range(MANY))]
    answers = [event(n, "command", counter=T0 + n, id=id_, result=0) for n, id_ in enumerate(said, 1)]
    few = commit_counted(database, [events("L2", 1, event(1))])
    with statements(database) as seen:
        outcome = Store(database).commit([events("L1", 1, *answers)])
    assert outcome.commands == set(ids)
    locked_and_looked_up = 2
    assert len(seen) <= len(few) + locked_and_looked_up + len(ids)


def test_lockers_that_speak_for_the_first_time_cost_no_statements_of_their_own(database):
    names = [f"N{n:03}" for n in range(MANY)]
    register(database, names)
    few = commit_counted(database, [events("L1", 1, event(1))])
    many = commit_counted(database, [events(name, 1, event(1)) for name in names])
    assert len(many) == len(few) <= MOST
    keys = KeyRing(database)
    with statements(database) as seen:
        keys.learn(names)
        assert all(keys.get(name) is not None for name in names)
    assert len(seen) == 1


def test_a_fleet_that_comes_back_says_its_statuses_in_a_few_statements(database):
    names = [f"N{n:03}" for n in range(MANY)]
    register(database, names)
    now_s = int(time.time())
    health = {"taken": 8, "samples": [[now_s, 9, 61_000, -60, 12_100]], "latches": [[0, 80, 84, 0, 0]]}
    told = {"seq": 1, "ack": 0, "grants": 0, "digest": 0, "t": now_s, "health": health}
    few = commit_counted(database, [status("L1", 1, **told)])
    many = commit_counted(database, [status(name, 1, **told) for name in names])
    assert len(many) == len(few) <= MOST
    fleet, condition = Fleet(database), Condition(database)
    assert all(fleet.locker(name).connected for name in names)
    assert all(len(condition.samples(name)) == len(condition.latches(name)) == 1 for name in names)


def test_visited_lockers_tell_of_their_compartments_in_a_few_statements(database):
    names = [f"N{n:03}" for n in range(MANY)]
    register(database, names)

    def told(seq, content):
        cells = [(content, 0, None), *[(0, 0, None)] * 11]
        return [occupancy(name, 1, seq, cells) for name in names]

    for seq, content in ((1, 0), (2, 1), (3, 1)):  # for the first time, changed, and the same again
        few = commit_counted(database, [occupancy("L1", 1, seq, [(content, 0, None)])])
        many = commit_counted(database, told(seq, content))
        assert len(many) == len(few) <= MOST
    Store(database).commit(told(1, 0))
    fleet = Fleet(database)
    for name in names:
        assert [one.content for one in fleet.compartments(name)] == ["parcel", *["empty"] * 11]


def test_of_a_compartment_it_is_shown_when_its_locker_last_told_of_it_though_nothing_changed(database):
    for seq in (1, 2):
        said = occupancy("L1", 1, seq, [(0, 0, None)] * 12)
        Store(database).commit([replace(said, content=replace(said.content, time_s=T0 + seq))])
        assert {one.at for one in Fleet(database).compartments("L1")} == {T0 + seq}
    Store(database).commit([occupancy("L1", 1, 3, [(0, 0, None)] * 3)])  # the cabinet has fewer now
    assert sum(one.content == "empty" for one in Fleet(database).compartments("L1")) == 3


def test_a_fleet_that_asks_for_the_time_and_answers_commands_costs_a_few_statements(database):
    names = [f"N{n:03}" for n in range(MANY)]
    register(database, names)
    few = commit_counted(database, [Message("L1", messages.AskTime(1))])
    many = commit_counted(database, [Message(name, messages.AskTime(1)) for name in names])
    assert len(many) == len(few) <= MOST
    with statements(database) as seen, database.write() as connection:
        commands.turn(connection, ["L1"], {}, T0)
    turn_of_one = len(seen)
    with statements(database) as seen, database.write() as connection:
        sent = commands.turn(connection, names, dict.fromkeys(names, 5), T0)
    assert (len(seen), len(sent.outgoing)) == (turn_of_one + 1, 2 * MANY)  # and what is missing is asked for
    answers = [Message(one.locker, messages.Reply(one.id, "ok")) for one in sent.outgoing]
    one_by_one = commit_counted(database, answers[:1])
    outcome_of = commit_counted(database, answers[1:120])
    assert len(outcome_of) == len(one_by_one) <= MOST
    with database.read() as connection:
        done = select(func.count()).where(commands_table.c.state == DONE)
        assert connection.execute(done).scalar_one() == 120


def test_of_several_statuses_in_one_batch_the_last_counts_and_what_was_told_stays(database):
    goodbye = status("L1", 1, up=False)
    Store(database).commit([status("L1", 1, fw="1.0"), status("L2", 1, fw="1.0"), goodbye])
    shown = [Fleet(database).locker(name) for name in ("L1", "L2")]
    assert [one.connected for one in shown] == [False, True]
    assert [one.status.firmware for one in shown] == ["1.0", "1.0"]


def test_a_listed_code_ends_where_its_parcel_is_not_and_no_other_parcels_code_with_it(database):
    parcels = Parcels(database)
    parcels.announce("ASTRAY", "L1", code="listed")
    parcels.announce("OTHER", "L2", code="listed")  # its grant has the same number, at the other locker
    listed = parcels.code("ASTRAY")
    Store(database).commit([events("L2", 1, deposited(1, "ASTRAY"))])
    assert parcels.code("ASTRAY") != listed  # L2 never heard of those digits and made its own from the label
    parcels.extend("ASTRAY", 2)
    Store(database).commit([events("L2", 1, collected(2, "ASTRAY"))])
    with database.read() as connection:
        live = connection.execute(select(grants.c.locker, grants.c.parcel).where(grants.c.dropped.is_(None)))
        assert [tuple(row) for row in live] == [("L2", "OTHER")]


def test_rows_that_a_database_refuses_are_refused_as_any_statement_is(database):
    store = Store(database)
    store.commit([events("L1", 1, event(1))])
    with database.read() as connection:
        arrived_at = connection.execute(select(events_table.c.arrived_at)).scalar_one()
    row = ("L1", 1, 1, 0, "closed", None, "{}", arrived_at)
    names = ("locker", "epoch", "seq", "time_s", "kind", "parcel", "data", "arrived_at")
    with pytest.raises(IntegrityError) as refused, database.write() as connection:
        insert_rows(connection, events_table, names, [row])
    assert isinstance(refused.value, DBAPIError)
    with database.read() as connection:  # nothing of it is there, and the connection is good
        assert connection.execute(select(func.count()).select_from(events_table)).scalar_one() == 1
