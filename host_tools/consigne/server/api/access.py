"""Who asks, and what that account may see: dependencies of the routes."""

from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from ..errors import CallerError, NotFound, listed
from ..parcels.parcels import Parcels
from ..parcels.view import Parcel
from ..people.accounts import Account
from ..people.roles import Role

KEY = HTTPBearer(
    scheme_name="API key",
    description="The key of an account, as 'consigne account add' prints it, or the host's own API token. A "
    "route names the roles that it is for; none means any account. At the machine of the host itself nobody "
    "needs a key as long as there are neither accounts nor a token. The session of the pages may read.",
    auto_error=False,  # the gate has refused requests without one
)


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
ANYBODY = Security(KEY)
"""For a route that any account may ask."""


def only(*roles: Role) -> Any:
    """A dependency that turns every other role away, and says so in the OpenAPI document."""

    def check(account: Asking, _: Annotated[object, ANYBODY]) -> Account:
        if account.role not in roles:
            raise Forbidden(f"this is for {listed([f'{role}s' for role in roles])}, not for {account.name}")
        return account

    return Security(check, scopes=[role.value for role in roles])


OPERATORS = only(Role.OPERATOR)
"""For a route that operators alone may ask."""


def own_parcel(parcels: Parcels, id_: str, account: Account) -> Parcel:
    """A parcel that this account may see; to others it does not exist."""
    parcel = parcels.get(id_)
    if account.role is Role.OPERATOR:
        return parcel
    mine = parcel.locker == account.locker if account.role.sits else parcel.carrier == account.holder
    if not mine:
        raise NotFound(f"no parcel {id_} is known")
    return parcel
