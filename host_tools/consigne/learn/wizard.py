"""The wizard: opens each lock of an unknown cabinet once, and learns the wiring from the sensors that move.

A sensor that moves is that door's; its level before is its closed level; a person says which door opened.
Everything is saved at once, so an interrupted run continues where it stopped.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from consigne.cabinet.schema import LISTS

from .learned import BLIND, DOOR, MANY, NO_DOOR, SILENT, Progress, Spot, Tried, in_words, is_shared

NONE, AGAIN, BACK, TWO, STOP = "none", "again", "back", "two", "stop"
"""Answers other than a number: no door opened; open it once more; the previous answer was wrong; several
doors opened; stop for now."""

REST_MS = 1500  # before the same lock is energised again
_LETTERS_MAX = int(LISTS["compartment"][1]["number"].high)


class Group(Protocol):
    """Locks and inputs that are read together: a lock board, or all expanders and pins."""

    name: str

    def locks(self) -> list[Spot]:
        """Channels that may be locks, in the order of trying."""

    def levels(self) -> list[dict[Spot, int]]:
        """All inputs, once for each possible order; ``OSError`` without an answer."""

    def pulse(self, lock: Spot) -> None:
        """Energise one lock for a moment, and wait until its door has opened."""


class Technician(Protocol):
    """The person before the cabinet, who sees the doors."""

    def which_opened(self, place: str, note: str) -> str:
        """The number on the door that opened, or one of ``NONE, AGAIN, BACK, TWO, STOP``."""

    def number_before(self, place: str, number: str) -> str:
        """The right number in place of a wrong one; "" to open that lock again later."""

    def is_earlier_wrong(self, number: str, place: str) -> bool:
        """A number was given twice: whether the first time, at ``place``, was wrong."""

    def unnamed(self, where: str) -> str:
        """The number of a door that is open although no sensor moved; "" when there is none."""

    def please(self, text: str) -> bool:
        """Ask for an action before going on; False to stop."""

    def tell(self, text: str) -> None:
        """Show a message."""


class Gone(OSError):
    """The controller cannot be reached any longer: the run must be started again."""


class Stopped(Exception):
    """The technician stops for now; the learned data is kept."""


_Moved = list[list[tuple[Spot, int]]]
"""For each order of the inputs: those that moved, and their levels before."""


class Wizard:
    """``rest(ms)`` lets time pass at the cabinet."""

    def __init__(
        self,
        groups: Sequence[Group],
        technician: Technician,
        progress: Progress,
        rest: Callable[[int], None],
    ) -> None:
        self._groups = groups
        self._technician = technician
        self._progress = progress
        self._rest = rest
        self._last: Spot | None = None

    def run(self) -> None:
        """Try every lock that was not tried; after ``Stopped`` or ``OSError`` the learned data stays."""
        todo = [(group, self._answer(group.locks)) for group in self._groups]
        for group, locks in todo:
            for lock in locks:
                if self._is_open(lock):
                    self._try(group, lock)
            self._ask_for_unnamed(group, locks)
        while left := [(group, lock) for group, locks in todo for lock in locks if self._is_open(lock)]:
            for group, lock in left:
                self._please(f"Shut the door of {in_words(lock)}: it is opened again.")
                self._try(group, lock)

    def _is_open(self, lock: Spot) -> bool:
        """Whether it is untried, and has not turned out to be a door's sensor."""
        is_sensor = is_shared(lock[0]) and any(lock in entry.reeds for entry in self._progress.numbered)
        return lock not in self._progress.tried and not is_sensor

    def _answer(self, call: Callable[[], list[Spot]]) -> list[Spot]:
        while True:
            try:
                return call()
            except Gone:
                raise
            except OSError as error:
                self._please(f"{error}: look at its plug and its supply.")

    def _please(self, text: str) -> None:
        if not self._technician.please(text):
            raise Stopped

    # --- one lock ------------------------------------------------------------------------------------
    def _try(self, group: Group, lock: Spot) -> None:
        """Open a lock until its result is clear."""
        was_many = False
        while True:
            try:
                moved = self._open(group, lock)
            except Gone:
                raise
            except OSError as error:
                self._please(f"{error}: look at its plug and its supply, and shut the door if it opened.")
                continue
            count = max(len(order) for order in moved)
            if count == 0:
                self._progress.note(Tried(lock, SILENT))
                return
            if count > 1 and was_many:
                self._progress.note(Tried(lock, MANY))
                self._please(f"{in_words(lock)} moves {count} doors each time. Shut them.")
                return
            if count > 1:
                was_many = True
                self._please(
                    f"{count} sensors moved. Shut every door that just opened; it is tried once more."
                )
                continue
            if self._note_door(lock, moved):
                return

    def _open(self, group: Group, lock: Spot) -> _Moved:
        """The inputs that moved; if none did, open once more and watch all other groups."""
        moved = self._pulse([group], lock, group)
        if any(moved):
            return moved
        self._rest(REST_MS)
        return self._pulse([group, *(other for other in self._groups if other is not group)], lock, group)

    def _pulse(self, watched: list[Group], lock: Spot, group: Group) -> _Moved:
        """The inputs that moved in the first of ``watched`` with any movement."""
        before = [each.levels() for each in watched]
        group.pulse(lock)
        self._progress.count()
        moved: _Moved = [[]]
        for each, old in zip(watched, before, strict=True):
            moved = [
                [
                    (spot, o[spot])
                    for spot in o
                    if o[spot] != n[spot] and not self._shuts(spot, order, n[spot])
                ]
                for order, (o, n) in enumerate(zip(old, each.levels(), strict=True))
            ]
            if any(moved):
                break
        return moved

    def _shuts(self, spot: Spot, order: int, level: int) -> bool:
        """Whether the movement is a known door that was pushed shut."""
        return any(
            entry.closed_level == level
            for entry in self._progress.numbered
            if order < len(entry.reeds) and entry.reeds[order] == spot
        )

    # --- what the technician says --------------------------------------------------------------------
    def _note_door(self, lock: Spot, moved: _Moved) -> bool:
        """Ask which door it was; False when the lock is to be opened again."""
        note = ""
        while True:
            answer = self._technician.which_opened(in_words(lock), note)
            if answer == STOP:
                raise Stopped
            if answer == AGAIN:
                self._please("Shut the door; it is opened again.")
                return False
            if answer == BACK:
                note = self._go_back()
                continue
            if answer in (NONE, TWO):
                self._progress.note(Tried(lock, MANY if answer == TWO else NO_DOOR))
                self._please("Shut whatever stands open without a number.")
                return True
            note = self._wrong_number(answer)
            if not note:
                reeds = tuple(order[0][0] if order else None for order in moved)
                level = next(order[0][1] for order in moved if order)
                self._progress.note(Tried(lock, DOOR, answer, reeds, level))
                self._last = lock
                return True

    def _wrong_number(self, number: str) -> str:
        """Why a number is impossible; "" when it is not, perhaps because an earlier one is withdrawn."""
        if not 1 <= len(number) <= _LETTERS_MAX:
            return f"a number has 1 to {_LETTERS_MAX} characters"
        earlier = self._progress.of_number(number)
        if earlier is None:
            return ""
        if not self._technician.is_earlier_wrong(number, in_words(earlier.lock)):
            return f"{number} is the door of {in_words(earlier.lock)}"
        self._progress.forget(earlier.lock)
        return ""

    def _go_back(self) -> str:
        """Correct the answer before this one."""
        before = self._progress.tried.get(self._last) if self._last is not None else None
        if before is None:
            return "there is no answer before this one"
        number = self._technician.number_before(in_words(before.lock), before.number)
        self._progress.forget(before.lock)
        if not number:
            return ""
        wrong = self._wrong_number(number)
        entry = Tried(before.lock, before.outcome, number, before.reeds, before.closed_level)
        self._progress.note(before if wrong else entry)
        return wrong

    def _ask_for_unnamed(self, group: Group, locks: list[Spot]) -> None:
        """A door opened without its sensor: find its lock among those at which nothing moved."""
        silent = [lock for lock in locks if self._outcome(lock) == SILENT]
        while silent and (number := self._technician.unnamed(group.name)):
            self._please(f"Shut door {number}: its lock is looked for.")
            found = next((lock for lock in silent if self._is_blind(group, lock)), None)
            if found is None:
                self._technician.tell(f"door {number} did not open again: look at its lock")
                return
            silent.remove(found)

    def _outcome(self, lock: Spot) -> str:
        entry = self._progress.tried.get(lock)
        return entry.outcome if entry else ""

    def _is_blind(self, group: Group, lock: Spot) -> bool:
        """Open a lock once more; True when a door opened, which is saved."""
        group.pulse(lock)
        self._progress.count()
        note = "its sensor did not move"
        while True:
            answer = self._technician.which_opened(in_words(lock), note)
            if answer == STOP:
                raise Stopped
            if answer in (NONE, AGAIN, BACK, TWO):
                return False
            note = self._wrong_number(answer)
            if not note:
                self._progress.note(Tried(lock, BLIND, answer))
                return True
