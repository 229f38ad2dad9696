"""A card at the keypad's reader is a listed code that is held up instead of typed."""

from access_kit import Desk, grant
from core_kit import CoreRig
from locker.core import events, reasons, records

CARD = "W26:12:34567"


def _bench():
    rig = CoreRig()
    rig.give(rig.grant(1, CARD, role=events.COURIER, action=events.DEPOSIT, uses=0))
    return rig


def test_a_couriers_card_opens_the_deposit_menu_from_idle_and_while_somebody_types():
    for keys in ("", "12"):
        rig = _bench()
        rig.press(keys)
        rig.send((events.EV_CARD, CARD))
        assert rig.screen == "courier"
        accepted = [fact for fact in rig.facts if fact["kind"] == "accepted"]
        assert len(accepted) == 1 and accepted[0]["ref"] == 1


def test_a_card_is_a_guess_like_any_other_recorded_before_it_is_compared():
    rig = _bench()
    rig.send((events.EV_CARD, "W26:12:34568"))
    assert rig.screen == "wrong_code"
    assert rig.kinds()[-2:] == ["attempt", "refused"]
    rig.facts.clear()
    for number in range(40):
        rig.pass_s(7)
        rig.send((events.EV_CARD, "W26:12:{}".format(number)))
    assert rig.kinds().count("attempt") == 19, "the bucket holds twenty tries for keys and cards together"
    assert rig.screen == "locked"


def test_the_number_of_a_card_shown_as_a_barcode_or_typed_opens_nothing():
    """It stands printed on the card, for everybody to copy."""
    rig = _bench()
    rig.scan(CARD)
    assert rig.screen == "bad_scan"
    rig.pass_s(7)
    rig.press("12" + "34567" + "#")
    assert "accepted" not in rig.kinds()


def test_a_card_shown_while_a_label_is_awaited_is_no_parcel():
    rig = _bench()
    rig.send((events.EV_CARD, CARD))
    rig.send((events.EV_CARD, CARD))
    assert rig.screen == "courier"
    assert not rig.pulses


def test_a_card_shown_while_a_door_is_open_changes_nothing():
    rig = _bench()
    door = rig.deposit("RR123456785FR", shut=False)
    before = rig.screen
    rig.send((events.EV_CARD, CARD))
    assert rig.screen == before and rig.core.session.door == door


def test_the_next_card_of_a_series_never_asks_for_help():
    """With typed codes the last digit raised by one is the duress code; cards are numbered one by one."""
    desk = Desk(duress=True)
    desk.put(records.GRANT, grant(1, CARD, role=events.CLERK, action=events.SERVICE))
    assert desk.type(CARD)[0] == reasons.R_OK
    assert desk.why("W26:12:34568") == reasons.R_WRONG


def test_a_card_dropped_by_the_host_opens_nothing_any_more():
    rig = _bench()
    version = rig.core.access.grants_version
    rig.send((events.EV_GRANTS, version, version + 1, [], [1], False))
    rig.send((events.EV_CARD, CARD))
    assert rig.screen == "wrong_code"
