"""The versioned set of grants: its digest, and how a set that is not the host's becomes it again."""

import struct

from core_kit import KEY, CoreRig
from locker.core import events, records
from locker.core.core import Core


def whole(b, payloads, to=9, first=0, more=False):
    """A piece of the whole set, from version 0 for the first of them."""
    b.send((events.EV_GRANTS, first, to, payloads, [], more))


def digest(b):
    return b.core.access.grants_digest(b.epoch_s)


def test_the_digest_is_of_the_set_and_not_of_how_it_came_about():
    first, second = CoreRig(), CoreRig()
    one, two, three = (first.grant(i, "1000000{}".format(i)) for i in (1, 2, 3))
    assert digest(first) == 0
    first.give(one, two)
    second.give(three, two)
    assert digest(first) != digest(second)
    second.send((events.EV_GRANTS, 1, 2, [one, one], [3], False))
    assert digest(first) == digest(second)
    assert digest(second.restart()) == digest(second)


def test_any_field_that_differs_and_any_grant_too_many_or_too_few_shows():
    b = CoreRig()
    seen = set()
    grants = [b.grant(1, "10000001"), b.grant(1, "10000002"), b.grant(2, "10000001")]
    grants += [
        b.grant(1, "10000001", door=3),
        b.grant(1, "10000001", uses=2),
        b.grant(1, "10000001", parcel="P"),
    ]
    for payload in grants:
        whole(b, [payload])
        seen.add(digest(b))
    whole(b, grants[1:3])
    seen.add(digest(b))
    assert len(seen) == 7 and 0 not in seen and max(seen) < 1 << 32


def test_what_has_ended_counts_for_nothing_whether_it_is_still_listed_or_not():
    b = CoreRig()
    b.give(b.grant(1, "10000001"))
    b.epoch_s += 86400  # ends in two more days
    b.give(b.grant(2, "10000002"))
    only = CoreRig(epoch_s=b.epoch_s)
    only.give(only.grant(2, "10000002"))
    assert digest(b) != digest(only)
    b.epoch_s += 2 * 86400
    assert digest(b) == digest(only) != 0
    b.epoch_s += 86400
    assert digest(b) == 0


def test_the_whole_set_replaces_what_was_there():
    b = CoreRig()
    b.give(b.grant(1, "10000001", door=0), b.grant(2, "10000002", door=1))
    whole(b, [b.grant(2, "10000002", door=1), b.grant(3, "10000003", door=2)])
    assert b.core.access.grants_version == 9
    for code, opens in (("10000001", False), ("10000002", True), ("10000003", True)):
        before = len(b.pulses)
        b.press(code + "#")
        assert (len(b.pulses) > before) == opens, code
        for door in b.pulses[before:]:
            b.shut(door)
        b.pass_s(60)


def test_a_code_spent_stays_spent_when_the_whole_set_comes_again():
    b = CoreRig()
    grant = b.grant(1, "10000001", door=0, uses=1)
    b.give(grant)
    b.press("10000001#")
    b.shut(0)
    b.pass_s(60)
    whole(b, [grant])
    b.press("10000001#")
    assert b.screen == "done_before" and b.pulses == [0]


def test_until_the_last_piece_has_come_what_worked_goes_on_working():
    b = CoreRig()
    b.give(*[b.grant(i, "1000000{}".format(i), door=i) for i in (0, 1, 2) if i])
    whole(b, [b.grant(3, "10000003", door=3)], to=5, more=True)
    b.press("10000001#")
    assert b.is_open[1]
    b.shut(1)
    b.pass_s(10)
    whole(b, [b.grant(2, "10000002", door=2)], first=5, to=9)
    assert sorted(b.core.access.stale_grants()) == []
    b.press("10000001#")
    assert b.screen == "wrong_code"
    b.pass_s(10)
    b.press("10000002#")
    assert b.is_open[2]


def compacted(b):
    """The same locker made of a snapshot, as after the journal had no room."""
    fresh = Core(b.site, KEY)
    for kind, payload in b.core.snapshot():
        fresh.apply(kind, b.epoch_s, payload)
    return fresh


def test_a_power_cut_or_a_snapshot_between_two_pieces_changes_nothing():
    b = CoreRig()
    b.give(b.grant(1, "10000001"), b.grant(2, "10000002"))
    whole(b, [b.grant(3, "10000003")], to=5, more=True)
    for core in (b.restart().core, compacted(b)):
        assert sorted(core.access.stale_grants()) == [1, 2]
        assert core.access.grants_digest(b.epoch_s) == digest(b)
        effects = core.handle((events.EV_GRANTS, 5, 9, [b.grant(2, "10000002")], [], False), b.now())
        for fx in effects:
            if fx[0] == events.FX_THEN:
                effects += core.handle(fx[1], b.now())
        dropped = [
            records.unpack(fx[1], fx[2]) for fx in effects if fx[:2] == (events.FX_RECORD, records.GRANT_DROP)
        ]
        assert dropped == [(1,)]


def test_the_whole_set_begun_twice_ends_the_same():
    b = CoreRig()
    b.give(b.grant(1, "10000001"))
    new = [b.grant(2, "10000002"), b.grant(3, "10000003")]
    whole(b, new[:1], to=5, more=True)
    whole(b, new[:1], to=5, more=True)
    whole(b, new[1:], first=5, to=9)
    only = CoreRig()
    only.give(*new)
    assert digest(b) == digest(only)


WORD = struct.calcsize("P")
RESERVE = 4096 * WORD  # as core.py has it
EXPECTED = 20 * WORD


def commanded(b, payloads, first=0, to=9):
    """As the host's command brings it; returns the result that was replied."""
    whole(b, payloads, first=first, to=to)
    b.send((events.EV_COMMAND, b.core.command_counter + 1, 0, "c"))
    return b.of(events.FX_REPLY)[-1][1]


def test_many_grants_at_once_all_arrive_and_their_effects_never_lie_in_the_heap_together():
    b = CoreRig()
    grants = [b.grant(i, str(10_000_000 + i), door=i % 3) for i in range(1, 41)]
    longest = 0
    handle = b.core.handle

    def watched(event, now):
        nonlocal longest
        effects = handle(event, now)
        longest = max(longest, len(effects))
        return effects

    b.core.handle = watched
    assert commanded(b, grants) == "ok"
    assert b.core.access.grants_version == 9 and b.core.access.stale_grants() == ()
    assert all(b.core.access._grants.has(i) for i in range(1, 41))
    assert commanded(b, [], to=10) == "ok"  # the whole set anew, and it is empty
    assert not any(b.core.access._grants.has(i) for i in range(1, 41)) and b.core.access.grants_version == 10
    assert longest < 15, longest


def test_a_full_list_and_a_grant_that_does_not_fit_are_answers_and_the_others_are_taken():
    b = CoreRig()
    b.core.bound(RESERVE + 64 * 3 * 8 // 3)  # three grants in three eighths of the heap
    grants = [b.grant(i, str(10_000_000 + i), door=0) for i in (1, 2, 3, 4, 5)]
    assert commanded(b, grants[:2], to=5) == "ok"
    assert commanded(b, grants[2:], first=5) == "full"
    assert [i for i in range(1, 6) if b.core.access._grants.has(i)] == [1, 2, 3]
    assert b.core.access.grants_version == 5
    assert len([fact for fact in b.facts if fact["kind"] == "refused"]) == 1  # of two that found no room
    assert commanded(b, grants[:1], first=5) == "ok"  # replaced, and what is said of one command ends with it
    wrong = CoreRig()
    assert (
        commanded(wrong, [wrong.grant(1, "10000001", door=900), wrong.grant(2, "10000002", door=1)])
        == "unfit"
    )
    assert wrong.core.access._grants.has(2) and wrong.core.access.grants_version == 0


def test_where_no_piece_of_the_heap_is_long_enough_the_answer_is_full_and_nothing_has_changed():
    b = CoreRig()
    b.give(b.grant(1, "10000001", door=0))
    before, records_before = digest(b), len(b.facts)
    pages = b.core.access._grants._pages

    class Scarce(list):
        def append(self, page):
            raise MemoryError

    b.core.access._grants._pages = Scarce()
    assert commanded(b, [b.grant(2, "10000002", door=1)], first=1) == "full"
    b.core.access._grants._pages = pages
    assert digest(b) == before and b.core.access.grants_version == 1
    assert [fact["kind"] for fact in b.facts[records_before:]] == ["refused", "command"]
    assert commanded(b, [b.grant(2, "10000002", door=1)], first=1) == "ok"


def test_the_bounds_are_the_same_after_each_start():
    free = RESERVE + 3_072
    b = CoreRig()
    b.core.bound(free)
    held = 0
    while commanded(b, [b.grant(held + 1, str(10_000_000 + held), door=0)], first=held, to=held + 1) == "ok":
        held += 1
    assert held == (free - RESERVE) * 3 // 8 // 64
    again = b.restart()
    again.core.bound(free - again.core.access.grants_bytes())
    assert commanded(again, [b.grant(held + 1, "20000000", door=0)], first=held, to=held + 1) == "full"


def test_expected_parcels_are_bounded_by_the_heap_and_the_one_that_ends_first_makes_room():
    b = CoreRig()
    b.core.bound(RESERVE + 4 * EXPECTED)
    for i, parcel in enumerate(("A", "B", "C")):
        b.send((events.EV_EXPECTED, parcel, 2, b.epoch_s + 1000 + i))
    assert [b.core.expected_size(parcel, b.now()) for parcel in ("A", "B", "C")] == [0, 2, 2]
