"""What became of a command, and the words for it.

No database in here: technicians' commands on their laptops say the same words.
"""

WAITING, SENT, DONE, REFUSED, EXPIRED = "waiting", "sent", "done", "refused", "expired"
"""States of a command at the host."""
FAILED, SUPERSEDED, UNREADABLE = "failed", "superseded", "unreadable"
"""Results that are no answer of the locker's core: it broke off at the command; a later one took over; the
host could not read what its database has of it."""
LEARNT = "learnt"
"""Of a revocation that this host has forgotten, or never knew: the locker told it."""
FULL = "full"
HALVED, ASIDE, BROKE_OFF, NO_ANSWER = "halved", "aside", "broke_off", "no_answer"
"""What the host did about a refusal, or concluded where no answer came, see ``sizes``."""
TOO_EARLY: dict[str, tuple[str, ...]] = {"clock": ("expired", "not asked"), "": ("expired",)}
"""Refusals that end no command which may be sent again, by its name."""

ANSWERS = {
    "ok": "done",
    "no_such_door": "the locker has no such compartment",
    "is_open": "the compartment is open already",
    "busy": "the compartment is being used: try again when the person has left",
    "out_of_order": "the compartment is out of order: send a technician",
    "too_many": "the locker refuses more remote openings for now: 10 in 10 minutes are the most",
    "not_free": "the compartment is not free",
    "in_the_past": "it would have ended before it began: check the time, here and there",
    "unfit": "the locker cannot show or use that: is the language, or the compartment, one of its own?",
    FAILED: "the locker failed at it and started anew: look at its state before you repeat it",
    FULL: "the locker's list is full: it takes more when older ones have ended",
    HALVED: "the locker did not take so much at once: it is sent in smaller pieces",
    ASIDE: "the locker does not take it: it was set aside, and the others go on",
    BROKE_OFF: "the connection broke each time that it was sent",
    NO_ANSWER: "the locker answered nothing each time that it was sent",
    "size": "it is longer than what the locker takes",
    "json": "the locker cannot read it: is its firmware older than this host?",
    "fields": "the locker does not understand it: is its firmware older than this host?",
    "unknown command": "the locker does not know this command: its firmware is older than this host",
    "stale counter": "a later command overtook it",
    "expired": "it reached the locker too late",
    "time unknown": "the locker does not know the time, and opens nothing it cannot date",
    LEARNT: "the locker has told this host of it",
    SUPERSEDED: "a later order took its place",
    UNREADABLE: "this host cannot read it, and did not send it: did another release write it? Give it again",
}


def answer(state: str, result: str | None) -> str:
    """What became of a command, in words."""
    if result is not None:
        return ANSWERS.get(result, result.replace("_", " "))
    return {
        WAITING: "waits to be sent: at once while the locker is connected",
        SENT: "sent, no answer yet",
        EXPIRED: "the locker did not answer in time",
    }.get(state, state)
