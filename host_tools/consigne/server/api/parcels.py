"""Routes about parcels: operators see all, carriers and merchants theirs, clerks those of their counter."""

from typing import Annotated

from fastapi import Query, status

from ..people.accounts import Account
from ..people.roles import Role
from ..service import HostService
from . import answers, queries
from .access import ANYBODY, Asking, only, own_parcel
from .bodies import ExtendBody, ParcelBody, ParcelId
from .refusals import refusals
from .strict import Router

_SENDERS = only(Role.OPERATOR, Role.CARRIER, Role.MERCHANT)  # who knows the customer, and may see codes


def routers(host: HostService) -> list[Router]:
    """Everything about parcels; whatever is to be sent is sent at once."""
    return [_of_senders(host), _of_anybody(host)]


def _of_senders(host: HostService) -> Router:
    refused = refusals(401, 403, 404, 409, 422)
    router = Router(prefix="/parcels", tags=["parcels"], dependencies=[_SENDERS], responses=refused)
    parcels = host.parcels

    @router.post("", status_code=status.HTTP_201_CREATED, responses=refusals(413))
    def announce_parcel(body: ParcelBody, account: Asking) -> answers.Parcel:
        """Announce a parcel to a locker.  Asked again, exactly the same changes nothing."""
        fields = body.model_dump(exclude={"id", "locker"})
        made = parcels.announce(body.id, body.locker, carrier=_carrier(account), by=account.name, **fields)
        host.kick()
        return answers.Parcel.model_validate(made)

    @router.get("/{parcel:path}/code")
    def read_code(parcel: ParcelId, account: Asking) -> answers.ParcelCode:
        """The code that collects a parcel; a derived one is known before the parcel has arrived."""
        id_ = own_parcel(parcels, parcel, account).id
        return answers.ParcelCode(parcel=id_, code=parcels.code(id_, by=account.name))

    @router.post("/{parcel:path}/revoke", responses=refusals(413))
    def revoke_code(parcel: ParcelId, account: Asking) -> answers.Parcel:
        """Make the code worthless; a parcel that has not arrived is cancelled."""
        revoked = parcels.revoke(own_parcel(parcels, parcel, account).id, by=account.name)
        host.kick()
        return answers.Parcel.model_validate(revoked)

    @router.post("/{parcel:path}/extend", responses=refusals(413))
    def extend_parcel(parcel: ParcelId, body: ExtendBody, account: Asking) -> answers.Parcel:
        """Give the customer more days."""
        extended = parcels.extend(own_parcel(parcels, parcel, account).id, body.days, by=account.name)
        host.kick()
        return answers.Parcel.model_validate(extended)

    return router


def _of_anybody(host: HostService) -> Router:
    refused = refusals(401, 404, 422)
    router = Router(prefix="/parcels", tags=["parcels"], dependencies=[ANYBODY], responses=refused)
    parcels = host.parcels

    @router.get("")
    def list_parcels(
        account: Asking, wanted: Annotated[queries.ParcelsQuery, Query()]
    ) -> list[answers.Parcel]:
        """Parcels, the newest announcement first."""
        sits = account.role.sits
        found = parcels.list(
            account.locker if sits else wanted.locker,
            open_only=wanted.open_only,
            overdue=wanted.overdue,
            carrier=None if sits else _carrier(account),
            after=wanted.after,
            limit=wanted.limit,
        )
        return [answers.Parcel.model_validate(parcel) for parcel in found]

    @router.get("/{parcel:path}/notices")
    def list_notices(parcel: ParcelId, account: Asking) -> list[answers.Notice]:
        """What the customer was told, and will be; never the address, never the text."""
        found = host.outbox.of_parcel(own_parcel(parcels, parcel, account).id)
        return [answers.Notice.model_validate(one) for one in found]

    @router.get("/{parcel:path}")  # the last: an id may contain a slash
    def read_parcel(parcel: ParcelId, account: Asking) -> answers.ParcelHistory:
        """A parcel and everything that was told about it."""
        found = own_parcel(parcels, parcel, account)
        told = host.fleet.events_of_parcel(found.id)
        known = answers.Parcel.model_validate(found).model_dump()
        return answers.ParcelHistory(**known, events=[answers.Event.model_validate(one) for one in told])

    return router


def _carrier(account: Account) -> int | None:
    return None if account.role is Role.OPERATOR else account.holder
