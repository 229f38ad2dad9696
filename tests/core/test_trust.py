"""What each kind of code opens when typed or scanned, with a clock that is set and one that is not."""

from access_kit import DAY_S, EPOCH_S, NEVER, OTHER_KEY, Desk, derived, grant, token, window
from locker.core import reasons, records
from locker.core.events import COLLECT, TRUST_FLOOR, TRUST_SET

DIGITS = "90210417"
DEPOSIT, RETURN = 1, 2
ACTIONS = range(6)
CLOCKS = TRUST_FLOOR, TRUST_SET


def listed(trust, action=COLLECT, begin=0, end=NEVER):
    """Why the host's code with these rights opens or does not."""
    desk = Desk(trust=trust)
    desk.put(records.GRANT, grant(1, DIGITS, begin, end, 1, action))
    return desk.why(DIGITS)


def scanned(trust, action=COLLECT, begin=EPOCH_S, end=EPOCH_S + DAY_S):
    return Desk(trust=trust).scan(token(action, 1, "P1", begin, end))[0]


def opens(kind, trust):
    """The actions for which a code of this kind opens."""
    return [action for action in ACTIONS if kind(trust, action) == reasons.R_OK]


def test_what_the_host_has_listed_opens_whatever_the_clock_is_worth():
    for trust in CLOCKS:
        assert opens(listed, trust) == list(ACTIONS)


def test_a_token_without_a_clock_does_what_one_person_may_do_once_and_no_more():
    assert opens(scanned, TRUST_SET) == list(ACTIONS)
    assert opens(scanned, TRUST_FLOOR) == [COLLECT, DEPOSIT, RETURN]
    assert scanned(TRUST_FLOOR, 4) == reasons.R_NO_CLOCK


def test_a_parcels_own_code_collects_it_and_does_nothing_else():
    for trust in CLOCKS:
        desk = Desk(trust=trust)
        desk.access.bind(3, "P1")
        reason, _, action, _, door = desk.type(derived("P1"))[:5]
        assert (reason, action, door) == (reasons.R_OK, COLLECT, 3)


def test_a_code_of_the_hour_or_day_needs_a_clock():
    for role, action, holder in ((1, 1, 7), (3, 4, 1), (2, 5, 9)):
        code = window(role, action, holder, EPOCH_S)
        assert Desk(trust=TRUST_SET).why(code) == reasons.R_OK
        assert Desk(trust=TRUST_FLOOR).why(code) == reasons.R_NO_CLOCK


def test_dates_hold_to_the_second():
    for kind in (listed, scanned):
        assert kind(TRUST_SET, begin=EPOCH_S, end=EPOCH_S) == reasons.R_OK
        assert kind(TRUST_SET, begin=EPOCH_S - 9, end=EPOCH_S - 1) == reasons.R_EXPIRED
        assert kind(TRUST_SET, begin=EPOCH_S + 1, end=EPOCH_S + 9) == reasons.R_NOT_YET


def test_without_a_clock_what_has_ended_has_ended_and_what_may_have_begun_may_have_begun():
    for kind in (listed, scanned):
        assert kind(TRUST_FLOOR, begin=EPOCH_S - 9, end=EPOCH_S - 1) == reasons.R_EXPIRED
        assert kind(TRUST_FLOOR, begin=EPOCH_S + 1, end=EPOCH_S + 9) == reasons.R_OK


def test_a_journal_of_any_age_reads_as_why_it_was_refused():
    """The number is kept, the word is looked up by whoever reads, years later: neither may ever move."""
    words = (
        "ok not_digits token_form token_forged token_kind label_length label_chars label_check wrong"
        " ambiguous not_yet expired done_before revoked no_clock window action door parcel not_here no_tries"
        " not_recorded full payload time not_proven closed"
    ).split()
    assert list(reasons.R_NAMES[: len(words)]) == words  # a new reason goes to the end
    for reason, word in (
        (Desk().why("1234"), "not_digits"),
        (Desk().why(DIGITS), "wrong"),
        (listed(TRUST_SET, end=EPOCH_S - 1), "expired"),
        (listed(TRUST_SET, begin=EPOCH_S + 1), "not_yet"),
        (scanned(TRUST_FLOOR, 4), "no_clock"),
        (scanned(TRUST_SET, end=EPOCH_S - DAY_S), "window"),
        (Desk().scan("CG1"), "token_form"),
        (Desk().scan(token(key=OTHER_KEY)), "token_forged"),
        (Desk().scan(token(kind=9)), "token_kind"),
        (Desk().scan(token(action=6)), "action"),
        (Desk().scan(token(door=13)), "door"),
        (Desk().scan(token(parcel="a\nb")), "parcel"),
    ):
        assert reasons.R_NAMES[reason if type(reason) is int else reason[0]] == word
