"""What a locker tells of revocations and counters, believed as far as it can only take away."""

import json
import time

import pytest
from consigne.protocol import frames, messages
from consigne.protocol.untrusted import U32_MAX, ProtocolError, dump
from consigne.server.access.passes import Passes
from consigne.server.access.withdrawing import REVOKED_S
from consigne.server.clock import now_s
from consigne.server.errors import Conflict
from consigne.server.fleet import commands, contents
from consigne.server.fleet.orders import Orders
from consigne.server.ingest import learning
from consigne.server.ingest.decode import Message
from consigne.server.ingest.store import Store
from consigne.server.parcels.parcels import Parcels
from consigne.server.storage.models import audit, holders, lockers, parcels
from consigne.server.storage.models import commands as table
from host_kit import deposited, device_key, events, status
from locker.core import records
from locker.core.revoked import mark_of
from sqlalchemy import func, select, update

DIGEST = 77
UNTIL = int(time.time()) + REVOKED_S + 86_400  # of tests that run long after this was read, too


@pytest.fixture
def database(databases):
    with databases.opened("L1", "L2") as opened:
        yield opened


@pytest.fixture
def store(database):
    return Store(database)


def told(*rows, digest=DIGEST, first=0, following=0, locker="L1"):
    body = {"digest": digest, "from": first, "revoked": [list(row) for row in rows], "next": following}
    return Message(locker, messages.parse_reply(dump(body)))


def parcel(id_, until=UNTIL):
    return records.REVOKED, mark_of(id_.encode()).hex(), until


def nonce(number, until=UNTIL):
    return records.REVOKE_NONCE, number, until


def sent(database, locker="L1"):
    """The commands that go out now, in their order."""
    out = []
    with database.write() as connection:
        for one in commands.turn(connection, ["L1", "L2"], {}, now_s()).outgoing:
            if one.locker == locker:
                body = frames.open_frame(device_key(locker), frames.LABEL_COMMAND, one.topic, one.payload)
                out.append(json.loads(body))
    return out


def asked(database, store, **more):
    """A locker says that it refuses something; the host asks."""
    store.commit([status("L1", 1, revoked=DIGEST, **more)])
    return [one["from"] for one in sent(database) if one["cmd"] == "revoked"]


def known(database):
    with database.read() as connection:
        return contents.revoked(connection, "L1", now_s())


def test_what_a_locker_refuses_is_asked_until_the_host_has_learnt_it(database, store):
    assert asked(database, store) == [0]
    store.commit([told(parcel("P1"), nonce(5), following=2)])
    assert [one["from"] for one in sent(database) if one["cmd"] == "revoked"] == [2]
    store.commit([told(nonce(6), first=2)])
    _, mark, until = parcel("P1")
    assert known(database) == {"parcels": {}, "nonces": {5: UNTIL, 6: UNTIL}, "marks": {mark: until}}
    assert asked(database, store) == [], "all of it is known"


def test_a_host_that_has_never_been_told_anything_asks_a_locker_that_refuses_nothing_for_nothing(
    database, store
):
    store.commit([status("L1", 1, revoked=0), status("L2", 1)])
    assert sent(database) == []


def test_a_code_revoked_after_the_copy_is_shown_no_more_and_a_parcel_not_known_is_refused(database, store):
    parcels_ = Parcels(database)
    parcels_.announce("P1", "L1", code="listed")
    parcels_.announce("P3", "L1")
    store.commit([events("L1", 1, deposited(1, "P1"))])
    asked(database, store, grants=0)
    store.commit([told(parcel("P1"), parcel("P2"), parcel("P3")), answer(database)])
    assert (parcels_.get("P1").revoked, parcels_.get("P1").state) == (True, "in_locker")
    assert (parcels_.get("P3").revoked, parcels_.get("P3").state) == (True, "cancelled")
    for id_ in ("P1", "P3"):
        with pytest.raises(Conflict):
            parcels_.code(id_)
    with pytest.raises(Conflict, match="revoked"):
        parcels_.announce("P2", "L1")
    store.commit([events("L1", 1, deposited(2, "P2", door=5))])
    with pytest.raises(Conflict, match="revoked"):
        parcels_.code("P2")  # one that turns up after all
    (grants,) = [one for one in sent(database) if one["cmd"] == "grants"]
    assert grants["add"] == grants["expect"] == []
    with database.read() as connection:
        noted = select(audit.c.parcel, audit.c.detail).where(audit.c.action == "learn revoked")
        rows = connection.execute(noted).all()
    assert sorted(row.parcel for row in rows if row.parcel) == ["P1", "P3"]
    assert [row.detail[:24] for row in rows if not row.parcel] == ["1 of parcels unknown her"]


def test_no_code_is_sent_while_a_locker_is_asked_what_is_revoked(database, store):
    Parcels(database).announce("P1", "L1", code="listed")
    store.commit([status("L1", 1, revoked=DIGEST, grants=0)])
    assert [one["cmd"] for one in sent(database)] == ["revoked"]
    store.commit([told(parcel("P1")), answer(database)])
    assert [one["add"] for one in sent(database) if one["cmd"] == "grants"] == [[]]


def answer(database):
    """The locker's word that it has told what is revoked."""
    with database.read() as connection:
        here = (table.c.cmd == "revoked") & (table.c.state == "sent")
        id_ = connection.execute(select(table.c.id).where(here)).scalar_one()
    return Message("L1", messages.parse_reply(dump({"id": id_, "result": "ok"})))


def test_a_parcel_announced_anew_with_other_digits_since_then_stays_valid(database, store):
    Parcels(database).announce("P1", "L1", code="listed")
    asked(database, store)
    store.commit([told(parcel("P1", until=now_s() + 60 * 86_400))])  # revoked a month ago
    assert not Parcels(database).get("P1").revoked


def test_another_lockers_parcel_is_not_revoked(database, store):
    Parcels(database).announce("P1", "L2")
    asked(database, store)
    store.commit([told(parcel("P1"))])
    assert not Parcels(database).get("P1").revoked


@pytest.mark.parametrize("lie", [told(parcel("P1"), digest=1), told(parcel("P1"), first=9)])
def test_what_was_not_asked_or_is_of_another_set_is_not_believed(database, store, lie):
    Parcels(database).announce("P1", "L1")
    store.commit([told(parcel("P1"))])
    asked(database, store)
    store.commit([lie])
    assert not Parcels(database).get("P1").revoked


def test_a_set_of_a_hundred_thousand_ends_at_its_bound_and_harms_nobody_else(database, store):
    assert asked(database, store) == [0]
    first = pieces = 0
    while first is not None and pieces < 700:
        rows = [nonce(first + n) for n in range(1, 151)]
        store.commit([told(*rows, first=first, following=min(first + 150, 65_535)), status("L2", 1)])
        pieces += 1
        first = next((one["from"] for one in sent(database) if one["cmd"] == "revoked"), None)
    assert pieces <= learning.ENTRIES_MAX // 150 + 1
    assert len(known(database)["nonces"]) <= learning.LEARNT_MAX
    with pytest.raises(ProtocolError):
        told(*[nonce(n) for n in range(100_000)])


@pytest.mark.parametrize(
    "rows",
    [
        [[89, "00" * 8]],
        [[69, -1, UNTIL]],
        [[70, 1, 1, 70_000, 5]],
        [[89, "", UNTIL]],
        [[89, "00" * 9, UNTIL]],
        [[89, "00" * 8, 1.5]],
        [[89, 7, UNTIL]],
    ],
)
def test_what_is_no_revocation_is_malformed(rows):
    with pytest.raises(ProtocolError):
        told(*rows)


# --- holders --------------------------------------------------------------------------------------------


def test_a_couriers_code_is_made_from_the_number_that_its_locker_takes(database, store):
    passes = Passes(database)
    before = passes.window_code("L1", role=1, action=1, holder=7).code
    asked(database, store)
    store.commit([told((records.HOLDER_COUNTER, 1, 1, 7, 40_000))])
    assert passes.window_code("L1", role=1, action=1, holder=7).code != before
    assert passes.window_code("L2", role=1, action=1, holder=7).code != before


def test_a_revocation_that_is_on_its_way_is_newer_than_what_the_locker_has(database, store):
    asked(database, store)
    Orders(database).revoke_holder("L1", 1, 1, 7)
    code = Passes(database).window_code("L1", role=1, action=1, holder=7).code
    store.commit([told((records.HOLDER_COUNTER, 1, 1, 7, 1234))])
    assert Passes(database).window_code("L1", role=1, action=1, holder=7).code == code


@pytest.mark.parametrize("lie", [(9, 1, 7, 40_000), (1, 9, 7, 40_000), (1, 1, 7, 8), (1, 1, 50_000, 40_000)])
def test_a_number_that_no_host_gave_is_not_taken(database, store, lie):
    asked(database, store)
    store.commit([told((records.HOLDER_COUNTER, *lie))])
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(holders)).scalar() == 0


# --- counters -------------------------------------------------------------------------------------------


def counter(database, locker="L1"):
    with database.read() as connection:
        return connection.execute(
            select(lockers.c.command_counter).where(lockers.c.id == locker)
        ).scalar_one()


def test_the_first_command_after_a_restore_is_above_all_that_the_locker_took(database, store):
    ahead = now_s() + 366 * 86_400
    store.commit([status("L1", 1, n=ahead), status("L2", 1, n=5)])
    Orders(database).open("L1", 3)
    Orders(database).open("L2", 3)
    (order,), (other,) = sent(database), sent(database, "L2") or [{"n": 0}]
    assert ahead < order["n"] <= ahead + 2 * learning.COUNTER_AHEAD
    assert counter(database, "L2") <= now_s() + 1, other
    again = counter(database)
    store.commit([status("L1", 1, n=order["n"])])
    assert counter(database) == again, "it rises no further by itself"


@pytest.mark.parametrize("lie", [learning.COUNTER_MAX + 1, 4_000_000_000 + 294_000_000, U32_MAX])
def test_a_counter_that_no_host_gave_is_not_adopted(database, store, lie):
    before = counter(database)
    store.commit([status("L1", 1, n=lie), status("L2", 1, n=lie - 10)])
    assert counter(database) == before


def test_a_parcel_that_is_over_needs_no_code_and_is_marked_all_the_same(database, store):
    Parcels(database).announce("P1", "L1")
    with database.write() as connection:
        connection.execute(update(parcels).values(state="collected", ended_at=now_s()))
    asked(database, store)
    store.commit([told(parcel("P1"))])
    with pytest.raises(Conflict, match="revoked"):
        Parcels(database).announce("P1", "L1")
