"""Two ingest workers, the leader and the API meet on one PostgreSQL, and nobody is a deadlock's victim."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from consigne.protocol import messages
from consigne.server.fleet import commands
from consigne.server.ingest.decode import Message
from consigne.server.ingest.store import Store
from consigne.server.parcels.parcels import Parcels
from consigne.server.storage import locks
from consigne.server.storage.database import Database
from consigne.server.storage.models import lockers, streams
from databases import Databases
from host_kit import collected, deposited, event, events, occupancy, register, status
from sqlalchemy import func, select, text, update

LOCKERS = [f"N{n:02}" for n in range(40)]
ROUNDS = 8


@pytest.fixture
def database(postgres):
    kind = Databases("postgresql", postgres)
    with kind.opened() as opened:
        register(opened, LOCKERS)
        yield opened
    kind.close()


def messages_of(rng, epoch, names):
    """What lockers say in one batch, in any order: the same parcels turn up at several of them.

    A locker says the same to either worker: else it would be two, see ``ingest.copies``.
    """
    said = []
    for name in names:
        drawn = random.Random(f"{name} {epoch}")
        parcel = f"P{drawn.randrange(30)}"
        said.append(events(name, epoch, deposited(1, parcel), collected(2, f"Q{drawn.randrange(30)}")))
        said.append(events(name, epoch, event(3), event(4)))
        said.append(status(name, epoch, seq=5, ack=0, grants=0))
        said.append(occupancy(name, epoch, 4, [(1, 0, parcel), (0, 0, None)]))
        said.append(Message(name, messages.AskTime(rng.randrange(1, 1000))))
    rng.shuffle(said)
    return said


def work(url, seed):
    """A worker: every batch is the first contact with some journals, which the other one meets too."""
    rng, database = random.Random(seed), Database(url)
    store = Store(database)
    for epoch in range(1, ROUNDS + 1):
        said = messages_of(rng, epoch, rng.sample(LOCKERS, 30))
        half = len(said) // 2
        for batch in (said[:half], said[half:]):
            store.commit(batch)
    database.close()


def lead(url, seed):
    """The leader's second hand: commands sent and ended, lockers that are no longer connected."""
    rng, database = random.Random(seed), Database(url)
    store = Store(database)
    for _ in range(ROUNDS * 2):
        now_s = int(time.time())
        for name in rng.sample(LOCKERS, 10):
            with database.write() as connection:
                commands.issue(connection, name, commands.BLOCK, {"door": 1}, now_s, subject="block 1")
        with database.write() as connection:
            commands.turn(connection, LOCKERS, {}, now_s)
        store.forget_presence()
    database.close()


def ask(url, seed):
    """Senders who announce parcels, listed ones, and take some back."""
    rng, database = random.Random(seed), Database(url)
    parcels = Parcels(database)
    for number in range(ROUNDS * 4):
        id_ = f"A{seed}P{number}"
        parcels.announce(id_, rng.choice(LOCKERS), code="listed")
        if number % 2:
            parcels.revoke(id_)
    database.close()


def test_workers_leader_and_api_that_meet_at_first_contact_make_no_deadlock(database):
    url = database.engine.url.render_as_string(hide_password=False)
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(one, url, seed) for seed, one in enumerate((work, work, lead, ask))]
        for one in running:
            one.result(timeout=180)
    with database.read() as connection:
        counted = select(func.min(streams.c.contiguous), func.max(streams.c.contiguous)).where(
            streams.c.islands == "[]"
        )
        assert connection.execute(counted).one() == (4, 4)
        deadlocks = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert connection.execute(deadlocks).scalar_one() == 0


def test_a_transaction_that_was_a_deadlocks_victim_is_tried_again_and_both_are_done(database):
    """Two that break the order on purpose: each holds one locker and wants the other's."""
    both = threading.Barrier(2, timeout=180)
    tries = []

    def cross(first, second):
        def work(connection):
            tries.append(first)
            locks.lock_lockers(connection, [first])
            if len(tries) <= 2:
                both.wait()
            locks.lock_lockers(connection, [second])
            mine = lockers.c.id.in_([first, second])
            connection.execute(update(lockers).where(mine).values(next_grant=lockers.c.next_grant + 1))

        database.transact(work)

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(cross, *pair) for pair in (LOCKERS[:2], LOCKERS[1::-1])]
        for one in running:
            one.result(timeout=180)
    assert database.met >= 1 and len(tries) == 2 + database.met
    with database.read() as connection:
        changed = select(lockers.c.next_grant).where(lockers.c.id.in_(LOCKERS[:2]))
        assert connection.execute(changed).scalars().all() == [3, 3]
