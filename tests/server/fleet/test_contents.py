"""A locker that begins a new journal is told it: nothing is given away, nothing opens again."""

import json

import pytest
from consigne.protocol import codes, frames, messages
from consigne.protocol.untrusted import dump
from consigne.server.access.passes import Passes
from consigne.server.clock import now_s
from consigne.server.fleet import commands, contents
from consigne.server.fleet.orders import Orders
from consigne.server.ingest.decode import Message
from consigne.server.ingest.store import Store
from consigne.server.parcels.parcels import Parcels
from consigne.server.storage.models import audit, lockers
from consigne.server.storage.models import commands as table
from host_kit import collected, deposited, device_key, event, events, occupancy, status
from locker.core import doors
from locker.net import messages as device_messages
from sqlalchemy import update

INSIDE, GONE = "RR123456785FR", "JD000000000000000001"
EMPTY = [0, 0, None]


@pytest.fixture
def database(databases):
    with databases.opened("L1", "L2") as opened:
        yield opened


@pytest.fixture
def store(database):
    return Store(database)


def sent(database, locker="L1"):
    """The commands that go out now, as their locker reads them, by their names."""
    out = {}
    with database.write() as connection:
        for one in commands.send(connection, ["L1", "L2"], now_s()).outgoing:
            if one.locker == locker:
                key = device_key(locker)
                body = frames.open_frame(key, frames.LABEL_COMMAND, one.topic, one.payload)
                out[json.loads(body)["cmd"]] = device_messages.parse_command(body)
    return out


def told(database, store, epoch=2):
    """What a swapped board is told, in all its pieces, each answered."""
    store.commit([status("L1", epoch, wants=True, seq=1)])
    pieces = []
    while True:
        piece = sent(database).get("contents")
        if piece is None:
            return pieces
        pieces.append(piece)
        store.commit([reply(piece["id"])])


def reply(id_, result="ok", locker="L1"):
    return Message(locker, messages.parse_reply(dump({"id": id_, "result": result})))


def test_a_new_locker_is_told_that_nothing_lies_in_it(database, store):
    (piece,) = told(database, store)
    assert piece["epoch"] == 2 and piece["tries"] == 20 and not piece["more"]
    assert piece["doors"] == [[0, 0, ""]] * 12
    assert not any(piece[name] for name in ("parcels", "nonces", "used", "holders"))


def test_one_that_does_not_ask_is_told_nothing(database, store):
    store.commit([status("L1", 2), status("L2", 0, wants=True)])
    assert "contents" not in sent(database) | sent(database, "L2")


def test_the_last_occupancy_is_told_and_every_later_event(database, store):
    rows = [[1, 0, INSIDE], [4, 0, None], [2, 1, "P2"], [3, 1, None], [1, 0, GONE], *[EMPTY] * 7]
    late = [event(8), collected(9, GONE, door=4), deposited(10, "P9", door=9)]
    before = [deposited(1, INSIDE, door=0), deposited(2, GONE, door=4), deposited(3, "P2", door=2)]
    store.commit([events("L1", 1, *before), occupancy("L1", 1, 7, rows), events("L1", 1, *late)])
    (piece,) = told(database, store)
    look = doors.BLOCKED_FORCED
    assert piece["doors"][:3] == [[1, 0, INSIDE], [0, doors.BLOCKED_OPERATOR, ""], [1, look, "P2"]]
    assert piece["doors"][3:6] == [[1, look, ""], [0, 0, ""], [0, 0, ""]]
    assert piece["doors"][9] == [1, 0, "P9"]


def test_an_occupancy_that_is_newer_than_all_events_is_believed(database, store):
    store.commit([events("L1", 1, deposited(1, INSIDE, door=0), deposited(2, GONE, door=4))])
    rows = [[1, 0, INSIDE], *[EMPTY] * 11]  # the event of the collection was lost with the board
    store.commit([occupancy("L1", 1, 30, rows)])
    (piece,) = told(database, store)
    assert [row[0] for row in piece["doors"]] == [1] + [0] * 11


def test_an_occupancy_of_which_little_changed_is_newer_than_all_events_too(database, store):
    store.commit([occupancy("L1", 1, 1, [EMPTY] * 12)])
    store.commit([events("L1", 1, deposited(1, INSIDE, door=0), deposited(2, GONE, door=4))])
    store.commit(
        [occupancy("L1", 1, 30, [[1, 0, INSIDE], *[EMPTY] * 11])]
    )  # the others as before: not written
    (piece,) = told(database, store)
    assert [row[0] for row in piece["doors"]] == [1] + [0] * 11


def test_without_an_occupancy_the_parcels_tell(database, store):
    store.commit([events("L1", 1, deposited(1, INSIDE, door=3), deposited(2, GONE, door=4))])
    store.commit([events("L1", 1, collected(3, GONE, door=4), event(4, "forced", door=3, parcel=INSIDE))])
    (piece,) = told(database, store)
    assert piece["doors"][3] == [1, doors.BLOCKED_FORCED, INSIDE] and piece["doors"][4] == [0, 0, ""]


def test_a_door_that_an_operator_blocked_over_a_parcel_stays_blocked(database, store):
    store.commit([events("L1", 1, deposited(1, INSIDE, door=3), deposited(2, GONE, door=4)), status("L1", 1)])
    orders = Orders(database)
    orders.block("L1", 3)
    orders.block("L1", 4)
    orders.release("L1", 4)
    (piece,) = told(database, store)
    assert piece["doors"][3:5] == [[1, doors.BLOCKED_OPERATOR, INSIDE], [1, 0, GONE]]


def test_what_was_used_or_revoked_stays_so(database, store):
    store.commit([status("L1", 1), events("L1", 1, deposited(1, INSIDE, door=3))])
    passes, orders, until = Passes(database), Orders(database), now_s() + 1000
    used, good = (passes.token("L1", action=1, holder=7, by="ops") for _ in range(2))
    orders.revoke_token("L1", good.nonce ^ 1, until)
    orders.revoke_token("L1", good.nonce ^ 2, now_s())
    orders.revoke_holder("L1", 1, 1, 7)
    orders.revoke_holder("L1", 1, 1, 7)
    Parcels(database).revoke(INSIDE)
    opened = event(2, "opened", door=2, purpose=2, after_ms=5, ref=used.nonce, parcel="")
    store.commit([events("L1", 1, opened)])
    (piece,) = told(database, store)
    assert piece["used"] == [[used.nonce, used.until]]
    assert [nonce for nonce, _ in piece["nonces"]][:1] == [good.nonce ^ 1]
    assert [id_ for id_, _ in piece["parcels"]] == [INSIDE]
    code = passes.window_code("L1", role=1, action=1, holder=7).code
    ((role, action, holder, counter),) = piece["holders"]
    assert code == codes.window_code(device_key("L1"), role, action, counter, now_s(), 8) and holder == 7


def test_guesses_made_lately_are_not_given_back(database, store):
    at = now_s()
    lately = [event(n, "attempt", time_s=at - 60, via=1) for n in range(2, 9)]
    before = [event(1, "attempt", time_s=at - 100_000, via=1)]
    good = [event(9, "accepted", time_s=at, via=1, role=1, action=1, holder=7, ref=0, parcel="")]
    store.commit([events("L1", 1, *before, *lately, *good)])
    assert told(database, store)[0]["tries"] == 20 - 6


def test_more_than_fits_comes_in_pieces_each_after_the_answer_to_the_one_before(database, store):
    at = now_s()
    with database.write() as connection:
        for number in range(600):
            detail = f"nonce {number + 1}, until {at + 1000 + number}, action 1, holder 7, door 65535"
            row = {"at": at, "by": "ops", "action": "make token", "locker": "L1", "detail": detail}
            connection.execute(audit.insert().values(**row))
    fields = {"door": 2, "purpose": 2, "after_ms": 5, "parcel": ""}
    for first in range(0, 600, 100):
        store.commit(
            [events("L1", 1, *(event(n, "opened", ref=n, **fields) for n in range(first + 1, first + 101)))]
        )
    pieces = told(database, store)
    assert [piece["piece"] for piece in pieces] == [*range(len(pieces))] and len(pieces) > 5
    assert [piece["more"] for piece in pieces] == [1] * (len(pieces) - 1) + [0]
    found = [entry for piece in pieces for entry in piece["used"]]
    assert found[-1] == [0, at + 1000 + 600 - contents.USED_MAX - 1], "all that end earlier count as used"
    assert len(found) == contents.USED_MAX + 1 and found[0] == [600, at + 1599]


def test_a_locker_that_starts_anew_between_two_pieces_gets_the_first_again(database, store):
    with database.write() as connection:
        connection.execute(update(lockers).where(lockers.c.id == "L1").values(up=True))
        asked = {"epoch": 2, "piece": 3, "at": now_s()}
        id_ = commands.issue(connection, "L1", commands.CONTENTS, asked, now_s())
        connection.execute(update(table).where(table.c.id == id_).values(state="sent"))
    store.commit([reply(id_, "unfit")])
    first = sent(database)["contents"]
    assert first["piece"] == 0
    store.commit([reply(first["id"], "unfit")])
    assert "contents" not in sent(database), "it waits until it is asked for"


def test_settings_messages_and_reservations_are_ordered_again_and_a_grant_keeps_its_uses(database, store):
    store.commit([status("L1", 1)])
    orders, passes = Orders(database), Passes(database)
    orders.configure("L1", {"language": "fr", "reopen_s": "60"})
    orders.reserve("L1", 5, INSIDE, 10)
    for one in sent(database).values():
        store.commit([reply(one["id"])])
    orders.configure("L1", {"reopen_s": ""})
    for one in sent(database).values():
        store.commit([reply(one["id"])])
    who = {"role": 4, "action": 0, "holder": 0, "door": 2, "days": 9, "by": "ops"}
    twice, once = (passes.standing("L1", uses=uses, **who) for uses in (2, 1))
    fields = {"door": 2, "purpose": 1, "after_ms": 5, "parcel": ""}
    opened = [event(n, "opened", ref=ref, **fields) for n, ref in ((1, twice.grant), (2, once.grant))]
    store.commit([events("L1", 1, *opened)])
    store.commit([status("L1", 2, wants=True, grants=0)])
    out = sent(database)
    assert out["configure"]["set"] == [["language", "fr"]]
    assert out["reserve"]["parcel"] == INSIDE and out["reserve"]["door"] == 5
    assert [code.uses for code in passes.standing_codes("L1")] == [1]


def test_what_another_release_wrote_holds_nothing_up(database, store):
    store.commit([status("L1", 1), occupancy("L1", 1, 1, [EMPTY, EMPTY, EMPTY, [1, 0, "P\x07"]])])
    with database.write() as connection:
        for arguments in ({"parcels": "x", "nonces": [[1], ["a", 2**40], [3, "b"], 7]}, {"door": "4"}):
            cmd = "block" if "door" in arguments else "revoke"
            id_ = commands.issue(connection, "L1", cmd, {}, now_s())
            connection.execute(update(table).where(table.c.id == id_).values(arguments=arguments))
    with database.write() as connection:
        connection.execute(update(table).values(state="done"))
    (piece,) = told(database, store)
    assert piece["doors"][3] == [1, 0, ""], "it lies there, whatever it is called"


def test_statuses_of_a_board_without_a_journal_do_not_end_the_former_one(database, store):
    store.commit([events("L1", 1, event(1), event(2)), status("L1", 1, seq=9)])
    store.commit([status("L1", 0, journal="foreign, of another locker, read only", seq=1)])
    outcome = store.commit([events("L1", 1, event(3))])
    assert outcome.held["L1", 1].contiguous == 3
