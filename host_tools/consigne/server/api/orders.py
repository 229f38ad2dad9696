"""Routes by which operators order lockers about, make codes and read the trail of both."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, status

from ..access.passes import Passes
from ..fleet.orders import Orders
from ..parcels.parcels import Parcels
from ..people import audit
from ..people.roles import HOLDER_ROLES, Role
from ..service import HostService
from ..storage.database import Database
from . import bodies
from .access import Asking, Forbidden, only, own_parcel
from .bodies import LockerId

_COURIER, _DEPOSIT = 1, 1
_SENDERS_ACTIONS = (1, 2, 3)  # deposit, return, recall
_TOKEN_MAKERS = only(Role.OPERATOR, Role.CARRIER, Role.MERCHANT)
_ACCEPTED = status.HTTP_202_ACCEPTED


def router(host: HostService) -> APIRouter:
    """Operators' orders and their trail, and codes for whoever may have them."""
    orders, kick = host.orders, host.kick
    made = APIRouter(prefix="/lockers", tags=["orders and codes"])
    operators = [only(Role.OPERATOR)]
    made.include_router(_at_doors(orders, kick), dependencies=operators)
    made.include_router(_whole_lockers(orders, kick), dependencies=operators)
    made.include_router(_revocations(orders, kick), dependencies=operators)
    made.include_router(_trail(host.database, orders), dependencies=operators)
    made.include_router(_standing(host.passes, kick), dependencies=operators)
    made.include_router(_codes(host.passes, host.parcels))
    return made


def _carry_out(orders: Orders, kick: Callable[[], None], locker: str, command: str) -> dict[str, Any]:
    kick()
    return orders.get(locker, command)


def _at_doors(orders: Orders, kick: Callable[[], None]) -> APIRouter:
    router = APIRouter()

    @router.post("/{locker}/open", status_code=_ACCEPTED)
    def open_door(locker: LockerId, body: bodies.DoorOrder, account: Asking) -> dict[str, Any]:
        """Order a door to be opened now.  Ask for the command to learn what became of it."""
        return _carry_out(orders, kick, locker, orders.open(locker, body.door, account.name))

    @router.post("/{locker}/block", status_code=_ACCEPTED)
    def block(locker: LockerId, body: bodies.DoorOrder, account: Asking) -> dict[str, Any]:
        """Give a compartment to nobody until it is released."""
        return _carry_out(orders, kick, locker, orders.block(locker, body.door, account.name))

    @router.post("/{locker}/release", status_code=_ACCEPTED)
    def release(locker: LockerId, body: bodies.DoorOrder, account: Asking) -> dict[str, Any]:
        """Give a compartment to new parcels again."""
        return _carry_out(orders, kick, locker, orders.release(locker, body.door, account.name))

    @router.post("/{locker}/reserve", status_code=_ACCEPTED)
    def reserve(locker: LockerId, body: bodies.ReserveOrder, account: Asking) -> dict[str, Any]:
        """Keep an empty compartment for one parcel."""
        command = orders.reserve(locker, body.door, body.parcel, body.hours, account.name)
        return _carry_out(orders, kick, locker, command)

    return router


def _whole_lockers(orders: Orders, kick: Callable[[], None]) -> APIRouter:
    router = APIRouter()

    @router.post("/{locker}/configure", status_code=_ACCEPTED)
    def configure(locker: LockerId, body: bodies.ConfigureOrder, account: Asking) -> dict[str, Any]:
        """Change settings: all of them, or none when the locker refuses one."""
        return _carry_out(orders, kick, locker, orders.configure(locker, body.set, account.name))

    @router.post("/{locker}/message", status_code=_ACCEPTED)
    def message(locker: LockerId, body: bodies.MessageOrder, account: Asking) -> dict[str, Any]:
        """Show a message on the display."""
        return _carry_out(orders, kick, locker, orders.message(locker, body.texts, body.hours, account.name))

    @router.post("/{locker}/identify", status_code=_ACCEPTED)
    def identify(locker: LockerId, body: bodies.IdentifyOrder, account: Asking) -> dict[str, Any]:
        """Have it beep and blink."""
        return _carry_out(orders, kick, locker, orders.identify(locker, body.seconds, account.name))

    @router.post("/{locker}/reboot", status_code=_ACCEPTED)
    def reboot(locker: LockerId, account: Asking) -> dict[str, Any]:
        """Restart it as soon as nobody is being served."""
        return _carry_out(orders, kick, locker, orders.reboot(locker, account.name))

    @router.post("/{locker}/again", status_code=_ACCEPTED)
    def again(locker: LockerId, body: bodies.AgainOrder, account: Asking) -> dict[str, Any]:
        """Have it send its events again from a number on."""
        return _carry_out(orders, kick, locker, orders.again(locker, body.seq, account.name))

    return router


def _revocations(orders: Orders, kick: Callable[[], None]) -> APIRouter:
    router = APIRouter()

    @router.post("/{locker}/revoke-token", status_code=_ACCEPTED)
    def revoke_token(locker: LockerId, body: bodies.RevokeTokenBody, account: Asking) -> dict[str, Any]:
        """Make one token worthless."""
        command = orders.revoke_token(locker, body.nonce, body.until, account.name)
        return _carry_out(orders, kick, locker, command)

    @router.post("/{locker}/revoke-holder", status_code=_ACCEPTED)
    def revoke_holder(locker: LockerId, body: bodies.RevokeHolderBody, account: Asking) -> dict[str, Any]:
        """Make the codes of a courier, clerk or technician worthless; from now on they get others."""
        command = orders.revoke_holder(locker, body.role, body.action, body.holder, account.name)
        return _carry_out(orders, kick, locker, command)

    return router


def _trail(database: Database, orders: Orders) -> APIRouter:
    router = APIRouter()

    @router.get("/{locker}/commands/{command}")
    def command(locker: LockerId, command: str) -> dict[str, Any]:
        """What became of a command: waiting, sent, done, refused (and why), expired."""
        return orders.get(locker, command)

    @router.get("/{locker}/trail")
    def trail(
        locker: LockerId, limit: Annotated[int, Query(ge=1, le=audit.PAGE_MAX)] = 50
    ) -> list[dict[str, Any]]:
        """Who did what at this locker, when, and how the locker answered; the newest first."""
        with database.read() as connection:
            return audit.trail(connection, locker, limit)

    return router


def _standing(passes: Passes, kick: Callable[[], None]) -> APIRouter:
    router = APIRouter()

    @router.post("/{locker}/standing-codes", status_code=status.HTTP_201_CREATED)
    def make(locker: LockerId, body: bodies.StandingBody, account: Asking) -> dict[str, Any]:
        """Make a code that works again and again; its digits are told once, here."""
        made = passes.standing(locker, by=account.name, **body.model_dump())
        kick()
        return made

    @router.get("/{locker}/standing-codes")
    def list_standing(locker: LockerId) -> list[dict[str, Any]]:
        """Standing codes that have not ended, without their digits."""
        return passes.standing_codes(locker)

    @router.delete("/{locker}/standing-codes/{grant}", status_code=status.HTTP_204_NO_CONTENT)
    def drop(locker: LockerId, grant: int, account: Asking) -> None:
        """Take a standing code back."""
        passes.drop_standing(locker, grant, account.name)
        kick()

    return router


def _codes(passes: Passes, parcels: Parcels) -> APIRouter:
    router = APIRouter()

    @router.get("/{locker}/courier-code")
    def courier_code(
        locker: LockerId,
        account: Asking,
        holder: Annotated[
            int | None, Query(ge=0, le=65_535, description="number of the courier company")
        ] = None,
        role: Annotated[int | None, Query(ge=1, le=6)] = None,
        action: Annotated[int, Query(ge=0, le=5)] = _DEPOSIT,
    ) -> dict[str, Any]:
        """The code a courier types today, and until when it works; carriers get their own only."""
        if account.role is not Role.OPERATOR:
            own = (HOLDER_ROLES[account.role], account.holder)
            if (role or own[0], own[1] if holder is None else holder) != own or action == 4:
                raise Forbidden(
                    f"{account.name} gets codes of holder {account.holder} only, and none for service"
                )
            role, holder = own
        found = {"role": role or _COURIER, "holder": holder or 0}
        return passes.window_code(locker, action=action, by=account.name, **found)

    @router.get("/{locker}/console-code", dependencies=[only(Role.OPERATOR)])
    def console_code(
        locker: LockerId,
        account: Asking,
        holder: Annotated[int, Query(ge=0, le=65_535, description="number of the technician")],
        number: Annotated[int, Query(ge=0, le=999_999_999, description="as the console shows it")],
    ) -> dict[str, Any]:
        """The code for a number on the closed console of a locker whose clock is not set."""
        return passes.console_code(locker, holder=holder, number=number, by=account.name)

    @router.post("/{locker}/tokens", status_code=status.HTTP_201_CREATED, dependencies=[_TOKEN_MAKERS])
    def token(locker: LockerId, body: bodies.TokenBody, account: Asking) -> dict[str, Any]:
        """A token to print as a QR code; it works once.

        Carriers and merchants make them for parcels of their own: to leave, send back or take back.
        """
        fields = body.model_dump()
        if account.role is not Role.OPERATOR:
            if body.action not in _SENDERS_ACTIONS or not body.parcel:
                raise Forbidden(
                    f"{account.name} makes tokens for one parcel: deposit 1, return 2 or recall 3"
                )
            fields["parcel"] = own_parcel(parcels, body.parcel, account).id
            fields["holder"] = account.holder
        return passes.token(locker, by=account.name, **fields)

    return router
