"""Parcels from announcement to collection, in the words of who announces them."""

import re

import pytest
from consigne.protocol import codes
from consigne.server.access.passes import Passes
from consigne.server.errors import Conflict, Invalid, NotFound
from consigne.server.fleet.fleet import Fleet
from consigne.server.ingest.store import Store
from consigne.server.parcels.parcels import DAY_S, Parcels
from consigne.server.storage.models import commands, grants, lockers
from consigne.server.storage.secret import Secret
from host_kit import T0, collected, database_at, deposited, device_key, events
from sqlalchemy import select, update


@pytest.fixture
def database(tmp_path):
    with database_at(tmp_path / "host.db", "L1", "L2") as opened:
        yield opened


@pytest.fixture
def parcels(database):
    return Parcels(database)


def test_the_code_is_known_before_the_parcel_has_arrived(parcels):
    parcels.announce("RR123456785FR", "L1")
    assert parcels.code("RR123456785FR") == codes.derived_code(device_key("L1"), "RR123456785FR")


def test_a_label_read_in_another_form_is_the_same_parcel(parcels):
    announced = parcels.announce(" rr 123 456 785 fr ", "L1")
    assert announced.id == "RR123456785FR"
    assert parcels.get("RR123456785FR") == announced
    with pytest.raises(Conflict, match="announced at L1 already"):
        parcels.announce("RR123456785FR", "L2")


def test_an_announcement_repeated_by_a_caller_who_missed_the_answer_changes_nothing(parcels):
    first = parcels.announce("P", "L1", size=2, code="listed")
    code = parcels.code("P")
    assert parcels.announce("P", "L1", size=2, code="listed") == first
    assert parcels.code("P") == code
    with pytest.raises(Conflict, match="announced at L1 already"):
        parcels.announce("P", "L1", size=3, code="listed")


@pytest.mark.parametrize(
    "id_,said",
    [("", "1 to 40"), ("X" * 41, "1 to 40"), ("caf\u00e9", "ASCII"), ("RR123456784FR", "check digit")],
)
def test_an_impossible_label_is_explained(parcels, id_, said):
    with pytest.raises(Invalid, match=said) as refused:
        parcels.announce(id_, "L1")
    assert str(refused.value)[-1].isalnum(), "a page ends the sentence"


def test_a_parcel_that_fits_nowhere_is_not_announced(parcels):
    with pytest.raises(Invalid, match="low compartment of size XL"):
        parcels.announce("P", "L1", size=4, low=True)
    assert parcels.announce("P", "L1", size=4).size == 4
    with pytest.raises(NotFound, match="no locker L9"):
        parcels.announce("Q", "L9")


def test_codes_of_a_locker_whose_key_in_the_database_is_damaged_are_refused_in_a_sentence(database, parcels):
    parcels.announce("P", "L1")
    with database.write() as connection:
        connection.execute(update(lockers).where(lockers.c.id == "L1").values(device_key=Secret(b"short")))
    passes = Passes(database)
    for ask in (
        lambda: parcels.code("P"),
        lambda: parcels.announce("Q", "L1"),
        lambda: parcels.announce("Q", "L1", code="listed"),
        lambda: passes.window_code("L1", role=1, action=1, holder=7),
        lambda: passes.console_code("L1", holder=1, number=5, by="Ada"),
        lambda: passes.token("L1", action=1, holder=7, by="Ada"),
        lambda: passes.standing("L1", role=4, action=0, holder=1, door=1, uses=0, days=9, by="Ada"),
    ):
        with pytest.raises(Conflict, match="no key of L1 that can sign"):
            ask()
    assert parcels.get("P").id == "P" and parcels.code(parcels.announce("R", "L2").id)


def test_a_listed_code_goes_to_the_locker_as_a_tag_and_never_as_digits(database, parcels):
    parcels.announce("P", "L1", code="listed", deadline_days=5)
    digits = parcels.code("P")
    assert re.fullmatch("[0-9]{8}", digits)
    with database.read() as connection:
        row = connection.execute(select(grants)).one()
    assert row.tag.reveal() == codes.listed_tag(device_key("L1"), digits)
    assert (row.parcel, row.uses, row.role, row.action, row.door) == ("P", 1, 0, 0, 65535)
    assert row.not_before < row.not_after
    assert digits not in repr(row) + repr(parcels.get("P"))


def test_the_life_of_a_parcel(database, parcels):
    store = Store(database)
    parcels.announce("P", "L1", deadline_days=2)
    store.commit([events("L1", 1, deposited(1, "P", door=4, time_s=T0))])
    parcel = parcels.get("P")
    assert (parcel.state, parcel.door, parcel.deposited_at) == ("in_locker", 4, T0)
    assert parcel.collect_by == T0 + 2 * DAY_S
    assert parcels.code("P")
    store.commit([events("L1", 1, collected(2, "P", time_s=T0 + 60))])
    parcel = parcels.get("P")
    assert (parcel.state, parcel.ended_at, parcel.overdue) == ("collected", T0 + 60, False)
    with pytest.raises(Conflict, match="does not work any more"):
        parcels.code("P")
    assert [one.kind for one in Fleet(database).events_of_parcel("P")] == ["deposited", "collected"]


def test_an_uncollected_parcel_becomes_overdue(database, parcels):
    parcels.announce("OLD", "L1", deadline_days=1)
    parcels.announce("NEW", "L1", deadline_days=1)
    import time

    now_s = int(time.time())
    old = deposited(1, "OLD", time_s=now_s - DAY_S - 5)
    Store(database).commit([events("L1", 1, old, deposited(2, "NEW", time_s=now_s))])
    assert parcels.get("OLD").overdue and not parcels.get("NEW").overdue


def test_a_collected_parcels_grant_is_withdrawn_so_the_set_stays_small(database, parcels):
    parcels.announce("P", "L1", code="listed")
    Store(database).commit([events("L1", 1, deposited(1, "P"), collected(2, "P"))])
    with database.read() as connection:
        assert connection.execute(select(grants.c.dropped)).scalar_one() is not None


@pytest.mark.parametrize("code", ["derived", "listed"])
def test_a_revoked_code_is_withdrawn_on_every_way_it_works(database, parcels, code):
    parcels.announce("P", "L1", code=code)
    Store(database).commit([events("L1", 1, deposited(1, "P"))])
    assert parcels.revoke("P").state == "in_locker", "the parcel itself does not move"
    with pytest.raises(Conflict, match="revoked"):
        parcels.code("P")
    with database.read() as connection:
        assert connection.execute(select(commands.c.cmd)).scalars().all() == ["revoke"]
        dropped = connection.execute(select(grants.c.dropped)).scalars().all()
    assert all(dropped) and len(dropped) == (code == "listed")


def test_a_revoked_parcel_that_never_came_is_cancelled_and_needs_another_kind_of_code(parcels):
    parcels.announce("P", "L1")
    assert parcels.revoke("P").state == "cancelled"
    with pytest.raises(Conflict, match="nothing to revoke"):
        parcels.revoke("P")
    with pytest.raises(Conflict, match="announce it with code 'listed'"):
        parcels.announce("P", "L1")
    assert parcels.announce("P", "L1", code="listed").state == "announced"


def test_two_parcels_with_the_same_digits_are_not_announced_to_one_locker(parcels, database):
    """Six digits, so that a pair is soon found."""
    Fleet(database).register("L6", device_key("L6"), digits=6)
    seen, n = {}, 0
    while True:
        digits = codes.derived_code(device_key("L6"), f"P{n}", 6)
        if digits in seen:
            break
        seen[digits], n = n, n + 1
    parcels.announce(f"P{seen[digits]}", "L6")
    with pytest.raises(Conflict, match="same code"):
        parcels.announce(f"P{n}", "L6")
    parcels.announce(f"P{n}", "L6", code="listed")
    assert parcels.code(f"P{n}") != digits


def test_a_list_shows_what_still_needs_attention(database, parcels):
    for name, locker in (("A", "L1"), ("B", "L1"), ("C", "L2")):
        parcels.announce(name, locker)
    Store(database).commit([events("L1", 1, deposited(1, "A"), collected(2, "A"))])
    assert {parcel.id for parcel in parcels.list()} == {"A", "B", "C"}
    assert [parcel.id for parcel in parcels.list("L1", open_only=True)] == ["B"]
