"""Orders as a person gives them: checked, in a form the firmware takes, kept with who gave them."""

import time

import pytest
from consigne.protocol import codes, frames
from consigne.server.access.passes import Passes
from consigne.server.errors import Conflict, Invalid, NotFound
from consigne.server.fleet import answers, commands
from consigne.server.fleet.answers import ANSWERS
from consigne.server.fleet.orders import Orders
from consigne.server.ingest.store import Store
from consigne.server.people import audit
from consigne.server.storage.ages import Ages
from host_kit import database_at, device_key, event, events, status
from locker.core import orders as device_orders
from locker.net import messages

LOCKERS = ("L1", "L2")

KEY = device_key("L1")


@pytest.fixture
def database(tmp_path):
    with database_at(tmp_path / "host.db", "L1") as opened:
        yield opened


@pytest.fixture
def orders(database):
    """Orders to a locker that is connected."""
    Store(database).commit([status("L1", 1, grants=0)])
    return Orders(database)


def sent(database):
    """What goes out, as the firmware's own parser reads it."""
    with database.write() as connection:
        out = commands.send(connection, LOCKERS, int(time.time())).outgoing
    return [
        messages.parse_command(frames.open_frame(KEY, frames.LABEL_COMMAND, one.topic, one.payload))
        for one in out
    ]


EVERY_ORDER = {
    "open": lambda orders: orders.open("L1", 3, "Ada"),
    "block": lambda orders: orders.block("L1", 3, "Ada"),
    "release": lambda orders: orders.release("L1", 3, "Ada"),
    "reserve": lambda orders: orders.reserve("L1", 3, "RR123456785FR", 24, "Ada"),
    "configure": lambda orders: orders.configure("L1", {"language": "fr", "reopen_s": ""}, "Ada"),
    "message": lambda orders: orders.message("L1", {"fr": "Fermé lundi\npour réparation"}, 24, "Ada"),
    "identify": lambda orders: orders.identify("L1", 10, "Ada"),
    "reboot": lambda orders: orders.reboot("L1", "Ada"),
    "again": lambda orders: orders.again("L1", 39, "Ada"),
    "revoke": lambda orders: orders.revoke_token("L1", 7, int(time.time()) + 60, "Ada"),
}


@pytest.mark.parametrize("name", EVERY_ORDER)
def test_every_order_reaches_the_locker_in_its_own_words_and_is_known_to_be_whose(database, orders, name):
    id_ = EVERY_ORDER[name](orders)
    (body,) = sent(database)
    assert (body["id"], body["cmd"]) == (id_, name)
    with database.read() as connection:
        (entry,) = audit.trail(connection, "L1")[:1]
    assert (entry.by, entry.action, entry.outcome[0]) == ("Ada", name, "sent")


def test_an_operator_can_order_whatever_the_firmware_carries_out(orders):
    by_the_host_alone = {
        "contents",
        "grants",
        "revoked",
        "time",
        "clock",
    }  # clock: an order that waits for a question
    assert set(EVERY_ORDER) | by_the_host_alone == set(messages.commands())


def test_every_answer_of_the_firmware_has_words_for_people():
    assert set(device_orders.RESULT_NAMES) <= set(ANSWERS)


@pytest.mark.parametrize("number", range(len(device_orders.RESULT_NAMES)))
def test_what_the_locker_answered_is_told_in_words_however_the_answer_came(database, orders, number):
    by_reply, by_event = orders.block("L1", 1), orders.block("L1", 2)
    sent(database)
    name = device_orders.RESULT_NAMES[number]
    with database.write() as connection:
        commands.answered(connection, [("L1", by_reply, name)])
    Store(database).commit([events("L1", 1, event(1, "command", counter=1, result=number, id=by_event))])
    for id_ in (by_reply, by_event):
        told = orders.get("L1", id_)
        assert (told.state == "done", told.answer) == (name == "ok", ANSWERS[name])


@pytest.mark.parametrize(
    "order,said",
    [
        (lambda orders: orders.open("L1", 12), "no door 12"),
        (lambda orders: orders.block("L1", -1), "no door -1"),
        (lambda orders: orders.reserve("L1", 1, "RR123456785FR", 0), "hours is 1 to"),
        (lambda orders: orders.reserve("L1", 1, "RR123456784FR", 1), "check digit"),
        (lambda orders: orders.configure("L1", {}), "at least one setting"),
        (lambda orders: orders.configure("L1", {"colour": "red"}), "no setting 'colour'"),
        (lambda orders: orders.configure("L1", {"language": "es"}), "language is one of en, fr, de"),
        (lambda orders: orders.configure("L1", {"name": "a" * 21}), "at most 20 characters"),
        (lambda orders: orders.configure("L1", {"reopen_s": "601"}), "0 to 600"),
        (lambda orders: orders.configure("L1", {"reopen_s": "ten"}), "0 to 600"),
        (lambda orders: orders.message("L1", {"es": "Hola"}, 1), "not 'es'"),
        (lambda orders: orders.message("L1", {"en": "a" * 21}, 1), "20 characters"),
        (lambda orders: orders.message("L1", {"en": "a|b|c"}, 1), "2 lines"),
        (
            lambda orders: orders.configure("L1", {"name": "a\u202eb"}),
            "name has a character that cannot be shown",
        ),
        (
            lambda orders: orders.message("L1", {"en": "a\u202eb"}, 1),
            "a message has a character that cannot be",
        ),
        (lambda orders: orders.message("L1", {"fr": "é" * 20 + "|" + "é" * 19}, 1), "counts as two"),
        (lambda orders: orders.identify("L1", 61), "seconds is 1 to 60"),
        (lambda orders: orders.again("L1", 0), "the event number is 1 to"),
        (lambda orders: orders.revoke_holder("L1", 1, 1, 40_000), "holder is 0 to 32767"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused_with_what_is_wrong(orders, order, said):
    with pytest.raises(Invalid, match=said):
        order(orders)


def test_what_must_happen_at_once_is_not_ordered_from_a_locker_that_does_not_listen(database):
    orders = Orders(database)
    for at_once in (orders.open, orders.identify):
        with pytest.raises(Conflict, match="not connected"):
            at_once("L1", 1)
    with pytest.raises(Conflict, match="not connected"):
        orders.reboot("L1")
    assert (
        orders.get("L1", orders.block("L1", 1)).answer
        == "waits to be sent: at once while the locker is connected"
    )
    with pytest.raises(NotFound, match="no locker L9"):
        orders.block("L9", 1)


def test_a_lost_block_does_not_come_back_after_a_release(database, orders):
    blocked = orders.block("L1", 3)
    assert [body["cmd"] for body in sent(database)] == ["block"]  # and is lost on its way
    orders.release("L1", 3)
    assert [body["cmd"] for body in sent(database)] == ["release"]
    with database.write() as connection:
        later = commands.send(connection, LOCKERS, int(time.time()) + commands.ANSWER_WITHIN_S + 1)
    assert len(later.outgoing) == 1, "only the release is repeated until it is answered"
    assert orders.get("L1", blocked).answer == "a later order took its place"


def test_a_later_setting_carries_the_unanswered_ones_along(database, orders):
    orders.configure("L1", {"language": "fr", "name": "Old"})
    orders.configure("L1", {"name": "New"})
    (body,) = sent(database)
    assert dict(body["set"]) == {"language": "fr", "name": "New"}


def test_what_was_ordered_by_a_person_stays_in_the_trail_for_a_year(database, orders):
    orders.block("L1", 1, "Ada")
    now_s = int(time.time())
    with database.write() as connection:
        commands.expire(connection, LOCKERS, now_s + 8 * 86_400)
    commands.forget(database, now_s + 365 * 86_400, Ages())
    with database.read() as connection:
        assert [entry.by for entry in audit.trail(connection, "L1")] == ["Ada", "host"]
        assert audit.trail(connection, "L1")[0].outcome == (answers.EXPIRED, None)
    audit.forget(database, now_s + 410 * 86_400, Ages())
    with database.read() as connection:
        assert audit.trail(connection, "L1") == []


def test_a_courier_whose_codes_were_made_worthless_gets_others_that_the_locker_takes(database, orders):
    passes = Passes(database)
    before = passes.window_code("L1", role=1, action=1, holder=7).code
    for _ in range(2):
        orders.revoke_holder("L1", 1, 1, 7, "Ada")
    counters = [body["holders"][0] for body in sent(database)]
    assert [row[:3] for row in counters] == [[1, 1, 7]] * 2 and counters[0][3] != counters[1][3]
    after = passes.window_code("L1", role=1, action=1, holder=7).code
    assert after != before
    assert after == codes.window_code(KEY, 1, 1, counters[1][3], int(time.time()))
    assert passes.window_code("L1", role=1, action=3, holder=7).code, "other errands keep theirs"


def test_a_code_that_was_revoked_as_often_as_can_be_is_told_so(database, orders):
    with database.write() as connection:
        connection.exec_driver_sql(
            "WITH RECURSIVE numbers(n) AS (SELECT 32768 UNION ALL SELECT n + 1 FROM numbers WHERE n < 65535) "
            "INSERT INTO holders (locker, role, action, holder, counter, since) SELECT 'L1', 1, 1, 7, n, n "
            "FROM numbers"
        )
    with pytest.raises(Conflict, match="revoked 32768 times at L1"):
        orders.revoke_holder("L1", 1, 1, 7, "Ada")
    assert orders.revoke_holder("L1", 1, 3, 7, "Ada"), "other errands keep theirs"


def test_a_resident_has_a_code_that_opens_again_and_again_until_it_is_taken_back(database, orders):
    passes = Passes(database)
    asked = {"role": 4, "action": 0, "holder": 0, "uses": 0, "days": 365}
    made = passes.standing("L1", door=5, by="Ada", **asked)
    with database.write() as connection:
        commands.repair_grants(connection, LOCKERS, int(time.time()))
    (body,) = [one for one in sent(database) if one["cmd"] == "grants"]
    (row,) = body["add"]
    assert row[8] == codes.listed_tag(KEY, made.code).hex() and row[6:8] == [5, 0]
    assert [one.id for one in passes.standing_codes("L1")] == [made.grant]
    assert made.code not in repr(passes.standing_codes("L1"))
    passes.drop_standing("L1", made.grant, "Ada")
    assert passes.standing_codes("L1") == []
    with pytest.raises(NotFound):
        passes.drop_standing("L1", made.grant, "Ada")
    with pytest.raises(Invalid, match="names its compartment"):
        passes.standing("L1", door=codes.ANY_DOOR, by="Ada", **asked)
