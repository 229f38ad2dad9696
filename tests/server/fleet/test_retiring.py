"""A locker that is taken down: refused while it is used, silent afterwards, remembered for ever."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from consigne.cli import app
from consigne.server.access.passes import Passes
from consigne.server.errors import Conflict, NotFound
from consigne.server.fleet import retiring
from consigne.server.fleet.fleet import Fleet
from consigne.server.fleet.orders import Orders
from consigne.server.fleet.overview import Overview
from consigne.server.ingest.store import Store
from consigne.server.parcels.counter import Counter
from consigne.server.parcels.parcels import Parcels
from consigne.server.people.accounts import Accounts
from consigne.server.people.roles import Role
from consigne.server.storage.database import Database
from consigne.server.storage.documents import Place
from consigne.server.storage.models import commands as commands_table
from consigne.server.storage.models import grants, lockers
from host_kit import T0, collected, database_at, deposited, device_key, event, events, occupancy, status
from sqlalchemy import select
from typer.testing import CliRunner

WAITS_S = 0.2  # who has not ended by then waits for a lock


@pytest.fixture
def database(databases):
    with databases.opened("L1", "L2") as opened:
        yield opened


def retire(database, locker="L1"):
    Fleet(database).retire(locker, "Ada")


def test_a_locker_with_a_parcel_inside_is_not_retired_and_the_parcel_is_named(database):
    store = Store(database)
    store.commit([status("L1", 1), events("L1", 1, deposited(1, "RR123456785FR"))])
    with pytest.raises(Conflict, match=r"still holds 1 parcel \(RR123456785FR\): have them collected"):
        retire(database)
    store.commit([events("L1", 1, collected(2, "RR123456785FR"), event(3, "forced", door=2, parcel="ODD"))])
    with pytest.raises(Conflict, match="ODD"):  # nobody knows whether it lies there still
        retire(database)
    assert Fleet(database).locker("L1").retired_at is None


def test_a_locker_that_says_something_lies_in_it_is_not_retired(database):
    Store(database).commit([occupancy("L1", 1, 1, [(0, 0, None), (1, 0, None)])])
    with pytest.raises(Conflict, match="something lies in 1 of its compartments"):
        retire(database)
    Store(database).commit([occupancy("L1", 1, 2, [(0, 0, None), (4, 0, None)])])  # blocked, but empty
    retire(database)


def test_a_locker_to_which_parcels_are_on_their_way_is_not_retired(database):
    for n in range(5):
        Parcels(database).announce(f"P{n}", "L1")
    with pytest.raises(Conflict, match=r"5 parcels \(P0, P1, P2, \.\.\) still to come"):
        retire(database)
    for n in range(5):
        Parcels(database).revoke(f"P{n}")
    retire(database)


def test_whatever_opened_it_is_withdrawn_and_nothing_new_is_given_out(database):
    Store(database).commit([status("L1", 1)])
    passes, orders = Passes(database), Orders(database)
    passes.standing("L1", role=4, action=1, holder=1, door=65_535, uses=0, days=9, by="Ada")
    command = orders.block("L1", 0, "Ada")
    accounts = Accounts(database)
    key = accounts.add("Shop", Role.PARTNER, holder=3, locker="L1", by="Ada")
    accounts.set_password("Shop", "a password of length", "Ada")
    session = accounts.log_in("Shop", "a password of length")
    retire(database)
    assert accounts.by_key(key) is None and accounts.by_session(session) is None
    with database.read() as connection:
        assert connection.execute(select(grants).where(grants.c.dropped.is_(None))).first() is None
        told = connection.execute(
            select(commands_table.c.state).where(commands_table.c.id == command)
        ).scalar()
        assert told == "expired"
        kept = connection.execute(select(lockers.c.device_key).where(lockers.c.id == "L1")).scalar_one()
        assert kept.reveal() != device_key("L1")  # a copy of this database makes no code that opens it
    for act in (
        lambda: passes.window_code("L1", role=1, action=1, holder=7),
        lambda: passes.token("L1", action=1, holder=0, door=65_535, parcel="", days=1, by="Ada"),
        lambda: orders.open("L1", 0, "Ada"),
        lambda: Parcels(database).announce("P", "L1"),
        lambda: Fleet(database).register("L1", device_key("L1")),
        lambda: retire(database),
    ):
        with pytest.raises(Conflict, match="L1 was retired on 20"):
            act()


def test_its_history_stays_and_what_it_still_says_is_neither_stored_nor_acknowledged(database):
    store = Store(database)
    store.commit([events("L1", 1, deposited(1, "P"), collected(2, "P"), event(4)), status("L1", 1)])
    retire(database)
    outcome = store.commit([events("L1", 1, event(3)), status("L1", 1), events("L2", 1, event(1))])
    assert outcome.retired == 2
    assert set(outcome.held) == {("L2", 1)}
    fleet = Fleet(database)
    assert [one.seq for one in fleet.events("L1")] == [1, 2, 4]
    assert [one.kind for one in fleet.events_of_parcel("P")] == ["deposited", "collected"]
    assert not fleet.locker("L1").connected
    assert store.open_gaps() == {}  # nobody is asked for number 3 any more
    assert fleet.names() == ["L2"]  # whom broker-config lets in
    assert [line.id for line in Overview(database).lines()] == ["L2"]
    assert [point.id for point in Overview(database).points()] == ["L2"]


def test_a_counter_is_retired_once_its_shelves_are_empty(database):
    fleet, counter = Fleet(database), Counter(database)
    fleet.register_counter("Shop", 3, Place("Shop"))
    Parcels(database).announce("P", "Shop")
    counter.take_in("Shop", "P", by="Ada")
    with pytest.raises(Conflict, match="still holds 1 parcel"):
        retire(database, "Shop")
    counter.hand_over("Shop", Parcels(database).code("P"), by="Ada")
    retire(database, "Shop")
    with pytest.raises(Conflict, match="was retired"):
        counter.take_in("Shop", "Q", by="Ada")
    with pytest.raises(Conflict, match="was retired"):
        fleet.register_counter("Shop", 3, Place("Shop"))


def meanwhile(act):
    """``act`` in a thread, waiting already for a transaction that is still open; ask for its ``result``."""
    done = ThreadPoolExecutor(1).submit(act)
    with pytest.raises(TimeoutError):
        done.result(WAITS_S)
    return done


def test_a_parcel_left_while_the_operator_retires_the_locker_keeps_it_in_service(database):
    store = Store(database)
    store.commit([events("L1", 1, event(1))])
    with database.write() as connection:
        store.commit_within(connection, [events("L1", 1, deposited(2, "P"))])
        retiring_ = meanwhile(lambda: retire(database))
    with pytest.raises(Conflict, match=r"still holds 1 parcel \(P\)"):
        retiring_.result()


@pytest.mark.parametrize("seq", [2, 1], ids=["known", "first event ever"])
def test_a_parcel_left_after_the_locker_was_retired_is_not_acknowledged(database, seq):
    store = Store(database)
    if seq > 1:
        store.commit([events("L1", 1, event(1))])
    with database.write() as connection:
        retiring.retire(connection, "L1", "Ada", T0)
        storing = meanwhile(lambda: store.commit([events("L1", 1, deposited(seq, "P"))]))
    outcome = storing.result()
    assert (outcome.retired, outcome.held, outcome.parcels) == (1, {}, set())


def test_a_name_nobody_has_cannot_be_retired(database):
    with pytest.raises(NotFound, match="no locker L9"):
        retire(database, "L9")


def test_the_command_says_what_is_left_to_do(tmp_path):
    with database_at(tmp_path / "host.db"):
        pass
    url = f"sqlite:///{tmp_path / 'host.db'}"
    done = CliRunner().invoke(app, ["retire", "L1", "--database", url])
    assert done.exit_code == 0
    assert "consigne broker-config" in done.output and "consigne device erase" in done.output
    again = CliRunner().invoke(app, ["retire", "L1", "--database", url])
    assert again.exit_code == 2 and "was retired on" in again.output
    database = Database(url)
    assert Fleet(database).locker("L1").retired_at
    database.close()


def test_a_name_given_to_the_command_does_not_steer_the_terminal(tmp_path):
    with database_at(tmp_path / "host.db"):
        pass
    name = "t\x1b]0;title\x07\nt"
    done = CliRunner().invoke(app, ["retire", name, "--database", f"sqlite:///{tmp_path / 'host.db'}"])
    assert done.exit_code == 2 and "t\\u001b]0;title\\u0007\\u000at" in done.output
    assert not set(done.output) & set("\x1b\x07"), done.output
