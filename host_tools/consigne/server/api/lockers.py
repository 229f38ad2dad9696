"""Routes about lockers: registered, seen, their events, alarms and how they fare."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, status

from ..fleet.alarms import Alarms
from ..fleet.condition import Condition
from ..fleet.fleet import Door, Fleet, Place
from ..fleet.overview import PAGE, Overview
from ..people.roles import Role
from ..service import HostService
from .access import Asking, only
from .bodies import ClearBody, LockerBody, LockerId


def router(host: HostService) -> APIRouter:
    """For operators, but for ``/points``, which tells everybody where parcels can go."""
    made = APIRouter()
    made.include_router(_lockers(host.fleet, host.condition), dependencies=[only(Role.OPERATOR)])
    made.include_router(_fleet(host.overview, host.alarms), dependencies=[only(Role.OPERATOR)])

    @made.get("/points", tags=["lockers"])
    def points(
        find: Annotated[str, Query(max_length=80, description="part of name, title or address")] = "",
        page: Annotated[int, Query(ge=1)] = 1,
    ) -> list[dict[str, Any]]:
        """Where parcels can go: place, whether it is connected, and free compartments by size."""
        return host.overview.points(find, page)

    return made


def _lockers(fleet: Fleet, condition: Condition) -> APIRouter:
    router = APIRouter(prefix="/lockers", tags=["lockers"])

    @router.post("", status_code=status.HTTP_201_CREATED)
    def register(body: LockerBody, response: Response, account: Asking) -> dict[str, Any]:
        """Register a locker, or change its layout, place and timezone.  The key is never shown again."""
        new = fleet.register(
            body.id,
            bytes.fromhex(body.device_key),
            digits=body.digits,
            timezone=body.timezone,
            doors=[Door(door.name, door.size, door.low) for door in body.doors],
            place=Place(**body.place.model_dump()) if body.place is not None else None,
            by=account.name,
        )
        if not new:
            response.status_code = status.HTTP_200_OK
        return fleet.locker(body.id)

    @router.get("")
    def list_lockers(
        after: Annotated[str, Query(max_length=32, description="name of the last locker already read")] = "",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 1_000,
    ) -> list[dict[str, Any]]:
        """Lockers in the order of their names, and what they last said of themselves."""
        return fleet.lockers(after=after, limit=limit)

    @router.get("/{locker}")
    def one_locker(locker: LockerId) -> dict[str, Any]:
        """One locker."""
        return fleet.locker(locker)

    @router.post("/{locker}/retire")
    def retire(locker: LockerId, account: Asking) -> dict[str, Any]:
        """Take a locker or counter out of service for ever; refused while parcels lie in it or are to come.

        Its credentials, codes, orders and the accounts of its people end; its history stays to be read.
        """
        fleet.retire(locker, account.name)
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

    @router.get("/{locker}/samples")
    def samples(locker: LockerId, since: Annotated[int, Query(ge=0)] = 0) -> list[dict[str, Any]]:
        """Free heap, signal and supply over the last two weeks, the oldest first."""
        fleet.locker(locker)
        return condition.samples(locker, since)

    @router.get("/{locker}/latches")
    def latches(locker: LockerId) -> list[dict[str, Any]]:
        """How well each latch springs, the one that will fail next first, with its trend by days."""
        fleet.locker(locker)
        return [asdict(latch) for latch in condition.latches(locker)]

    return router


def _fleet(overview: Overview, alarms: Alarms) -> APIRouter:
    router = APIRouter(tags=["fleet"])

    @router.get("/fleet")
    def fleet_view(
        find: Annotated[str, Query(max_length=80)] = "",
        only_: Annotated[str, Query(alias="only", max_length=20, description="what needs attention")] = "",
        page: Annotated[int, Query(ge=1)] = 1,
    ) -> dict[str, Any]:
        """The fleet, what needs attention first."""
        shown = overview.page(find, only_, page)
        return {
            "total": shown.total,
            "page_size": PAGE,
            "counts": shown.counts,
            "lockers": [asdict(line) for line in shown.lines],
        }

    @router.get("/alarms")
    def open_alarms(
        locker: Annotated[str | None, Query(max_length=32)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> list[dict[str, Any]]:
        """Alarms that nobody has dealt with, the newest first."""
        return alarms.open(locker, limit)

    @router.post("/alarms/{alarm}/clear")
    def clear(alarm: int, body: ClearBody, account: Asking) -> dict[str, Any]:
        """Say that an alarm is dealt with."""
        return alarms.clear(alarm, account.name, body.note)

    return router
