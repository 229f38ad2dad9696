"""Answers and sendings of one command that meet on PostgreSQL: whoever comes first, both are done."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from consigne.protocol import messages
from consigne.server.fleet import answers, commands
from consigne.server.ingest.decode import Message
from consigne.server.ingest.store import Store
from consigne.server.storage.models import commands as table
from consigne.server.storage.models import lockers
from host_kit import T0, event, events
from sqlalchemy import select, text, update

LOCKERS = ("L1", "L2")

LATER_S = T0 + commands.ANSWER_WITHIN_S + 1


@pytest.fixture
def database(request):
    with request.getfixturevalue("on_postgres").opened("L1") as opened:
        yield opened


@pytest.fixture
def on_postgres(postgres):
    from databases import Databases

    kind = Databases("postgresql", postgres)
    yield kind
    kind.close()


def sent_grants(database):
    """The id of a command that was sent, unanswered, and is due to be sent again."""
    Store(database).commit([events("L1", 1, event(1))])
    with database.write() as connection:
        connection.execute(update(lockers).values(up=True, grants_have=0, grants_version=1))
        commands.repair_grants(connection, LOCKERS, T0)
        return commands.send(connection, LOCKERS, T0).outgoing[0].id


def answer_by_event(database, id_):
    Store(database).commit([events("L1", 1, event(2, "command", counter=T0, id=id_, result=0))])


def answer_by_reply(database, id_):
    Store(database).commit([Message("L1", messages.Reply(id_, "ok"))])


def send_again(database, _id):
    with database.write() as connection:
        commands.turn(connection, LOCKERS, {}, LATER_S)


def waiting(database):
    with database.read() as connection:
        return connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar()


def wait_until(condition):
    while not condition():
        threading.Event().wait(0.01)


@pytest.mark.parametrize("is_answer_first", [True, False], ids=["answer first", "sending first"])
@pytest.mark.parametrize("answer", [answer_by_event, answer_by_reply])
def test_an_answer_and_a_sending_that_meet_are_both_done(database, answer, is_answer_first):
    id_ = sent_grants(database)
    both = [answer, send_again] if is_answer_first else [send_again, answer]
    with ThreadPoolExecutor(2) as pool:
        with database.write() as holder:  # both have to wait for the locker, so they meet behind it
            holder.execute(select(lockers).where(lockers.c.id == "L1").with_for_update())
            running = []
            for one in both:
                running.append(pool.submit(one, database, id_))
                wait_until(lambda: waiting(database) >= len(running) or any(one.done() for one in running))
        for one in running:
            one.result(timeout=180)
    with database.read() as connection:
        assert connection.execute(select(table.c.state).where(table.c.id == id_)).scalar() == answers.DONE
