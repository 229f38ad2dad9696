"""Who asks, and what that account may see: dependencies of the routes."""

from typing import Annotated, Any

from fastapi import Depends, Request

from ..errors import CallerError, NotFound
from ..parcels.parcels import Parcels
from ..parcels.view import Parcel
from ..people.accounts import Account
from ..people.roles import Role


class Forbidden(CallerError):
    """Not for this account."""

    status = 403


def asking(request: Request) -> Account:
    """The account that asks, as the gate found it."""
    account = request.scope["state"]["account"]
    if not isinstance(account, Account):
        raise RuntimeError("a route is reached past the gate")
    return account


Asking = Annotated[Account, Depends(asking)]


def only(*roles: Role) -> Any:
    """A dependency that turns every other role away."""

    def check(account: Asking) -> Account:
        if account.role not in roles:
            raise Forbidden(
                f"this is for {' and '.join(f'{role}s' for role in roles)}, not for {account.name}"
            )
        return account

    return Depends(check)


def own_parcel(parcels: Parcels, id_: str, account: Account) -> Parcel:
    """A parcel that this account may see; to others it does not exist."""
    parcel = parcels.get(id_)
    if account.role is Role.OPERATOR:
        return parcel
    mine = parcel.locker == account.locker if account.role.sits else parcel.carrier == account.holder
    if not mine:
        raise NotFound(f"no parcel {id_} is known")
    return parcel
