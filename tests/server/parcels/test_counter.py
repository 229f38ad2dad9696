"""An attended counter: parcels in, on a shelf, out for a code, with the same records as at a locker."""

import threading

import pytest
from consigne.server.errors import Conflict, Invalid, NotFound
from consigne.server.fleet.fleet import Fleet
from consigne.server.fleet.overview import Overview
from consigne.server.ingest.store import Store
from consigne.server.parcels import counter as module
from consigne.server.parcels.counter import Counter, TooMany
from consigne.server.parcels.parcels import Parcels
from consigne.server.people import rate_limit
from consigne.server.people.audit import trail
from consigne.server.storage.documents import Place


@pytest.fixture
def database(databases):
    with databases.opened("L1") as opened:
        Fleet(opened).register_counter("shop", 3, Place("Librairie du Port"), by="Ada")
        yield opened


@pytest.fixture
def counter(database):
    return Counter(database)


def test_a_parcel_is_taken_in_found_by_its_code_and_handed_over_once(database, counter):
    parcels = Parcels(database)
    parcels.announce("RR123456785FR", "shop")
    code = parcels.code("RR123456785FR")
    with pytest.raises(NotFound, match="no parcel here has this code"):
        counter.find("shop", code)
    assert counter.take_in("shop", "RR123456785FR", "2", by="Marie") == "2"
    assert parcels.get("RR123456785FR").state == "in_locker"
    assert counter.find("shop", f"{code[:4]} {code[4:]}") == ("RR123456785FR", "2")
    assert counter.hand_over("shop", code, by="Marie", paper=True).shelf == "2"
    assert parcels.get("RR123456785FR").state == "collected"
    with pytest.raises(NotFound):
        counter.hand_over("shop", code, by="Marie")
    kinds = [event.kind for event in Fleet(database).events("shop")]
    assert kinds == ["deposited", "collected"]
    with database.read() as connection:
        told = [(entry.by, entry.action, entry.detail) for entry in trail(connection, "shop")[:2]]
    assert told == [
        ("Marie", "collected", "shelf 2, for its code, paper seen"),
        ("Marie", "take in", "shelf 2"),
    ]


def test_without_a_shelf_the_emptiest_is_proposed_and_the_shelves_are_shown(database, counter):
    shelves = [counter.take_in("shop", f"P{number}", by="Marie") for number in range(4)]
    assert shelves == ["1", "2", "3", "1"]
    told = [(one.content, one.parcel) for one in Fleet(database).compartments("shop")]
    assert [content for content, _ in told] == ["parcel"] * 3
    assert {one.seen for one in Fleet(database).compartments("shop")} == {"closed"}
    counter.give_back("shop", "P1", by="Marie")
    assert Fleet(database).compartments("shop")[1].content == "empty"
    assert Parcels(database).get("P1").state == "returned"


def test_what_cannot_be_is_refused_in_the_clerks_words(database, counter):
    Parcels(database).announce("ELSEWHERE", "L1")
    counter.take_in("shop", "HERE", by="Marie")
    for act, error, said in (
        (lambda: counter.take_in("shop", "HERE", by="Marie"), Conflict, "at shop already"),
        (lambda: counter.take_in("shop", "ELSEWHERE", by="Marie"), Conflict, "belongs to L1, not here"),
        (lambda: counter.take_in("shop", "NEW", "9", by="Marie"), Invalid, "from 1 to 3"),
        (lambda: counter.give_back("shop", "NEW", by="Marie"), Conflict, "not on a shelf here"),
        (lambda: counter.take_in("L1", "NEW", by="Marie"), NotFound, "no counter L1"),
        (lambda: Fleet(database).register_counter("L1", 3, Place()), Conflict, "L1 is a locker"),
        (lambda: Fleet(database).register_counter("big", 501, Place()), Invalid, "1 to 500 shelves"),
    ):
        with pytest.raises(error, match=said):
            act()


def test_wrong_codes_are_slowed_down(counter, monkeypatch):
    at = [50.0]
    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: at[0])
    for _ in range(module.TRIES):
        with pytest.raises(NotFound):
            counter.find("shop", "00000000")
    with pytest.raises(TooMany, match=r"wait 6[01] s"):
        counter.find("shop", "00000000")
    at[0] += module.TRY_EVERY_S
    with pytest.raises(NotFound):
        counter.find("shop", "00000000")


def test_who_types_no_code_is_told_to_and_has_tried_none(counter):
    for _ in range(2 * module.TRIES):
        with pytest.raises(Invalid, match="type the customer's code first"):
            counter.find("shop", "  ")
    with pytest.raises(NotFound):
        counter.find("shop", "00000000")


def test_two_clerks_at_once_lose_nothing(database, counter):
    def take(name):
        for number in range(10):
            counter.take_in("shop", f"{name}{number}", by=name)

    threads = [threading.Thread(target=take, args=(name,)) for name in ("A", "B")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = Fleet(database).events("shop")
    assert [event.seq for event in told] == list(range(1, 21))
    assert len(Parcels(database).list("shop", open_only=True)) == 20
    assert Fleet(database).locker("shop").events.conflicts == 0


def test_a_counter_is_open_though_no_device_speaks_for_it(database, counter):
    Store(database).forget_presence()
    shown = {line.id: line for line in Overview(database).page().lines}
    assert shown["shop"].connected and shown["shop"].needs == []
    assert "shop" not in Fleet(database).names(), "no broker account is made for it"


def test_a_withdrawn_code_hands_nothing_over(database, counter):
    parcels = Parcels(database)
    parcels.announce("RR123456785FR", "shop", code="listed")
    code = parcels.code("RR123456785FR")
    counter.take_in("shop", "RR123456785FR", by="Marie")
    parcels.revoke("RR123456785FR")
    with pytest.raises(NotFound):
        counter.find("shop", code)
