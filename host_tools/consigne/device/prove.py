"""``consigne device journal prove``: after records were lost, a person tells the true state.

With a journal that lost records of the state, the locker opens nobody's parcel (``core/session.py``,
``proven``): a spent code may look unspent, an emptied compartment full.  Only a look into each compartment
ends that, also for a board that took another's place while the host could not tell what lies where.  What the
technician says becomes a snapshot, on which every later start builds.

Why it is safe: each compartment is what somebody saw.  One that could not be looked into is blocked.  Listed
codes are all dropped, and the host sends those that are not spent.  The tries at the keypad start from none.
The command also tells what stays unknown: a printed token that was used in the lost time would work again
until its end, so the operator should revoke those; and remote commands already carried out stay refused only
as far as their counter is known.
"""

from collections.abc import Callable
from typing import TypedDict

from locker.core import doors
from locker.core.labels import parcel_possible

from consigne.words import counted

from . import errors
from .board import Board

EMPTY = "empty"
UNSEEN = "unseen"
Ask = Callable[[str], str]
Say = Callable[[str], object]


class _Told(TypedDict):
    """What ``onboard/prove.py`` says of a journal; ``doors``: content, parcel and block of each."""

    text: str
    proven: bool
    read_only: bool
    names: list[str]
    doors: list[tuple[int, str, int]]  # JSON gives a list of three


def ask(board: Board, ask_person: Ask, say: Say) -> str:
    """Ask a technician about every compartment and write the answers; returns the text for the end."""
    told: _Told = board.call("prove", "")[0]
    say(f"journal: {told['text']}")
    if told["read_only"]:
        raise errors.DeviceError(
            f"{board.port}: this journal takes no records; save it with "
            "`consigne device journal dump --save`, then flash the board with --fresh "
            "and give it its locker with `consigne device provision --replace`"
        )
    if told["proven"]:
        return "the state is proven already; nothing was changed"
    say(f"for each compartment: {EMPTY}, the number on the parcel, or {UNSEEN} if you cannot look inside")
    settled = [
        _compartment(name, believed, ask_person, say)
        for name, believed in zip(told["names"], told["doors"], strict=True)
    ]
    board.run(f"locker.settle({settled!r})")
    again: _Told = board.call("prove", "")[0]
    if not again["proven"]:
        raise errors.DeviceError(
            f"{board.port}: the journal is still not proven ({again['text']}); "
            "its flash may be worn: replace the board"
        )
    blocked = sum(1 for _, _, block in settled if block)
    proven = counted(len(settled), "compartment")
    return f"proven: {proven}, {blocked} of them blocked; revoke tokens printed before today"


def _compartment(
    name: str, believed_so: tuple[int, str, int], ask_person: Ask, say: Say
) -> tuple[int, str, int]:
    content, parcel, block = believed_so
    believed = parcel if content == doors.PARCEL and parcel else EMPTY
    while True:
        answer = ask_person(f"compartment {name} (believed: {believed})").strip()
        if answer == EMPTY:
            return doors.EMPTY, "", block
        if answer == UNSEEN:
            return content, parcel, doors.BLOCKED_OPERATOR
        if parcel_possible(answer.encode()):
            return doors.PARCEL, answer, block
        say(f"that is neither {EMPTY}, {UNSEEN} nor a parcel's number")
