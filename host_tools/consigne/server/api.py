"""The HTTP API: what an operator, a carrier or a merchant asks of the host.

``create_app`` makes a FastAPI application; its OpenAPI document is at ``/openapi.json``, readable at
``/docs``.  Errors are ``{"detail": "..."}`` in the words of the caller.  With a token configured every
path but ``/healthz`` needs ``Authorization: Bearer <token>``.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Query, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from consigne import protocol
from consigne.server import metrics
from consigne.server.database import Database
from consigne.server.errors import CallerError
from consigne.server.fleet import Door, Fleet
from consigne.server.ingest import Ingest
from consigne.server.parcels import DEADLINE_DAYS_MAX, DERIVED, Parcels

LockerId = Annotated[str, Path(pattern=protocol.LOCKER_PATTERN, description="Name of a locker")]
_COURIER, _DEPOSIT = 1, 1


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")  # a misspelt field must not be silently ignored


class DoorBody(_Body):
    """A compartment, in the order of the locker's door numbers."""

    name: str = Field(max_length=20, examples=["1"])
    size: int = Field(ge=1, le=4, description="1 S, 2 M, 3 L, 4 XL")
    low: bool = Field(default=False, description="can be reached from a wheelchair")


class LockerBody(_Body):
    """A locker to be registered."""

    id: str = Field(pattern=protocol.LOCKER_PATTERN, examples=["L0001"])
    device_key: str = Field(pattern="^[0-9a-fA-F]{64}$", description="32 bytes in hexadecimal", repr=False)
    digits: int = Field(default=8, ge=6, le=10)
    timezone: str = Field(default="UTC", max_length=64, examples=["Europe/Paris"])
    doors: list[DoorBody] = Field(default=[], max_length=protocol.DOORS_MAX)


class ParcelBody(_Body):
    """A parcel to be announced."""

    id: str = Field(min_length=1, max_length=100, examples=["RR123456785FR"])
    locker: str = Field(pattern=protocol.LOCKER_PATTERN)
    size: int = Field(default=1, ge=1, le=4, description="1 S, 2 M, 3 L, 4 XL")
    low: bool = Field(default=False, description="wants a compartment that a wheelchair reaches")
    deadline_days: int = Field(default=3, ge=1, le=DEADLINE_DAYS_MAX)
    code: str = Field(default=DERIVED, pattern="^(derived|listed)$")


class OpenBody(_Body):
    """A door to be opened, numbered from 0."""

    door: int = Field(ge=0, lt=65_535)


class TokenBody(_Body):
    """A token for whoever holds the printed code."""

    action: int = Field(
        ge=0, le=5, description="0 collect, 1 deposit, 2 return, 3 recall, 4 service, 5 handover"
    )
    holder: int = Field(default=0, ge=0, le=65_535)
    door: int = Field(default=65_535, ge=0, le=65_535, description="65535: any")
    parcel: str = Field(default="", max_length=40)
    days: int = Field(default=1, ge=1, le=366)


def create_app(database: Database, ingest: Ingest, *, token: str | None = None) -> FastAPI:
    """The application.

    Parameters
    ----------
    ingest
        Kicked when there is a command to send; its counts are shown by ``/healthz``.
    token
        What callers must present; None lets everybody in, for a host that listens to itself alone.
    """
    app = FastAPI(title="Consigne", description="Parcel lockers: announce, watch, open.")
    if token is not None:
        app.middleware("http")(_require(token))
    app.add_exception_handler(CallerError, _caller_error)
    app.add_exception_handler(protocol.ProtocolError, _caller_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    fleet = Fleet(database)
    app.include_router(_lockers(fleet))
    app.include_router(_orders(fleet, ingest))
    app.include_router(_parcels(Parcels(database), fleet, ingest))
    app.include_router(_health(database, ingest))
    return app


# --- lockers -----------------------------------------------------------------------------------------


def _lockers(fleet: Fleet) -> APIRouter:
    router = APIRouter(prefix="/lockers", tags=["lockers"])

    @router.post("", status_code=status.HTTP_201_CREATED)
    def register(body: LockerBody, response: Response) -> dict[str, Any]:
        """Register a locker, or change its layout and timezone.  The key is never shown again."""
        doors = [Door(door.name, door.size, door.low) for door in body.doors]
        key = bytes.fromhex(body.device_key)
        new = fleet.register(body.id, key, digits=body.digits, timezone=body.timezone, doors=doors)
        if not new:
            response.status_code = status.HTTP_200_OK
        return fleet.locker(body.id)

    @router.get("")
    def list_lockers() -> list[dict[str, Any]]:
        """Every locker and what it last said of itself."""
        return fleet.lockers()

    @router.get("/{locker}")
    def one_locker(locker: LockerId) -> dict[str, Any]:
        """One locker."""
        return fleet.locker(locker)

    @router.get("/{locker}/compartments")
    def compartments(locker: LockerId) -> list[dict[str, Any]]:
        """What lies where."""
        return fleet.compartments(locker)

    @router.get("/{locker}/events")
    def events(
        locker: LockerId,
        after: Annotated[int, Query(ge=0, description="id of the last event already read")] = 0,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> list[dict[str, Any]]:
        """Events in the order of their arrival, from one id on."""
        return fleet.events(locker, after=after, limit=limit)

    return router


def _orders(fleet: Fleet, ingest: Ingest) -> APIRouter:
    router = APIRouter(prefix="/lockers", tags=["orders and codes"])

    @router.post("/{locker}/open", status_code=status.HTTP_202_ACCEPTED)
    def open_door(locker: LockerId, body: OpenBody) -> dict[str, Any]:
        """Order a door to be opened now.  Ask for the command to learn what became of it."""
        command = fleet.open(locker, body.door)
        ingest.kick()
        return fleet.command(locker, command)

    @router.get("/{locker}/commands/{command}")
    def command(locker: LockerId, command: str) -> dict[str, Any]:
        """What became of a command: waiting, sent, done, refused (and why), expired."""
        return fleet.command(locker, command)

    @router.get("/{locker}/courier-code")
    def courier_code(
        locker: LockerId,
        holder: Annotated[int, Query(ge=0, le=65_535, description="number of the courier company")],
        role: Annotated[int, Query(ge=1, le=6)] = _COURIER,
        action: Annotated[int, Query(ge=0, le=5)] = _DEPOSIT,
    ) -> dict[str, Any]:
        """The code a courier types today, and until when it works."""
        return fleet.window_code(locker, role=role, action=action, holder=holder)

    @router.post("/{locker}/tokens", status_code=status.HTTP_201_CREATED)
    def token(locker: LockerId, body: TokenBody) -> dict[str, str]:
        """A token to print as a QR code; it works once."""
        made = fleet.token(
            locker, action=body.action, holder=body.holder, door=body.door, parcel=body.parcel, days=body.days
        )
        return {"token": made}

    return router


# --- parcels -----------------------------------------------------------------------------------------


def _parcels(parcels: Parcels, fleet: Fleet, ingest: Ingest) -> APIRouter:
    router = APIRouter(prefix="/parcels", tags=["parcels"])

    @router.post("", status_code=status.HTTP_201_CREATED)
    def announce(body: ParcelBody) -> dict[str, Any]:
        """Announce a parcel to a locker."""
        parcel = parcels.announce(
            body.id,
            body.locker,
            size=body.size,
            low=body.low,
            deadline_days=body.deadline_days,
            code=body.code,
        )
        ingest.kick()
        return asdict(parcel)

    @router.get("")
    def list_parcels(
        locker: Annotated[str | None, Query(pattern=protocol.LOCKER_PATTERN)] = None,
        open_only: bool = False,
    ) -> list[dict[str, Any]]:
        """Parcels, the newest announcement first."""
        return [asdict(parcel) for parcel in parcels.list(locker, open_only=open_only)]

    @router.get("/{parcel:path}/code")
    def code(parcel: str) -> dict[str, str]:
        """The code that collects a parcel; a derived one is known before the parcel has arrived."""
        return {"parcel": parcels.get(parcel).id, "code": parcels.code(parcel)}

    @router.post("/{parcel:path}/revoke")
    def revoke(parcel: str) -> dict[str, Any]:
        """Make the code worthless; a parcel that has not arrived is cancelled."""
        revoked = parcels.revoke(parcel)
        ingest.kick()
        return asdict(revoked)

    @router.get("/{parcel:path}")  # the last: an id may contain a slash
    def one_parcel(parcel: str) -> dict[str, Any]:
        """A parcel and everything that was told about it."""
        found = parcels.get(parcel)
        return {**asdict(found), "events": fleet.events_of_parcel(found.id)}

    return router


# --- health, errors, access ----------------------------------------------------------------------------


def _health(database: Database, ingest: Ingest) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    def healthz(response: Response) -> dict[str, Any]:
        """Whether the database answers, the broker is connected and the ingest runs; 503 when not."""
        try:
            with database.read() as connection:
                connection.execute(text("SELECT 1"))
            answers = True
        except SQLAlchemyError:
            answers = False
        counts, dropped = ingest.total()
        healthy = answers and ingest.is_connected and ingest.is_running
        if not healthy:
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return {
            "healthy": healthy,
            "database": answers,
            "broker": ingest.is_connected,
            "ingest": ingest.is_running,
            "counts": asdict(counts),
            "dropped": dict(dropped),
        }

    numbers = metrics.registry(database, ingest)

    @router.get("/metrics", response_class=PlainTextResponse)
    def prometheus() -> Response:
        """The host's numbers, as Prometheus reads them."""
        return Response(generate_latest(numbers), media_type=CONTENT_TYPE_LATEST)

    return router


async def _caller_error(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, getattr(error, "status", 422))


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's own answer repeats the input, which may be a device key; this one does not."""
    if not isinstance(error, RequestValidationError):
        raise error
    problems = [f"{'.'.join(str(part) for part in one['loc'][1:])}: {one['msg']}" for one in error.errors()]
    return JSONResponse({"detail": "; ".join(problems)}, status.HTTP_422_UNPROCESSABLE_CONTENT)


Next = Callable[[Request], Awaitable[Response]]


def _require(token: str) -> Callable[[Request, Next], Awaitable[Response]]:
    expected = f"Bearer {token}".encode()

    async def check(request: Request, call_next: Next) -> Response:
        given = request.headers.get("authorization", "").encode()
        if request.url.path == "/healthz" or secrets.compare_digest(given, expected):
            return await call_next(request)
        return JSONResponse(
            {"detail": "send the header 'Authorization: Bearer <token>' with the host's API token"},
            status.HTTP_401_UNAUTHORIZED,
            {"WWW-Authenticate": "Bearer"},
        )

    return check
