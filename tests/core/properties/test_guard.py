"""The guard against guessing, whatever the attacker does; and state that survives every restart."""

from __future__ import annotations

from typing import Any

from access_kit import EPOCH_S, Desk, derived, grant, token, window
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from locker.core import records
from locker.core.events import TRUST_FLOOR, TRUST_SET
from locker.core.reasons import R_DONE_BEFORE, R_OK
from locker.core.revoked import Nonces
from locker.core.throttle import PARDON_MS, PARDONS_MAX, TRIES_MAX, TRY_MS

DAY_MS = 86_400_000
OWN = "31415926"
GUESS = PARDON_MS
"""What one guess costs in the model, so that a millisecond earns whole numbers of tries and of pardons."""


class Guesser(RuleBasedStateMachine):
    """Guesses compared in any 24 hours stay within the bucket, a day's refill and the pardons.

    The model is one number: what the uptime has earned, tries and pardons together, which no more than fills
    the bucket and the pardons kept.  A locker may grant less (a restart forgets pardons), never more.
    """

    @initialize()
    def begin(self) -> None:
        self.desk = Desk()
        self.desk.put(records.GRANT, grant(1, OWN, role=4, door=3))  # the attacker is a resident
        self.uptime_ms = 0
        self.guesses: list[int] = []
        self.earned = TRIES_MAX * GUESS  # a locker starts with a full bucket and without a pardon

    @rule(times=st.integers(1, 30))
    def guess(self, times: int) -> None:
        for _ in range(times):
            if self.desk.type("00000000") is not None:
                self.guesses.append(self.uptime_ms)
                self.earned -= GUESS

    @rule()
    def use_the_own_code(self) -> None:
        self.desk.type(OWN)

    @rule(rounds=st.integers(1, 20), wrong=st.integers(1, 3))
    def hide_guesses_behind_the_own_code(self, rounds: int, wrong: int) -> None:
        """The best an attacker with a code of his own can do: each success pardons the tries before it."""
        for _ in range(rounds):
            self.guess(wrong)
            self.use_the_own_code()

    @rule()
    def rest_a_day_and_spend_everything(self) -> None:
        self.wait(DAY_MS // 60_000)
        self.hide_guesses_behind_the_own_code(20, 2)
        self.guess(TRIES_MAX)

    @rule(minutes=st.integers(1, 1000))
    def wait(self, minutes: int) -> None:
        self.desk.wait(minutes * 60)
        self.uptime_ms += minutes * 60_000
        gained = minutes * 60_000 * (PARDON_MS // TRY_MS + 1)  # of tries, and of pardons
        self.earned = min(self.earned + gained, (TRIES_MAX + PARDONS_MAX) * GUESS)

    @rule(compacted=st.booleans())
    def cut_the_power(self, compacted: bool) -> None:
        left = self.desk.access.may_try(self.desk.now)[0]
        self.desk.restart(compacted)
        assert self.desk.access.may_try(self.desk.now)[0] <= left

    @rule(minutes=st.integers(0, 3))
    def cut_the_power_between_record_and_comparison(self, minutes: int) -> None:
        if self.desk.access.may_try(self.desk.now)[1] == 0:
            self.desk.record(records.ATTEMPT, 1)
        self.desk.restart()
        self.wait(minutes)

    @rule(seconds=st.integers(-100_000, 10_000_000), known=st.booleans())
    def turn_the_clock(self, seconds: int, known: bool) -> None:
        before = self.desk.epoch_s
        self.desk.epoch_s = max(before + seconds, 0)
        self.desk.trust = TRUST_SET if known else TRUST_FLOOR
        self.desk.record(records.TIME_SET, 1, before)

    @invariant()
    def no_day_has_more_than_a_hundred_guesses(self) -> None:
        if not hasattr(self, "guesses"):
            return
        bound = TRIES_MAX + DAY_MS // TRY_MS + PARDONS_MAX + DAY_MS // PARDON_MS
        assert bound == 100
        newest = [at for at in self.guesses if at > self.uptime_ms - DAY_MS]
        assert len(newest) <= bound

    @invariant()
    def no_guess_was_more_than_the_uptime_had_earned(self) -> None:
        assert getattr(self, "earned", 0) >= 0


TestGuesser = Guesser.TestCase
TestGuesser.settings = settings(
    deadline=None, database=None, print_blob=True, max_examples=60, stateful_step_count=60
)


STORY = st.lists(
    st.one_of(
        st.tuples(
            st.just("grant"),
            st.integers(1, 5),
            st.sampled_from(("11111111", "22222222", "33333333")),
            st.integers(0, 3),
            st.sampled_from((2, 65535)),
        ),
        st.tuples(st.just("drop"), st.integers(1, 5)),
        st.tuples(st.just("opened"), st.sampled_from((2, 3)), st.integers(0, 6)),
        st.tuples(st.just("revoke_parcel"), st.sampled_from(("P1", "P2")), st.integers(0, 9000)),
        st.tuples(st.just("revoke_nonce"), st.integers(1, 6), st.integers(0, 9000)),
        st.tuples(st.just("counter"), st.integers(0, 9)),
        st.tuples(st.just("scan"), st.integers(1, 6)),
        st.tuples(st.just("type"), st.sampled_from(("11111111", "22222222", "00000000"))),
        st.tuples(st.just("wait"), st.integers(0, 5000)),
    ),
    max_size=40,
)


def _live(desk: Desk, story: Any) -> None:
    for name, *rest in story:
        if name == "grant":
            id_, digits, uses, door = rest
            desk.put(records.GRANT, grant(id_, digits, uses=uses, door=door))
        elif name == "drop":
            desk.record(records.GRANT_DROP, rest[0])
        elif name == "opened":
            desk.opened(rest[0], rest[1])
        elif name == "revoke_parcel":
            desk.record(records.REVOKE_PARCEL, EPOCH_S + rest[1], rest[0])
        elif name == "revoke_nonce":
            desk.record(records.REVOKE_NONCE, rest[0], EPOCH_S + rest[1])
        elif name == "counter":
            desk.record(records.HOLDER_COUNTER, 1, 1, 7, rest[0])
        elif name == "scan":
            desk.scan(token(nonce=rest[0]))
        elif name == "type":
            desk.type(rest[0])
        else:
            desk.wait(rest[0])


def _answers(desk: Desk) -> list[Any]:
    """What the locker would say to everybody, the throttle aside."""
    desk.access.bind(4, "P1")
    desk.access.bind(5, "P2")
    digits = ["11111111", "22222222", "33333333", derived("P1"), derived("P2")]
    digits += [window(1, 1, counter, desk.epoch_s) for counter in range(10)]
    out: list[Any] = []
    for text in digits:
        desk.put(records.THROTTLE_STATE, records.pack(records.THROTTLE_STATE, 20_000, 0))
        out.append(desk.type(text))
    return out + [desk.scan(token(nonce=nonce)) for nonce in range(1, 7)]


@given(STORY, st.booleans())
def test_a_restart_changes_no_verdict(story: Any, compacted: bool) -> None:
    through, restarted = Desk(), Desk()
    _live(through, story)
    _live(restarted, story)
    restarted.restart(compacted)
    assert _answers(restarted) == _answers(through)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 100), st.integers(0, 100)), max_size=80))
def test_no_list_is_too_small_to_remember_a_used_token(uses: list[tuple[int, int, int]]) -> None:
    nonces, ends, floor_s = Nonces(8), {}, 0
    for nonce, until, time_s in uses:
        floor_s = max(floor_s, time_s)
        if nonce in ends:
            continue  # a used token is refused, so it cannot be used again
        ends[nonce] = until
        nonces.add(nonce, until, floor_s)
        for used, end in ends.items():
            assert nonces.has(used, end) or end < floor_s
        again = Nonces(8)
        for _, payload in nonces.snapshot(records.TOKEN_USED):
            used, end = records.unpack(records.TOKEN_USED, payload)
            again.add(used, end, floor_s)
        for used, end in ends.items():
            assert again.has(used, end) or end < floor_s


@given(st.integers(0, 79), st.integers(1, 63), st.sampled_from("cut swap change extend".split()))
def test_a_token_that_was_touched_opens_nothing(position: int, by: int, how: str) -> None:
    desk = Desk()
    text = token(parcel="RR123456785FR", nonce=9)
    at = position % len(text)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    if how == "cut":
        touched = text[:at] + text[at + 1 + by % 5 :]
    elif how == "swap":
        touched = text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :]
    elif how == "extend":
        touched = text[:at] + alphabet[by] + text[at:]
    else:
        other = alphabet[(alphabet.index(text[at]) + by) % 64]
        touched = text[:at] + other + text[at + 1 :]
    verdict = desk.scan(touched)
    assert touched == text or verdict[0] not in (R_OK, R_DONE_BEFORE)
    assert desk.scan(text)[0] == R_OK
