"""Listed grants: what is taken from the host, how often it opens, and what a restart remembers."""

from access_kit import EPOCH_S, NEVER, Desk, grant, listed_tag
from locker.core import reasons, records
from locker.core.grants import Grants

CODE = "12345678"


def _why_not(payload, doors=12):
    desk = Desk(doors=doors)
    return desk.access.admit(records.GRANT, payload)


def test_impossible_grants_are_refused_with_one_reason_each():
    assert _why_not(grant(1, CODE)) == reasons.R_OK
    assert _why_not(grant(1, CODE, begin=EPOCH_S, end=EPOCH_S)) == reasons.R_OK
    assert _why_not(grant(1, CODE, begin=EPOCH_S, end=EPOCH_S - 1)) == reasons.R_WINDOW
    assert _why_not(grant(0, CODE)) == reasons.R_PAYLOAD
    assert _why_not(grant(1, CODE)[:-1]) == reasons.R_PAYLOAD
    assert _why_not(b"") == reasons.R_PAYLOAD
    assert _why_not(grant(1, CODE, role=6, action=5)) == reasons.R_OK
    assert _why_not(grant(1, CODE, role=7)) == reasons.R_ACTION
    assert _why_not(grant(1, CODE, action=6)) == reasons.R_ACTION
    assert _why_not(grant(1, CODE, door=11)) == reasons.R_OK
    assert _why_not(grant(1, CODE, door=12)) == reasons.R_DOOR
    assert _why_not(grant(1, CODE, door=65534)) == reasons.R_DOOR
    assert _why_not(grant(1, CODE) + b"x" * 40) == reasons.R_OK
    assert _why_not(grant(1, CODE) + b"x" * 41) == reasons.R_PARCEL
    assert _why_not(grant(1, CODE) + b"x" * 1024) == reasons.R_PARCEL
    assert _why_not(grant(1, CODE) + b"a\x00b") == reasons.R_PARCEL
    assert _why_not(grant(1, CODE) + b"\xff") == reasons.R_PARCEL


def test_a_grant_opens_as_it_says():
    desk = Desk()
    desk.put(
        records.GRANT, grant(9, CODE, EPOCH_S, EPOCH_S + 60, role=5, action=1, holder=3, door=4, parcel="P1")
    )
    assert desk.type(CODE) == (reasons.R_OK, 5, 1, 3, 4, 9, "P1", False)
    assert desk.why("12345679") == reasons.R_WRONG


def test_a_grant_holds_from_its_first_to_its_last_second():
    desk = Desk()
    desk.put(records.GRANT, grant(1, CODE, EPOCH_S + 10, EPOCH_S + 20))
    assert desk.why(CODE) == reasons.R_NOT_YET
    desk.wait(10)
    assert desk.why(CODE) == reasons.R_OK
    desk.wait(10)
    assert desk.why(CODE) == reasons.R_OK
    desk.wait(1)
    assert desk.why(CODE) == reasons.R_EXPIRED


def test_a_dropped_grant_opens_no_more_and_may_be_dropped_again():
    desk = Desk()
    desk.put(records.GRANT, grant(1, CODE))
    desk.record(records.GRANT_DROP, 1)
    desk.record(records.GRANT_DROP, 1)
    assert desk.why(CODE) == reasons.R_WRONG


def test_a_number_given_anew_after_a_drop_is_a_new_grant():
    desk = Desk()
    desk.put(records.GRANT, grant(1, CODE, door=4, uses=1))
    desk.opened(4, 1)
    assert desk.why(CODE) == reasons.R_DONE_BEFORE
    desk.record(records.GRANT_DROP, 1)
    desk.put(records.GRANT, grant(1, CODE, door=4, uses=1))
    assert desk.why(CODE) == reasons.R_OK
    desk.restart(compacted=True)
    assert desk.why(CODE) == reasons.R_OK
    desk.opened(4, 1)
    assert desk.why(CODE) == reasons.R_DONE_BEFORE


def test_a_grant_sent_again_with_other_digits_replaces_the_first():
    desk = Desk()
    desk.put(records.GRANT, grant(1, CODE))
    desk.put(records.GRANT, grant(1, "87654321"))
    assert desk.why(CODE) == reasons.R_WRONG
    assert desk.why("87654321") == reasons.R_OK


def test_a_door_grant_opens_as_often_as_it_says_across_restarts():
    for compacted in (False, True):
        desk = Desk()
        desk.put(records.GRANT, grant(1, CODE, door=4, uses=2))
        for _ in range(2):
            assert desk.why(CODE) == reasons.R_OK
            desk.opened(4, 1)
            desk.restart(compacted)
        assert desk.why(CODE) == reasons.R_DONE_BEFORE
        desk.put(records.GRANT, grant(1, CODE, door=4, uses=2))  # the host sends its whole set again
        assert desk.why(CODE) == reasons.R_DONE_BEFORE
        desk.put(records.GRANT, grant(1, CODE, door=4, uses=3))  # the host allows one more
        assert desk.why(CODE) == reasons.R_OK


def test_a_code_is_not_spent_until_its_door_was_seen_open():
    desk = Desk()
    desk.put(records.GRANT, grant(1, CODE, door=4, uses=1))
    for _ in range(5):
        assert desk.why(CODE) == reasons.R_OK
        desk.record(records.PULSE, 4, 1, 1, 0, 0, 1, "")
        desk.record(records.NOT_OPENED, 4, 1, "")
    desk.opened(5, 1)  # another door, whatever for
    assert desk.why(CODE) == reasons.R_OK
    desk.opened(4, 1)
    assert desk.why(CODE) == reasons.R_DONE_BEFORE


def test_standing_codes_and_parcel_codes_are_not_counted():
    desk = Desk()
    desk.put(records.GRANT, grant(1, CODE, role=4, door=4, uses=0))
    desk.put(records.GRANT, grant(2, "22222222", door=5, uses=1, parcel="P1"))
    for _ in range(3):
        desk.opened(4, 1)
        desk.opened(5, 2, "P1")
    assert desk.why(CODE) == reasons.R_OK
    assert desk.why("22222222") == reasons.R_OK  # whether P1 is still there, the cabinet knows


def test_an_opening_under_an_unknown_reference_spends_nothing():
    desk = Desk()
    desk.put(records.GRANT, grant(1, CODE, door=4, uses=1))
    desk.opened(4, 0)
    desk.opened(4, 999)
    desk.record(records.GRANT_SPENT, 999, EPOCH_S)
    assert desk.why(CODE) == reasons.R_OK


def test_a_grant_for_any_door_is_spent_by_the_door_it_opened():
    desk = Desk()
    desk.put(records.GRANT, grant(1, CODE, action=1, uses=1))
    desk.opened(7, 1)
    assert desk.why(CODE) == reasons.R_DONE_BEFORE


def test_the_set_is_bounded_and_what_has_ended_makes_room():
    few = Grants(4)
    for i in range(4):
        few.put(grant(i + 1, "{:08d}".format(i), end=NEVER if i != 2 else EPOCH_S + 10), EPOCH_S)
    extra = grant(9999, "99999999")
    assert few.admit(extra, 12, EPOCH_S + 10) == reasons.R_FULL
    assert few.admit(grant(2, "99999999"), 12, EPOCH_S) == reasons.R_OK  # replaces, needs no room
    few.put(extra, EPOCH_S)  # a journal written by a firmware with a larger bound
    assert few.find(listed_tag("99999999")) == ()
    assert few.admit(extra, 12, EPOCH_S + 11) == reasons.R_OK
    few.put(extra, EPOCH_S + 11)
    assert few.find(listed_tag("99999999")) == (9999,)
    assert few.find(listed_tag("00000002")) == ()
    assert few.find(listed_tag("00000001")) == (2,)
    assert few.admit(grant(10_000, "99999998"), 12, EPOCH_S + 11) == reasons.R_FULL


def test_the_version_of_the_set_survives():
    for compacted in (False, True):
        desk = Desk()
        assert desk.access.grants_version == 0
        desk.record(records.GRANTS_VERSION, 4_000_000_000)
        desk.restart(compacted)
        assert desk.access.grants_version == 4_000_000_000


def test_many_grants_come_and_go_and_each_opens_what_it_did():
    """More than one page of them; those that share bytes, digits or a page never stand for another."""
    many = Grants(500)
    for i in range(1, 301):
        digits = "{:08d}".format(i // 2)  # two grants have the same digits
        many.put(grant(i, digits, door=i % 12, uses=3, parcel="JD{:014d}".format(i) * (i % 3 > 0)), EPOCH_S)
        if i % 5 == 0:
            many.spend(i)
    for i in range(3, 301, 3):
        many.drop(i)
    for i in range(1, 301):
        if i % 3 == 0:
            assert not many._row(i)
            continue
        assert many.fields(i)[5:] == (i % 12, 3, "JD{:014d}".format(i))
        assert many.spent(i, 1) is (i % 5 == 0)
        twins = tuple(n for n in (i // 2 * 2, i // 2 * 2 + 1) if n % 3 and 0 < n < 301)
        assert sorted(many.find(listed_tag("{:08d}".format(i // 2)))) == sorted(twins)
    for i in range(1, 301):
        many.drop(i)
    assert many._pages == []


def test_an_id_that_reads_like_part_of_a_neighbour_is_found_where_it_is():
    """Ids, dates and doors are all plain numbers: a search by bytes alone would take one for another."""
    few = Grants(9)
    few.put(grant(1, CODE, begin=2, end=3, holder=4, door=5, parcel="P"), EPOCH_S)
    few.put(grant(2, CODE, begin=1, end=4), EPOCH_S)
    few.put(grant(0x50000, CODE), EPOCH_S)
    assert few.fields(2)[:2] == (1, 4)
    assert not few._row(3) and not few._row(4)
    assert few.fields(0x50000)[0] == 0


def with_tag(id_, begin):
    """A grant whose tag begins with these bytes."""
    payload = grant(id_, CODE, parcel="JD{:014d}".format(id_))
    return payload[:19] + (begin + bytes(16))[:16] + payload[35:]


def test_a_tag_that_reads_like_part_of_the_index_is_found_where_it_is():
    """An entry of the index is the second and third byte of a tag and a page number: here they read alike."""
    few = Grants(9)
    for id_, begin in ((1, b"\x08\x07\x09"), (2, b"\x00\x00\x05"), (3, b"\x08\x09\x00")):
        few.put(with_tag(id_, begin), EPOCH_S)
    assert few.find(b"\x08\x09\x00" + bytes(13)) == (3,)
    assert few.find(b"\x00\x09\x00" + bytes(13)) == ()
    assert few.find(b"\x08\x00\x00" + bytes(13)) == ()
    few.drop(1)
    assert few.find(b"\x08\x09\x00" + bytes(13)) == (3,)


def test_of_tags_that_begin_alike_on_many_pages_each_is_dropped_by_itself():
    many = Grants(1024)
    for id_ in range(1, 401):
        many.put(with_tag(id_, b"\x01\x02" + bytes((id_ % 5,))), EPOCH_S)
    for id_ in range(400, 0, -2):
        many.drop(id_)
    left = [id_ for rest in range(5) for id_ in many.find(b"\x01\x02" + bytes((rest,)) + bytes(13))]
    assert sorted(left) == list(range(1, 401, 2))
    for id_ in range(1, 401, 2):
        many.drop(id_)
    assert many._pages == []
    assert not any(many._index)
