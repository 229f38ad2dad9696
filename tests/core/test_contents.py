"""A fresh journal at a locker with a network: nobody is served until the host has said what lies where."""

from core_kit import CoreRig
from locker.core import doors, events, records
from locker.net import messages

INSIDE = "RR123456785FR"
TAG = b"whose it"


def fresh():
    """A locker that begins a journal and has a host, as the shell makes it."""
    b = CoreRig(log=[(records.BOUND, 0, records.pack(records.BOUND, TAG, True))])
    b.core.tag = TAG
    return b


def tell(b, piece=0, more=0, tries=20, first=0, rows=(), **lists):
    """One piece, through the table's own events; what was answered."""
    body = {
        "id": "c-7",
        "n": b.core.command_counter + 1,
        "exp": b.epoch_s + 60,
        "cmd": "contents",
        "epoch": 7,
    }
    body.update(piece=piece, more=more, tries=tries, first=first, doors=[list(row) for row in rows])
    for name in ("parcels", "nonces", "used", "holders"):
        body[name] = lists.get(name, [])
    b.send(*messages.core_events(body))
    return b.of(events.FX_REPLY)[-1][1]


def shown(b):
    """The screen after a courier typed a good code."""
    b.press(b.window(events.COURIER, events.DEPOSIT, 7) + "#")
    screen = b.screen
    b.pass_s(30)
    return screen


def test_until_it_is_told_only_service_and_orders_open():
    b = fresh()
    assert shown(b) == "out_of_service" and not b.pulses
    b.press(b.window(events.TECHNICIAN, events.SERVICE, 1) + "#")
    assert b.screen == "service"
    b.pass_s(90)
    b.send((events.EV_OPEN_ORDER, 2, b.core.command_counter + 1, "c-1"))
    assert b.pulses == [2]
    b.shut(2)
    b = b.restart(events.TRUST_SET)
    assert b.core.wants and shown(b) == "out_of_service", "a restart forgets nothing of that"


def test_what_lies_inside_is_collected_and_its_door_is_given_to_nobody():
    b = fresh()
    assert tell(b, rows=((1, 0, INSIDE), (0, doors.BLOCKED_OPERATOR, ""))) == "ok"
    assert not b.core.wants
    for again in (b, b.restart(events.TRUST_SET)):
        assert again.core.cabinet.doors[0].parcel == INSIDE and again.core.cabinet.doors[1].block
        at = again.deposit("JD000000000000000001" if again is b else "JD000000000000000002")
        assert at > 1
    again.press(again.derived(INSIDE) + "#")
    assert again.pulses[-1] == 0


def test_codes_that_opened_or_were_revoked_open_nothing_after_it():
    b = fresh()
    until = b.epoch_s + 86_400
    used, revoked, good = (b.token(nonce, events.DEPOSIT) for nonce in (91, 92, 93))
    lists = {"parcels": [[INSIDE, until]], "nonces": [[92, until]], "used": [[91, until]]}
    assert tell(b, rows=((1, 0, INSIDE),), holders=[[1, 1, 7, 300]], **lists) == "ok"
    for screen, text in (("done_before", used), ("revoked", revoked), ("courier", good)):
        b.scan(text)
        assert b.screen == screen
        b.pass_s(90)
    b.press(b.derived(INSIDE) + "#")
    assert b.screen == "revoked"
    b.pass_s(30)
    assert shown(b) == "wrong_code", "the courier's old codes"
    b.press(b.window(events.COURIER, events.DEPOSIT, 300) + "#")
    assert b.screen == "courier"


def test_pieces_count_in_their_order_and_the_last_one_decides():
    b = fresh()
    assert tell(b, piece=1, first=2, rows=((1, 0, "P2"),)) == "unfit", "the first has not come"
    assert tell(b, piece=0, more=1, rows=((1, 0, "P0"), (0, 0, ""))) == "ok"
    assert b.core.wants and shown(b) == "out_of_service"
    assert tell(b, piece=0, more=1, rows=((0, 0, ""), (1, 0, "P1"))) == "ok", "from the beginning"
    assert tell(b, piece=1, first=2, rows=((1, 0, "P2"),)) == "ok"
    contents = [door.parcel for door in b.core.cabinet.doors[:3]]
    assert contents == ["", "P1", "P2"] and not b.core.wants
    b.press(b.derived("P0") + "#")
    assert b.screen in ("wrong_code", "few_tries") and not b.pulses
    assert tell(b, rows=((0, 0, ""),) * 3) == "unfit", "it was not asked for"
    assert [door.parcel for door in b.core.cabinet.doors[:3]] == contents


def test_doors_that_this_cabinet_lacks_change_nothing():
    b = fresh()
    count = len(b.site.names)
    assert tell(b, first=count - 1, rows=((1, 0, "P1"), (1, 0, "P2"), (1, 4, ""))) == "ok"
    assert b.core.cabinet.find("P1") == count - 1 and b.core.cabinet.find("P2") == -1


def test_guesses_made_at_the_former_board_are_not_given_back():
    b = fresh()
    tell(b, tries=1)
    b.press("00000000#")
    assert b.screen in ("wrong_code", "few_tries")
    b.pass_s(10)
    b.press("00000000#")
    assert b.screen == "locked"


def test_a_door_found_open_meanwhile_stays_blocked_and_open():
    b = fresh()
    b.send((events.EV_DOOR, 3, True))  # nobody ordered it
    assert tell(b, first=3, rows=((1, 0, INSIDE),)) == "ok"
    door = b.core.cabinet.doors[3]
    assert door.block == doors.BLOCKED_FORCED and door.seen_open and door.parcel == INSIDE
