"""Routes about parcels: operators see all, carriers and merchants theirs, clerks those of their counter."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, status

from consigne.protocol import messages

from ..parcels.view import PAGE_MAX
from ..people.accounts import Account
from ..people.roles import Role
from ..service import HostService
from .access import Asking, only, own_parcel
from .bodies import ExtendBody, ParcelBody

_SENDERS = only(Role.OPERATOR, Role.CARRIER, Role.MERCHANT)  # who knows the customer, and may see codes


def router(host: HostService) -> APIRouter:
    """Everything about parcels; whatever is to be sent is sent at once."""
    parcels, kick = host.parcels, host.kick
    router = APIRouter(prefix="/parcels", tags=["parcels"])

    @router.post("", status_code=status.HTTP_201_CREATED, dependencies=[_SENDERS])
    def announce(body: ParcelBody, account: Asking) -> dict[str, Any]:
        """Announce a parcel to a locker."""
        fields = body.model_dump(exclude={"id", "locker"})
        made = parcels.announce(body.id, body.locker, carrier=_carrier(account), by=account.name, **fields)
        kick()
        return asdict(made)

    @router.get("")
    def list_parcels(
        account: Asking,
        locker: Annotated[str | None, Query(pattern=messages.LOCKER_PATTERN)] = None,
        open_only: bool = False,
        overdue: Annotated[
            bool, Query(description="in a locker beyond the deadline: to be taken back")
        ] = False,
        after: Annotated[str, Query(max_length=100, description="last parcel of the page before")] = "",
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_MAX,
    ) -> list[dict[str, Any]]:
        """Parcels, the newest announcement first."""
        if account.role.sits:
            locker = account.locker
        found = parcels.list(
            locker,
            open_only=open_only,
            overdue=overdue,
            carrier=None if account.role.sits else _carrier(account),
            after=after,
            limit=limit,
        )
        return [asdict(parcel) for parcel in found]

    @router.get("/{parcel:path}/code", dependencies=[_SENDERS])
    def code(parcel: str, account: Asking) -> dict[str, str]:
        """The code that collects a parcel; a derived one is known before the parcel has arrived."""
        id_ = own_parcel(parcels, parcel, account).id
        return {"parcel": id_, "code": parcels.code(id_, by=account.name)}

    @router.post("/{parcel:path}/revoke", dependencies=[_SENDERS])
    def revoke(parcel: str, account: Asking) -> dict[str, Any]:
        """Make the code worthless; a parcel that has not arrived is cancelled."""
        revoked = parcels.revoke(own_parcel(parcels, parcel, account).id, by=account.name)
        kick()
        return asdict(revoked)

    @router.post("/{parcel:path}/extend", dependencies=[_SENDERS])
    def extend(parcel: str, body: ExtendBody, account: Asking) -> dict[str, Any]:
        """Give the customer more days."""
        extended = parcels.extend(own_parcel(parcels, parcel, account).id, body.days, by=account.name)
        kick()
        return asdict(extended)

    @router.get("/{parcel:path}/notices")
    def notices(parcel: str, account: Asking) -> list[dict[str, Any]]:
        """What the customer was told, and will be; never the address, never the text."""
        return host.outbox.of_parcel(own_parcel(parcels, parcel, account).id)

    @router.get("/{parcel:path}")  # the last: an id may contain a slash
    def one_parcel(parcel: str, account: Asking) -> dict[str, Any]:
        """A parcel and everything that was told about it."""
        found = own_parcel(parcels, parcel, account)
        return {**asdict(found), "events": host.fleet.events_of_parcel(found.id)}

    return router


def _carrier(account: Account) -> int | None:
    return None if account.role is Role.OPERATOR else account.holder
