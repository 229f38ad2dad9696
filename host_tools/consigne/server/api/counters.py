"""Routes about attended counters: made by operators, used by their clerks."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, status
from pydantic import Field

from consigne.protocol import messages

from ..fleet.fleet import SHELVES_MAX, Place
from ..people.accounts import Account
from ..people.roles import Role
from ..service import HostService
from .access import Asking, Forbidden, only
from .bodies import Body, LockerId, PlaceBody


class CounterBody(Body):
    """A counter to be registered, or changed."""

    id: str = Field(pattern=messages.LOCKER_PATTERN, examples=["shop-7"])
    shelves: int = Field(ge=1, le=SHELVES_MAX)
    timezone: str = Field(default="UTC", max_length=64)
    place: PlaceBody


class TakeInBody(Body):
    """A parcel that comes in; without a shelf the emptiest is proposed."""

    parcel: str = Field(min_length=1, max_length=100)
    shelf: str = Field(default="", max_length=20)


class HandOverBody(Body):
    """A customer's code."""

    code: str = Field(min_length=6, max_length=20)
    paper: bool = Field(default=False, description="identity paper was seen")


class GiveBackBody(Body):
    """A parcel that a courier takes away."""

    parcel: str = Field(min_length=1, max_length=100)


def _at_counter(counter: LockerId, account: Asking) -> Account:
    if account.role is not Role.OPERATOR and account.locker != counter:
        raise Forbidden(f"{account.name} does not sit at {counter}")
    return account


Clerk = Annotated[Account, Depends(_at_counter)]


def router(host: HostService) -> APIRouter:
    """Counters and what their clerks do; whatever is to be sent is sent at once."""
    fleet, desk, kick = host.fleet, host.counter, host.kick
    made = APIRouter(prefix="/counters", tags=["counters"])

    @made.post("", status_code=status.HTTP_201_CREATED, dependencies=[only(Role.OPERATOR)])
    def register(body: CounterBody, account: Asking) -> dict[str, Any]:
        """Make a counter known, or change its shelves and place."""
        place = Place(**body.place.model_dump())
        fleet.register_counter(body.id, body.shelves, place, timezone=body.timezone, by=account.name)
        return fleet.locker(body.id)

    @made.post("/{counter}/take-in")
    def take_in(counter: LockerId, body: TakeInBody, account: Clerk) -> dict[str, str]:
        """Take a parcel in; the answer names its shelf."""
        shelf = desk.take_in(counter, body.parcel, body.shelf, by=account.name)
        kick()
        return {"shelf": shelf}

    @made.post("/{counter}/hand-over")
    def hand_over(counter: LockerId, body: HandOverBody, account: Clerk) -> dict[str, Any]:
        """Hand a parcel over for its code; the answer names it and its shelf."""
        found = desk.hand_over(counter, body.code, by=account.name, paper=body.paper)
        kick()
        return found

    @made.post("/{counter}/give-back")
    def give_back(counter: LockerId, body: GiveBackBody, account: Clerk) -> dict[str, str]:
        """Give a parcel to a courier; the answer names its shelf."""
        shelf = desk.give_back(counter, body.parcel, by=account.name)
        kick()
        return {"shelf": shelf}

    return made
