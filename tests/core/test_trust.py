"""What each kind of code may do, with a clock that is set and one that is not."""

from access_kit import EPOCH_S
from locker.core import reasons as W
from locker.core import trust
from locker.core.events import TRUST_FLOOR, TRUST_SET

_SET = (0, EPOCH_S, TRUST_SET)
_FLOOR = (0, EPOCH_S, TRUST_FLOOR)
_ACTIONS = range(6)
_NEVER = 4_294_967_295


def _allowed(kind, now):
    return [a for a in _ACTIONS if trust.judge(kind, a, EPOCH_S, EPOCH_S, now) == W.R_OK]


def test_every_kind_with_a_set_clock():
    assert _allowed(trust.LISTED, _SET) == list(_ACTIONS)
    assert _allowed(trust.DERIVED, _SET) == [0]
    assert _allowed(trust.WINDOW, _SET) == list(_ACTIONS)
    assert _allowed(trust.TOKEN, _SET) == list(_ACTIONS)


def test_every_kind_when_only_the_floor_is_known():
    assert _allowed(trust.LISTED, _FLOOR) == list(_ACTIONS)
    assert _allowed(trust.DERIVED, _FLOOR) == [0]
    assert _allowed(trust.WINDOW, _FLOOR) == []
    assert _allowed(trust.TOKEN, _FLOOR) == [0, 1, 2]
    assert trust.judge(trust.WINDOW, 1, 0, _NEVER, _FLOOR) == W.R_NO_CLOCK
    assert trust.judge(trust.TOKEN, 4, 0, _NEVER, _FLOOR) == W.R_NO_CLOCK


def test_an_action_a_kind_never_carries_is_refused_as_such():
    assert trust.judge(trust.DERIVED, 4, 0, _NEVER, _SET) == W.R_ACTION


def test_dates_hold_to_the_second():
    for kind in (trust.LISTED, trust.TOKEN):
        assert trust.judge(kind, 0, EPOCH_S, EPOCH_S, _SET) == W.R_OK
        assert trust.judge(kind, 0, EPOCH_S - 9, EPOCH_S - 1, _SET) == W.R_EXPIRED
        assert trust.judge(kind, 0, EPOCH_S + 1, EPOCH_S + 9, _SET) == W.R_NOT_YET


def test_on_floor_what_has_ended_has_ended_and_what_may_have_begun_may_have_begun():
    for kind in (trust.LISTED, trust.TOKEN):
        assert trust.judge(kind, 0, EPOCH_S - 9, EPOCH_S - 1, _FLOOR) == W.R_EXPIRED
        assert trust.judge(kind, 0, EPOCH_S + 1, EPOCH_S + 9, _FLOOR) == W.R_OK


def test_every_reason_has_its_own_number_and_name():
    numbers = sorted(getattr(W, n) for n in dir(W) if n.startswith("R_") and n != "R_NAMES")
    assert numbers == list(range(len(W.R_NAMES)))
    assert len(set(W.R_NAMES)) == len(W.R_NAMES)
    for name in dir(W):
        if name.startswith("R_") and name != "R_NAMES":
            assert W.R_NAMES[getattr(W, name)] == name[2:].lower()
