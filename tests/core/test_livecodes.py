"""The index of live codes finds what was put in, and only that, though short tags may be shared."""

from locker.core.livecodes import LiveCodes, cell_of, door_of, door_ref, window_ref

_TAG = bytes(range(16))
_TWIN = bytes(range(4)) + bytes(12)  # the same first 30 bits


def test_references_tell_what_they_are():
    for door in (0, 1, 65_534):
        assert door_of(door_ref(door)) == door and cell_of(door_ref(door)) == -1
    for cell in (0, 31):
        assert cell_of(window_ref(cell)) == cell and door_of(window_ref(cell)) == -1
    assert door_of(7) == -1 and cell_of(7) == -1


def test_codes_that_share_a_short_tag_are_all_found_and_leave_one_by_one():
    live = LiveCodes()
    assert live.find(_TAG) == ()
    live.add(_TAG, 1)
    assert live.find(_TAG) == (1,) and live.find(_TWIN) == (1,)
    live.add(_TWIN, -2)
    live.add(_TAG, 3)
    assert live.find(_TAG) == (1, -2, 3)
    live.remove(_TWIN, -2)
    assert live.find(_TAG) == (1, 3)
    live.remove(_TAG, 1)
    assert live.find(_TAG) == (3,)
    live.remove(_TAG, 3)
    assert live.find(_TAG) == ()


def test_removing_what_is_not_there_is_an_error_not_a_silence():
    live = LiveCodes()
    try:
        live.remove(_TAG, 1)
    except KeyError:
        return
    raise AssertionError("removed a code that was never live")
