"""Routes by which operators order lockers about, make codes and read the trail of both."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Path, Query, status
from fastapi.params import Depends
from locker.core import events

from consigne.protocol.messages import COMMAND_ID_CHARACTERS_MAX
from consigne.protocol.untrusted import LINE_PATTERN

from ..access.aside import Aside
from ..access.passes import Passes
from ..fleet.answers import REFUSED, answer
from ..fleet.orders import Orders
from ..parcels.parcels import Parcels
from ..people import audit
from ..people.roles import HOLDER_ROLES, Role
from ..service import HostService
from . import answers, bodies, queries
from .access import ANYBODY, OPERATORS, Asking, Forbidden, only, own_parcel
from .bodies import LockerId, RowId
from .refusals import refusals
from .strict import Router

_SENDERS_ACTIONS = (events.DEPOSIT, events.RETURN, events.RECALL)
_TOKEN_MAKERS = only(Role.OPERATOR, Role.CARRIER, Role.MERCHANT)
_ACCEPTED = status.HTTP_202_ACCEPTED
_TOO_LONG = refusals(413)


def routers(host: HostService) -> list[Router]:
    """Operators' orders and their trail, and codes for whoever may have them."""
    orders, kick = host.orders, host.kick
    return [
        _at_doors(orders, kick),
        _whole_lockers(orders, kick),
        _revocations(orders, kick),
        _set_aside(host),
        _trail(host),
        _standing(host.passes, kick),
        _codes(host.passes, host.parcels),
    ]


def _at_lockers(tag: str, *refused: int, asked_by: Depends = OPERATORS) -> Router:
    """An empty router; ``refused``: statuses that each of its routes may answer beside the usual ones."""
    return Router(
        prefix="/lockers", tags=[tag], dependencies=[asked_by], responses=refusals(401, 403, 422, *refused)
    )


def _carry_out(orders: Orders, kick: Callable[[], None], locker: str, command: str) -> answers.Order:
    kick()
    return answers.Order.model_validate(orders.get(locker, command))


def _at_doors(orders: Orders, kick: Callable[[], None]) -> Router:
    router = _at_lockers("orders", 404, 409)

    @router.post("/{locker}/open", status_code=_ACCEPTED, responses=_TOO_LONG)
    def open_door(locker: LockerId, body: bodies.DoorOrder, account: Asking) -> answers.Order:
        """Order a door to be opened now.  Ask for the command to learn what became of it."""
        return _carry_out(orders, kick, locker, orders.open(locker, body.door, account.name))

    @router.post("/{locker}/block", status_code=_ACCEPTED, responses=_TOO_LONG)
    def block_door(locker: LockerId, body: bodies.DoorOrder, account: Asking) -> answers.Order:
        """Give a compartment to nobody until it is released."""
        return _carry_out(orders, kick, locker, orders.block(locker, body.door, account.name))

    @router.post("/{locker}/release", status_code=_ACCEPTED, responses=_TOO_LONG)
    def release_door(locker: LockerId, body: bodies.DoorOrder, account: Asking) -> answers.Order:
        """Give a compartment to new parcels again."""
        return _carry_out(orders, kick, locker, orders.release(locker, body.door, account.name))

    @router.post("/{locker}/reserve", status_code=_ACCEPTED, responses=_TOO_LONG)
    def reserve_door(locker: LockerId, body: bodies.ReserveOrder, account: Asking) -> answers.Order:
        """Keep an empty compartment for one parcel."""
        command = orders.reserve(locker, body.door, body.parcel, body.hours, account.name)
        return _carry_out(orders, kick, locker, command)

    return router


def _whole_lockers(orders: Orders, kick: Callable[[], None]) -> Router:
    router = _at_lockers("orders", 404, 409)

    @router.post("/{locker}/configure", status_code=_ACCEPTED, responses=_TOO_LONG)
    def configure_locker(locker: LockerId, body: bodies.ConfigureOrder, account: Asking) -> answers.Order:
        """Change settings: all of them, or none when the locker refuses one."""
        return _carry_out(orders, kick, locker, orders.configure(locker, body.set, account.name))

    @router.post("/{locker}/message", status_code=_ACCEPTED, responses=_TOO_LONG)
    def show_message(locker: LockerId, body: bodies.MessageOrder, account: Asking) -> answers.Order:
        """Show a message on the display."""
        return _carry_out(orders, kick, locker, orders.message(locker, body.texts, body.hours, account.name))

    @router.post("/{locker}/identify", status_code=_ACCEPTED, responses=_TOO_LONG)
    def identify_locker(locker: LockerId, body: bodies.IdentifyOrder, account: Asking) -> answers.Order:
        """Have it beep and blink."""
        return _carry_out(orders, kick, locker, orders.identify(locker, body.seconds, account.name))

    @router.post("/{locker}/reboot", status_code=_ACCEPTED, responses=_TOO_LONG)
    def restart_locker(locker: LockerId, account: Asking) -> answers.Order:
        """Restart it as soon as nobody is being served."""
        return _carry_out(orders, kick, locker, orders.reboot(locker, account.name))

    @router.post("/{locker}/clock", status_code=_ACCEPTED, responses=_TOO_LONG)
    def set_locker_clock(locker: LockerId, account: Asking) -> answers.Order:
        """Give it this host's time, even if it believes a later one."""
        return _carry_out(orders, kick, locker, orders.set_clock(locker, account.name))

    @router.post("/{locker}/again", status_code=_ACCEPTED, responses=_TOO_LONG)
    def repeat_events(locker: LockerId, body: bodies.AgainOrder, account: Asking) -> answers.Order:
        """Have it send its events again from a number on."""
        return _carry_out(orders, kick, locker, orders.again(locker, body.seq, account.name))

    return router


def _revocations(orders: Orders, kick: Callable[[], None]) -> Router:
    router = _at_lockers("orders", 404, 409)

    @router.post("/{locker}/revoke-token", status_code=_ACCEPTED, responses=_TOO_LONG)
    def revoke_token(locker: LockerId, body: bodies.RevokeTokenBody, account: Asking) -> answers.Order:
        """Make one token worthless."""
        command = orders.revoke_token(locker, body.nonce, body.until, account.name)
        return _carry_out(orders, kick, locker, command)

    @router.post("/{locker}/revoke-holder", status_code=_ACCEPTED, responses=_TOO_LONG)
    def revoke_holder(locker: LockerId, body: bodies.RevokeHolderBody, account: Asking) -> answers.Order:
        """Make the codes of a courier, clerk or technician worthless; from now on they get others."""
        command = orders.revoke_holder(locker, body.role, body.action, body.holder, account.name)
        return _carry_out(orders, kick, locker, command)

    return router


def _set_aside(host: HostService) -> Router:
    router = _at_lockers("orders", 404)

    @router.get("/{locker}/set-aside")
    def list_set_aside(locker: LockerId) -> list[answers.SetAside]:
        """What the locker did not take, and why; the oldest first."""
        return [_as_answer(one) for one in host.fleet.set_aside(locker)]

    @router.post("/{locker}/set-aside/again", status_code=_ACCEPTED, responses=refusals(409, 413))
    def send_set_aside_again(locker: LockerId, account: Asking) -> list[answers.SetAside]:
        """Send it once more what it did not take, for instance after a new firmware; answers what that is."""
        those = host.orders.try_again(locker, account.name)
        host.kick()
        return [_as_answer(one) for one in those]

    return router


def _as_answer(one: Aside) -> answers.SetAside:
    why = answer(REFUSED, one.why)
    return answers.SetAside(
        kind=one.what, parcel=one.parcel, what=one.words, result=one.why, why=why, since=one.at
    )


def _trail(host: HostService) -> Router:
    router = _at_lockers("orders")

    @router.get("/{locker}/commands/{command}", responses=refusals(404))
    def read_command(
        locker: LockerId,
        command: Annotated[
            str,
            Path(
                min_length=1,
                max_length=COMMAND_ID_CHARACTERS_MAX,
                pattern=LINE_PATTERN,
                description="as its order was answered",
            ),
        ],
    ) -> answers.Order:
        """What became of a command: waiting, sent, done, refused (and why), expired."""
        return answers.Order.model_validate(host.orders.get(locker, command))

    @router.get("/{locker}/trail")
    def list_locker_trail(
        locker: LockerId, wanted: Annotated[queries.TrailQuery, Query()]
    ) -> list[answers.Entry]:
        """Who did what at this locker, when, and how the locker answered; the newest first."""
        with host.database.read() as connection:
            found = audit.trail(connection, locker, wanted.limit)
        return [answers.Entry.model_validate(one) for one in found]

    return router


def _standing(passes: Passes, kick: Callable[[], None]) -> Router:
    router = _at_lockers("codes")

    @router.post(
        "/{locker}/standing-codes", status_code=status.HTTP_201_CREATED, responses=refusals(404, 409, 413)
    )
    def make_standing_code(locker: LockerId, body: bodies.StandingBody, account: Asking) -> answers.Standing:
        """Make a code that works again and again; its digits are told once, here."""
        made = passes.standing(locker, by=account.name, **body.model_dump())
        kick()
        return answers.Standing.model_validate(made)

    @router.get("/{locker}/standing-codes", responses=refusals(404, 409))
    def list_standing_codes(locker: LockerId) -> list[answers.StandingCode]:
        """Standing codes that have not ended, without their digits."""
        return [answers.StandingCode.model_validate(one) for one in passes.standing_codes(locker)]

    @router.delete(
        "/{locker}/standing-codes/{grant}",
        status_code=status.HTTP_204_NO_CONTENT,
        responses=refusals(404),
    )
    def drop_standing_code(locker: LockerId, grant: RowId, account: Asking) -> None:
        """Take a standing code back."""
        passes.drop_standing(locker, grant, account.name)
        kick()

    return router


def _codes(passes: Passes, parcels: Parcels) -> Router:
    router = _at_lockers("codes", 404, 409, asked_by=ANYBODY)

    @router.get("/{locker}/courier-code")
    def read_courier_code(
        locker: LockerId, account: Asking, wanted: Annotated[queries.CourierCodeQuery, Query()]
    ) -> answers.WindowCode:
        """The code a courier types today, and until when it works; carriers get their own only."""
        role, holder = wanted.role, wanted.holder
        if account.role is not Role.OPERATOR:
            own = (HOLDER_ROLES[account.role], account.holder)
            asked = (role or own[0], own[1] if holder is None else holder)
            if asked != own or wanted.action == events.SERVICE:
                raise Forbidden(
                    f"{account.name} gets codes of holder {account.holder} only, and none for service"
                )
            role, holder = own
        found = passes.window_code(
            locker, role=role or events.COURIER, action=wanted.action, holder=holder or 0, by=account.name
        )
        return answers.WindowCode.model_validate(found)

    @router.get("/{locker}/console-code", dependencies=[OPERATORS])
    def read_console_code(
        locker: LockerId, account: Asking, wanted: Annotated[queries.ConsoleCodeQuery, Query()]
    ) -> answers.ConsoleCode:
        """The code for a number on the closed console of a locker whose clock is not set."""
        found = passes.console_code(locker, holder=wanted.holder, number=wanted.number, by=account.name)
        return answers.ConsoleCode(code=found)

    @router.post(
        "/{locker}/tokens",
        status_code=status.HTTP_201_CREATED,
        dependencies=[_TOKEN_MAKERS],
        responses=refusals(413),
    )
    def make_token(locker: LockerId, body: bodies.TokenBody, account: Asking) -> answers.Token:
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
        return answers.Token.model_validate(passes.token(locker, by=account.name, **fields))

    return router
