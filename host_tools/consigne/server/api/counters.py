"""Routes about attended counters: made by operators, used by their clerks."""

from typing import Annotated

from fastapi import Depends, status

from ..people.accounts import Account
from ..people.roles import Role
from ..service import HostService
from ..storage.documents import Place
from . import answers, bodies
from .access import OPERATORS, Asking, Forbidden, only
from .bodies import LockerId
from .refusals import refusals
from .strict import Router


def _at_counter(counter: LockerId, account: Annotated[Account, only(Role.OPERATOR, Role.CLERK)]) -> Account:
    if account.role is not Role.OPERATOR and account.locker != counter:
        raise Forbidden(f"{account.name} does not sit at {counter}")
    return account


Clerk = Annotated[Account, Depends(_at_counter)]


def router(host: HostService) -> Router:
    """Counters and what their clerks do; whatever is to be sent is sent at once."""
    fleet, desk, kick = host.fleet, host.counter, host.kick
    made = Router(prefix="/counters", tags=["counters"], responses=refusals(401, 403, 409, 413, 422))

    @made.post("", status_code=status.HTTP_201_CREATED, dependencies=[OPERATORS])
    def register_counter(body: bodies.CounterBody, account: Asking) -> answers.Locker:
        """Make a counter known, or change its shelves and place."""
        place = Place(**body.place.model_dump())
        fleet.register_counter(body.id, body.shelves, place, timezone=body.timezone, by=account.name)
        return answers.Locker.model_validate(fleet.locker(body.id))

    @made.post("/{counter}/take-in", responses=refusals(404))
    def take_in(counter: LockerId, body: bodies.TakeInBody, account: Clerk) -> answers.Shelf:
        """Take a parcel in; the answer names its shelf."""
        shelf = desk.take_in(counter, body.parcel, body.shelf, by=account.name)
        kick()
        return answers.Shelf(shelf=shelf)

    @made.post("/{counter}/hand-over", responses=refusals(404, 429))
    def hand_over(counter: LockerId, body: bodies.HandOverBody, account: Clerk) -> answers.Found:
        """Hand a parcel over for its code; the answer names it and its shelf.

        Wrong codes are slowed down.
        """
        found = desk.hand_over(counter, body.code, by=account.name, paper=body.paper)
        kick()
        return answers.Found.model_validate(found)

    @made.post("/{counter}/give-back", responses=refusals(404))
    def give_back(counter: LockerId, body: bodies.GiveBackBody, account: Clerk) -> answers.Shelf:
        """Give a parcel to a courier; the answer names its shelf."""
        shelf = desk.give_back(counter, body.parcel, by=account.name)
        kick()
        return answers.Shelf(shelf=shelf)

    return made
