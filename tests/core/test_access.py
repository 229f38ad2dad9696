"""Verdicts: parcels' codes, tokens, revocation, collisions, duress, and what the power cannot undo."""

from access_kit import (
    DAY_S,
    EPOCH_S,
    NEVER,
    OTHER_KEY,
    CountedMacs,
    Desk,
    derived,
    grant,
    listed_tag,
    token,
    window,
)
from locker.core import codes, events, reasons, records
from locker.core.access import Access


def _other_digits_with(desk, parcel):
    """A grant's payload that has the same digits as the parcel's derived code."""
    return grant(3, derived(parcel), role=5, door=1)


# --- derived codes ---------------------------------------------------------------------------------


def test_a_customer_told_the_code_beforehand_collects_what_the_locker_never_heard_of():
    desk = Desk()
    told = derived("RR123456785FR")  # by the host, days ago
    assert desk.type(told)[0] == reasons.R_WRONG
    assert desk.type(window(1, 1, 7, EPOCH_S))[0] == reasons.R_OK  # a courier comes, no network
    assert not desk.access.collides("RR123456785FR")
    desk.access.bind(3, "RR123456785FR")
    verdict = desk.type(told)
    assert verdict == (reasons.R_OK, events.CUSTOMER, events.COLLECT, 0, 3, 0, "RR123456785FR", False)
    desk.access.unbind(3)
    assert desk.why(told) == reasons.R_WRONG


def test_a_derived_code_works_whatever_the_clock_says():
    for trust_state in (events.TRUST_FLOOR, events.TRUST_SET):
        for epoch_s in (0, 946_684_800, EPOCH_S, 2**31, NEVER):
            desk = Desk(trust=trust_state)
            desk.epoch_s = epoch_s
            desk.access.bind(0, "P1")
            assert desk.why(derived("P1")) == reasons.R_OK


def test_a_door_given_to_the_next_parcel_forgets_the_code_of_the_last():
    desk = Desk()
    desk.access.bind(3, "P1")
    assert desk.why(derived("P1")) == reasons.R_OK
    desk.access.bind(3, "P1")  # the same again changes nothing
    assert desk.why(derived("P1")) == reasons.R_OK
    desk.access.bind(3, "P2")
    assert desk.why(derived("P1")) == reasons.R_WRONG
    assert desk.why(derived("P2")) == reasons.R_OK
    desk.access.unbind(3)
    assert desk.why(derived("P1")) == reasons.R_WRONG
    assert desk.why(derived("P2")) == reasons.R_WRONG


def test_a_code_that_was_never_needed_is_never_computed():
    desk = Desk(holders=())
    macs = CountedMacs()
    try:
        for parcel in range(200):  # a long journal, replayed
            desk.access.bind(4, "OLD{}".format(parcel))
            desk.access.unbind(4)
            desk.access.unbind(4)
        desk.access.bind(4, "P1")
        desk.access.bind(4, "P1")
        desk.access.bind(5, "P2")
        assert macs.taken() == 0
        assert desk.access.collides("P3") is False
        assert macs.taken() == 6  # two parcels here, and the one that was asked for
        desk.access.warm(desk.now)
        assert macs.taken() == 0
    finally:
        macs.stop()


def test_a_parcel_known_at_two_doors_has_one_code():
    desk = Desk()
    desk.access.bind(3, "P1")  # collected, may be opened again for a while
    desk.access.bind(5, "P1")  # and brought back
    assert desk.type(derived("P1"))[:2] == (reasons.R_OK, events.CUSTOMER)
    assert not desk.access.collides("P1")


def test_parcels_are_made_ready_a_few_at_a_time():
    desk = Desk(holders=())
    for door in range(12):
        desk.access.bind(door, "P{}".format(door))
    with_macs = CountedMacs()
    try:
        for _ in range(6):
            desk.access.warm(desk.now)
            assert with_macs.taken() == 4
        desk.access.warm(desk.now)
        assert with_macs.taken() == 0
        desk.type("00000000")
        assert with_macs.taken() == 1
    finally:
        with_macs.stop()
    for door in range(12):
        assert desk.type(derived("P{}".format(door)))[4] == door


# --- collisions ------------------------------------------------------------------------------------


def test_a_deposit_whose_code_is_live_already_is_seen_before_it_happens():
    desk = Desk()
    desk.put(records.GRANT, _other_digits_with(desk, "P1"))
    assert desk.access.collides("P1")
    assert not desk.access.collides("P2")
    desk.record(records.GRANT_DROP, 3)
    assert not desk.access.collides("P1")


def test_two_parcels_with_the_same_digits_are_told_apart_by_refusing_the_second():
    first, second = _two_parcels_that_collide()
    desk = Desk(digits=6)
    desk.access.bind(0, first)
    assert desk.access.collides(second)
    assert not desk.access.collides(first)


def _two_parcels_that_collide():
    seen = {}
    for i in range(100_000):
        parcel = "P{}".format(i)
        digits = derived(parcel, 6)
        if digits in seen:
            return seen[digits], parcel
        seen[digits] = parcel
    raise AssertionError("a million codes and no collision among so many parcels")


def test_two_live_codes_with_the_same_digits_are_never_guessed_between():
    desk = Desk()
    desk.access.bind(0, "P1")
    desk.put(records.GRANT, _other_digits_with(desk, "P1"))
    assert desk.why(derived("P1")) == reasons.R_AMBIGUOUS
    desk.put(records.GRANT, grant(3, derived("P1"), end=EPOCH_S - 1))
    assert desk.why(derived("P1")) == reasons.R_OK  # only one of them counts
    desk.access.unbind(0)
    assert desk.why(derived("P1")) == reasons.R_EXPIRED
    desk.put(records.GRANT, grant(4, derived("P1"), begin=EPOCH_S + 9))
    assert (
        desk.why(derived("P1")) == reasons.R_NOT_YET
    )  # neither opens, and the reason does not depend on order
    desk.record(records.GRANT_DROP, 3)
    desk.put(records.GRANT, grant(3, derived("P1"), end=EPOCH_S - 1))
    assert desk.why(derived("P1")) == reasons.R_NOT_YET


def test_the_host_may_list_the_very_code_a_parcel_has_anyway():
    desk = Desk()
    desk.access.bind(0, "P1")
    desk.put(records.GRANT, grant(3, derived("P1"), parcel="P1"))
    assert desk.type(derived("P1"))[6] == "P1"
    desk.put(records.GRANT, grant(3, derived("P1"), action=3, parcel="P1"))
    assert desk.why(derived("P1")) == reasons.R_AMBIGUOUS  # collect or recall?


def test_codes_that_share_the_short_tag_only_are_different_codes():
    desk = Desk()
    tag = listed_tag("12345678")
    twin = tag[:4] + bytes(12)
    payload = grant(1, "12345678")
    desk.put(records.GRANT, payload[:19] + twin + payload[35:])
    assert desk.why("12345678") == reasons.R_WRONG
    desk.put(records.GRANT, grant(2, "12345678", door=6))
    assert desk.type("12345678")[4:6] == (6, 2)
    desk.access.bind(0, "P1")
    desk.put(records.GRANT, grant(3, derived("P1"))[:19] + listed_tag(derived("P1"))[:4] + bytes(12))
    assert not desk.access.collides("P1")


# --- what is typed ---------------------------------------------------------------------------------


def test_what_is_not_the_site_s_number_of_digits_is_refused_as_such():
    desk = Desk()
    for text in (
        "",
        "1",
        "1234567",
        "123456789",
        "1234567a",
        "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668",
        "12 45678",
        "-1234567",
        "x" * 1024,
    ):
        assert desk.why(text) == reasons.R_NOT_DIGITS, text


def test_sites_choose_six_to_ten_digits():
    for digits in range(6, 11):
        desk = Desk(digits=digits)
        desk.access.bind(1, "P1")
        assert desk.why(derived("P1", digits)) == reasons.R_OK
        assert desk.why(window(1, 1, 7, EPOCH_S, digits)) == reasons.R_OK
    for digits in (5, 11):
        try:
            Desk(digits=digits)
        except ValueError:
            continue
        raise AssertionError(digits)


# --- duress ----------------------------------------------------------------------------------------


def _raised(code):
    return code[:-1] + str((int(code[-1]) + 1) % 10)


def test_a_clerk_in_distress_opens_and_the_caller_is_told():
    for who in ((3, 4, 1), (2, 5, 9)):
        code = window(*who, EPOCH_S)
        desk = Desk(duress=True)
        assert desk.type(code)[7] is False
        verdict = desk.type(_raised(code))
        assert verdict[:4] == (reasons.R_OK,) + who and verdict[7] is True
        assert Desk().type(_raised(code))[0] == reasons.R_WRONG  # off unless the site wants it


def test_duress_carries_over_from_nine_to_zero_and_works_for_listed_codes():
    desk = Desk(duress=True)
    desk.put(records.GRANT, grant(1, "12345679", role=events.TECHNICIAN, action=events.SERVICE))
    assert desk.type("12345670")[7] is True
    assert desk.type("12345678")[0] == reasons.R_WRONG
    assert desk.type("12345680")[0] == reasons.R_WRONG


def test_nobody_else_has_a_second_code():
    desk = Desk(duress=True)
    desk.access.bind(0, "P1")
    desk.put(records.GRANT, grant(1, "12345678", role=events.RESIDENT, door=3))
    for code in (derived("P1"), "12345678", window(1, 1, 7, EPOCH_S)):
        assert desk.why(code) == reasons.R_OK
        assert desk.why(_raised(code)) == reasons.R_WRONG


def test_a_real_code_is_never_taken_for_somebody_else_s_alarm():
    desk = Desk(duress=True)
    desk.put(records.GRANT, grant(1, "12345678", role=events.CLERK, action=events.HANDOVER))
    desk.put(records.GRANT, grant(2, "12345679", role=events.RESIDENT, door=3))
    verdict = desk.type("12345679")
    assert verdict[5] == 2 and verdict[7] is False
    desk.put(records.GRANT, grant(2, "12345679", role=events.RESIDENT, door=3, end=EPOCH_S - 1))
    assert desk.why("12345679") == reasons.R_EXPIRED


# --- tokens ----------------------------------------------------------------------------------------


def test_a_token_opens_what_it_names():
    desk = Desk()
    text = token(action=1, door=12, parcel="P1", nonce=5, holder=8)
    # Doors count from 1 in a token, from 0 in a verdict.
    assert desk.scan(text) == (reasons.R_OK, events.COURIER, events.DEPOSIT, 8, 11, 5, "P1", False)
    assert desk.scan(token(door=1))[4] == 0
    assert desk.scan(token(door=65535))[4] == records.ANY_DOOR


def test_each_action_of_a_token_has_its_role():
    desk = Desk()
    roles = [desk.scan(token(action=a))[1] for a in range(6)]
    assert roles == [
        events.CUSTOMER,
        events.COURIER,
        events.CUSTOMER,
        events.COURIER,
        events.TECHNICIAN,
        events.CLERK,
    ]


def test_impossible_tokens_are_refused_with_one_reason_each():
    desk = Desk()
    good = token(parcel="RR123456785")  # 60 characters: whole groups can be cut off and moved
    assert desk.scan(good)[0] == reasons.R_OK
    for text, reason in (
        ("", reasons.R_TOKEN_FORM),
        (good[:20], reasons.R_TOKEN_FORM),
        (good + "=", reasons.R_TOKEN_FORM),
        (good.replace("CG1", "cg1"), reasons.R_TOKEN_FORM),
        (good[:-4], reasons.R_TOKEN_FORGED),  # cut
        (good + "AAAA", reasons.R_TOKEN_FORGED),  # extended
        (good[:3] + good[7:11] + good[3:7] + good[11:], reasons.R_TOKEN_FORGED),  # reordered
        (token(key=OTHER_KEY), reasons.R_TOKEN_FORGED),  # another locker's
        (token(kind=2), reasons.R_TOKEN_KIND),
        (token(nonce=0), reasons.R_TOKEN_KIND),
        (token(action=6), reasons.R_ACTION),
        (token(action=255), reasons.R_ACTION),
        (token(door=0), reasons.R_DOOR),
        (token(door=13), reasons.R_DOOR),
        (token(door=65534), reasons.R_DOOR),
        (token(parcel="a\nb"), reasons.R_PARCEL),
        (token(begin=EPOCH_S + 1, end=EPOCH_S), reasons.R_WINDOW),
        (token(begin=EPOCH_S - 60, end=EPOCH_S - 1), reasons.R_EXPIRED),
        (token(begin=EPOCH_S + 1), reasons.R_NOT_YET),
    ):
        for _ in range(2):
            assert desk.scan(text) == (reason, 0, 0, 0, records.ANY_DOOR, 0, "", False), (text, reason)
    assert desk.scan(token(end=EPOCH_S))[0] == reasons.R_OK
    assert desk.scan(token(begin=EPOCH_S))[0] == reasons.R_OK


def test_a_token_signed_with_a_parcel_that_is_not_text_is_refused():
    desk = Desk()
    padded = codes.pads(codes.derive(bytes(range(32)), codes.LABEL_TOKEN))
    body = codes.token_body(1, 0, 0, 65535, EPOCH_S, EPOCH_S, 1, "") + b"\xff\xfe"
    assert desk.scan(codes.token_text(padded, body))[0] == reasons.R_PARCEL


def test_a_used_token_stays_used_through_any_restart_until_it_ends():
    for compacted in (False, True):
        desk = Desk()
        text = token(nonce=5, door=4)
        assert desk.scan(text)[0] == reasons.R_OK
        assert desk.scan(text)[0] == reasons.R_OK  # nothing opened yet
        desk.opened(3, 5)
        assert desk.scan(text)[0] == reasons.R_DONE_BEFORE
        desk.restart(compacted)
        assert desk.scan(text)[0] == reasons.R_DONE_BEFORE
        assert desk.scan(token(nonce=6))[0] == reasons.R_OK
        desk.wait(DAY_S + 1)
        assert desk.scan(text)[0] == reasons.R_EXPIRED


def test_an_opening_spends_the_token_that_it_was_for_and_no_other():
    desk = Desk()
    desk.scan(token(nonce=5))
    assert desk.access.token_end(5) == EPOCH_S + DAY_S
    assert desk.access.token_end(6) == 0 and desk.access.token_end(0) == 0
    desk.record(records.TOKEN_USED, 6, EPOCH_S + DAY_S)
    assert desk.access.token_end(5) == EPOCH_S + DAY_S
    desk.record(records.TOKEN_USED, 5, EPOCH_S + DAY_S)
    assert desk.access.token_end(5) == 0


def test_a_token_whose_door_opens_only_after_another_token_was_shown_is_spent_all_the_same():
    desk = Desk()
    first = token(nonce=5, door=4)
    desk.scan(first)
    desk.scan(token(nonce=6, door=2))
    desk.opened(3, 5)
    assert desk.scan(first)[0] == reasons.R_DONE_BEFORE


def test_a_grant_and_a_token_of_the_same_number_are_each_spent_by_their_own_opening():
    for first in ("grant", "token"):
        desk = Desk()
        shown = token(nonce=5, door=4)
        desk.put(records.GRANT, grant(5, "12345678", door=3, uses=1))
        for whose in ("token", "grant") if first == "token" else ("grant", "token"):
            reason = desk.scan(shown)[0] if whose == "token" else desk.why("12345678")
            assert reason == reasons.R_OK, (first, whose)
            desk.opened(3, 5)
        desk.restart()
        assert desk.scan(shown)[0] == reasons.R_DONE_BEFORE
        assert desk.why("12345678") == reasons.R_DONE_BEFORE


def test_a_token_that_was_shown_and_opened_nothing_does_not_pay_for_a_grant_of_its_number():
    desk = Desk()
    shown = token(nonce=5, door=4)
    desk.put(records.GRANT, grant(5, "12345678", door=3, uses=1))
    desk.scan(shown)
    desk.why("12345678")
    desk.opened(3, 5)
    assert desk.why("12345678") == reasons.R_DONE_BEFORE
    assert desk.scan(shown)[0] == reasons.R_OK


def test_on_floor_a_token_serves_one_person_but_never_opens_the_whole_locker():
    desk = Desk(trust=events.TRUST_FLOOR)
    for action, reason in (
        (0, reasons.R_OK),
        (1, reasons.R_OK),
        (2, reasons.R_OK),
        (3, reasons.R_NO_CLOCK),
        (4, reasons.R_NO_CLOCK),
    ):
        assert desk.scan(token(action=action))[0] == reason


# --- revocation ------------------------------------------------------------------------------------


def test_a_revoked_parcel_s_code_and_tokens_stop_and_a_new_listed_code_serves():
    for compacted in (False, True):
        desk = Desk()
        desk.access.bind(2, "P1")
        desk.access.bind(3, "P2")
        desk.record(records.REVOKE_PARCEL, EPOCH_S + 60, "P1")
        desk.restart(compacted)
        desk.access.bind(2, "P1")
        desk.access.bind(3, "P2")
        assert desk.why(derived("P1")) == reasons.R_REVOKED
        assert desk.scan(token(parcel="P1"))[0] == reasons.R_REVOKED
        assert desk.why(derived("P2")) == reasons.R_OK
        desk.put(records.GRANT, grant(8, "87654321", parcel="P1"))  # the customer lost the first code
        assert desk.why("87654321") == reasons.R_OK
        desk.wait(61)
        assert desk.why(derived("P1")) == reasons.R_OK  # a revocation ends when the host said
        assert desk.scan(token(parcel="P1"))[0] == reasons.R_OK


def test_a_revoked_nonce_stops_its_token_only():
    for compacted in (False, True):
        desk = Desk()
        desk.record(records.REVOKE_NONCE, 5, EPOCH_S + DAY_S)
        desk.restart(compacted)
        assert desk.scan(token(nonce=5))[0] == reasons.R_REVOKED
        assert desk.scan(token(nonce=6))[0] == reasons.R_OK


def test_what_the_host_revokes_is_checked_before_it_is_journaled():
    desk = Desk()
    admit = desk.access.admit
    assert admit(records.REVOKE_PARCEL, records.pack(records.REVOKE_PARCEL, NEVER, "P1")) == reasons.R_OK
    assert admit(records.REVOKE_PARCEL, b"\0\0\0") == reasons.R_PAYLOAD
    assert admit(records.REVOKE_PARCEL, b"\0\0\0\0a\x01") == reasons.R_PARCEL
    assert admit(records.REVOKE_NONCE, records.pack(records.REVOKE_NONCE, 1, NEVER)) == reasons.R_OK
    assert admit(records.REVOKE_NONCE, bytes(7)) == reasons.R_PAYLOAD
    assert admit(records.HOLDER_COUNTER, bytes(5)) == reasons.R_PAYLOAD
    for i in range(512):
        desk.record(records.REVOKE_PARCEL, EPOCH_S + 60, "X{}".format(i))
    assert admit(records.REVOKE_PARCEL, records.pack(records.REVOKE_PARCEL, NEVER, "P1")) == reasons.R_FULL
    assert admit(records.REVOKE_PARCEL, records.pack(records.REVOKE_PARCEL, NEVER, "X1")) == reasons.R_OK
    desk.wait(61)
    desk.record(records.TIME_FLOOR, desk.epoch_s)
    assert admit(records.REVOKE_PARCEL, records.pack(records.REVOKE_PARCEL, NEVER, "P1")) == reasons.R_OK
    for i in range(32):
        desk.record(records.HOLDER_COUNTER, 1, 1, i, 1000)
    assert admit(records.HOLDER_COUNTER, records.pack(records.HOLDER_COUNTER, 1, 2, 3, 4)) == reasons.R_FULL


# --- the fold --------------------------------------------------------------------------------------


def test_records_of_others_are_ignored():
    desk = Desk()
    before = list(desk.access.snapshot())
    for kind in (records.CLOSED, records.DEPOSITED, records.TIME_SET, records.EXPECTED, 60, 127):
        desk.access.apply(kind, EPOCH_S, b"\0" * 12, 5)
    assert list(desk.access.snapshot()) == before


def test_a_snapshot_folds_to_itself():
    desk = Desk()
    desk.record(records.GRANTS_VERSION, 12)
    desk.put(records.GRANT, grant(1, "12345678", door=4, uses=3))
    desk.put(records.GRANT, grant(2, "22345678", parcel="P1"))
    desk.opened(4, 1)
    desk.record(records.REVOKE_PARCEL, NEVER, "P9")
    desk.record(records.REVOKE_NONCE, 9, NEVER)
    desk.record(records.HOLDER_COUNTER, 1, 1, 7, 99)
    desk.scan(token(nonce=4))
    desk.opened(2, 4)
    desk.type("00000000")
    first = [(kind, bytes(payload)) for kind, payload in desk.access.snapshot()]
    assert {kind for kind, _ in first} == {
        records.GRANTS_VERSION,
        records.GRANT,
        records.GRANT_SPENT,
        records.REVOKED,
        records.REVOKE_NONCE,
        records.TOKEN_USED,
        records.HOLDER_COUNTER,
        records.THROTTLE_STATE,
    }
    again = Access(bytes(range(32)))
    for kind, payload in first:
        again.apply(kind, EPOCH_S, payload)
    assert [(kind, bytes(payload)) for kind, payload in again.snapshot()] == first


def test_digits_of_live_codes_are_kept_nowhere():
    desk = Desk()
    desk.put(records.GRANT, grant(1, "12345678"))
    desk.access.bind(0, "P1")
    desk.type("12345678")
    for kind, payload in desk.access.snapshot():
        assert b"12345678" not in payload and derived("P1").encode() not in payload, kind


def test_a_provisional_time_ends_no_grant_for_ever_and_a_snapshot_keeps_what_is_believed():
    desk = Desk()
    believed_s = desk.epoch_s
    desk.epoch_s += 365 * 86_400
    desk.record(records.TIME_AHEAD, 365 * 86_400)
    desk.record(records.CLOSED, 0, 1)
    for compacted in (False, True):
        desk.restart(compacted)
        assert (
            desk.access.ahead_s == 365 * 86_400 and desk.access.lost_token_end(77) == believed_s + 31_622_400
        )
    desk.epoch_s = believed_s + 60
    desk.record(records.TIME_AHEAD, 0)
    desk.restart(compacted=True)
    assert desk.access.ahead_s == 0
    assert desk.access.lost_token_end(77) == desk.epoch_s + 31_622_400
