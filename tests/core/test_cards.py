"""A card at the keypad's reader is a listed code that is held up instead of typed."""

from access_kit import Desk, grant
from core_kit import Bench
from locker.core import events as E
from locker.core import reasons as W
from locker.core import records as R

CARD = "W26:12:34567"


def _bench():
    bench = Bench()
    bench.give(bench.grant(1, CARD, role=E.COURIER, action=E.DEPOSIT, uses=0))
    return bench


def test_a_couriers_card_opens_the_deposit_menu_from_idle_and_while_somebody_types():
    for keys in ("", "12"):
        bench = _bench()
        bench.press(keys)
        bench.send((E.EV_CARD, CARD))
        assert bench.screen == "courier"
        accepted = [fact for fact in bench.facts if fact["kind"] == "accepted"]
        assert len(accepted) == 1 and accepted[0]["ref"] == 1


def test_a_card_is_a_guess_like_any_other_recorded_before_it_is_compared():
    bench = _bench()
    bench.send((E.EV_CARD, "W26:12:34568"))
    assert bench.screen == "wrong_code"
    assert bench.kinds()[-2:] == ["attempt", "refused"]
    bench.facts.clear()
    for number in range(40):
        bench.pass_s(7)
        bench.send((E.EV_CARD, "W26:12:{}".format(number)))
    assert bench.kinds().count("attempt") == 19, "the bucket holds twenty tries for keys and cards together"
    assert bench.screen == "locked"


def test_the_number_of_a_card_shown_as_a_barcode_or_typed_opens_nothing():
    """It stands printed on the card, for everybody to copy."""
    bench = _bench()
    bench.scan(CARD)
    assert bench.screen == "bad_scan"
    bench.pass_s(7)
    bench.press("12" + "34567" + "#")
    assert "accepted" not in bench.kinds()


def test_a_card_shown_while_a_label_is_awaited_is_no_parcel():
    bench = _bench()
    bench.send((E.EV_CARD, CARD))
    bench.send((E.EV_CARD, CARD))
    assert bench.screen == "courier"
    assert not bench.pulses


def test_a_card_shown_while_a_door_is_open_changes_nothing():
    bench = _bench()
    door = bench.deposit("RR123456785FR", shut=False)
    before = bench.screen
    bench.send((E.EV_CARD, CARD))
    assert bench.screen == before and bench.core.session.door == door


def test_the_next_card_of_a_series_never_asks_for_help():
    """With typed codes the last digit raised by one is the duress code; cards are numbered one by one."""
    desk = Desk(duress=True)
    desk.put(R.GRANT, grant(1, CARD, role=E.CLERK, action=E.SERVICE))
    assert desk.type(CARD)[0] == W.R_OK
    assert desk.why("W26:12:34568") == W.R_WRONG


def test_a_card_dropped_by_the_host_opens_nothing_any_more():
    bench = _bench()
    version = bench.core.access.grants_version
    bench.send((E.EV_GRANTS, version, version + 1, [], [1], False))
    bench.send((E.EV_CARD, CARD))
    assert bench.screen == "wrong_code"
