"""Routes about lockers: registered, seen, their events, alarms and how they fare."""

from typing import Annotated

from fastapi import Query, Response, status

from ..fleet.alarms import Alarms
from ..fleet.condition import Condition
from ..fleet.fleet import Fleet
from ..fleet.overview import PAGE, Overview
from ..service import HostService
from ..storage.documents import Door, Place
from . import answers, queries
from .access import ANYBODY, OPERATORS, Asking
from .bodies import ClearBody, LockerBody, LockerId, RowId
from .refusals import refusals
from .strict import Router


def routers(host: HostService) -> list[Router]:
    """For operators, but for ``/points``, which tells everybody where parcels can go."""
    return [
        _lockers(host.fleet),
        _history(host.fleet, host.condition),
        _fleet(host.overview, host.alarms),
        _points(host.overview),
    ]


def _points(overview: Overview) -> Router:
    router = Router(tags=["lockers"], dependencies=[ANYBODY], responses=refusals(401, 422))

    @router.get("/points")
    def list_points(wanted: Annotated[queries.PointsQuery, Query()]) -> list[answers.Point]:
        """Where parcels can go: place, whether it is connected, and free compartments by size."""
        return [answers.Point.model_validate(one) for one in overview.points(wanted.find, wanted.page)]

    return router


def _lockers(fleet: Fleet) -> Router:
    router = Router(
        prefix="/lockers", tags=["lockers"], dependencies=[OPERATORS], responses=refusals(401, 403)
    )

    @router.post(
        "",
        status_code=status.HTTP_201_CREATED,
        responses={**refusals(409, 413, 422), 200: {"model": answers.Locker, "description": "It was known."}},
    )
    def register_locker(body: LockerBody, response: Response, account: Asking) -> answers.Locker:
        """Register a locker, or change its layout, place and timezone.

        A known locker's key stays; it is told for a board that replaces the former one alone.
        """
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
        return answers.Locker.model_validate(fleet.locker(body.id))

    @router.get("", responses=refusals(422))
    def list_lockers(wanted: Annotated[queries.LockersQuery, Query()]) -> list[answers.Locker]:
        """Lockers in the order of their names, and what they last said of themselves."""
        found = fleet.lockers(after=wanted.after, limit=wanted.limit)
        return [answers.Locker.model_validate(one) for one in found]

    @router.get("/{locker}", responses=refusals(404, 422))
    def read_locker(locker: LockerId) -> answers.Locker:
        """One locker."""
        return answers.Locker.model_validate(fleet.locker(locker))

    @router.post("/{locker}/replace", responses=refusals(404, 409, 413, 422))
    def replace_board(locker: LockerId, account: Asking) -> answers.DeviceKey:
        """The locker's key, for a new board in the place of the former one; the trail says who asked for it.

        Whoever has the key can open every compartment of this locker.
        """
        return answers.DeviceKey(device_key=fleet.key_of(locker, account.name))

    @router.post("/{locker}/retire", responses=refusals(404, 409, 413, 422))
    def retire_locker(locker: LockerId, account: Asking) -> answers.Locker:
        """Take a locker or counter out of service for ever; refused while parcels lie in it or are to come.

        Its credentials, codes, orders and the accounts of its people end; its history stays to be read.
        """
        fleet.retire(locker, account.name)
        return answers.Locker.model_validate(fleet.locker(locker))

    return router


def _history(fleet: Fleet, condition: Condition) -> Router:
    """What a locker has told."""
    router = Router(
        prefix="/lockers", tags=["lockers"], dependencies=[OPERATORS], responses=refusals(401, 403, 404, 422)
    )

    @router.get("/{locker}/compartments")
    def list_compartments(locker: LockerId) -> list[answers.Compartment]:
        """What lies where."""
        return [answers.Compartment.model_validate(one) for one in fleet.compartments(locker)]

    @router.get("/{locker}/events")
    def list_events(locker: LockerId, wanted: Annotated[queries.EventsQuery, Query()]) -> list[answers.Event]:
        """Events in the order of their arrival, from one id on."""
        found = fleet.events(locker, after=wanted.after, limit=wanted.limit)
        return [answers.Event.model_validate(one) for one in found]

    @router.get("/{locker}/holes")
    def list_holes(locker: LockerId) -> list[answers.Hole]:
        """Which events are lost, and why; the newest first, at most a thousand."""
        return [answers.Hole.model_validate(one) for one in fleet.holes(locker)]

    @router.get("/{locker}/samples")
    def list_samples(
        locker: LockerId, wanted: Annotated[queries.SamplesQuery, Query()]
    ) -> list[answers.Sample]:
        """Free heap, signal and supply over the last two weeks, the oldest first."""
        fleet.locker(locker)
        return [answers.Sample.model_validate(one) for one in condition.samples(locker, wanted.since)]

    @router.get("/{locker}/latches")
    def list_latches(locker: LockerId) -> list[answers.Latch]:
        """How well each latch springs, the one that will fail next first, with its trend by days."""
        fleet.locker(locker)
        return [answers.Latch.model_validate(latch) for latch in condition.latches(locker)]

    return router


def _fleet(overview: Overview, alarms: Alarms) -> Router:
    router = Router(tags=["fleet"], dependencies=[OPERATORS], responses=refusals(401, 403, 422))

    @router.get("/fleet")
    def list_fleet(wanted: Annotated[queries.FleetQuery, Query()]) -> answers.FleetPage:
        """The fleet, what needs attention first."""
        shown = overview.page(wanted.find, wanted.only, wanted.page)
        return answers.FleetPage(
            total=shown.total,
            page_size=PAGE,
            counts=shown.counts,
            lockers=[answers.Line.model_validate(line) for line in shown.lines],
        )

    @router.get("/alarms")
    def list_alarms(wanted: Annotated[queries.AlarmsQuery, Query()]) -> list[answers.Alarm]:
        """Alarms that nobody has dealt with, the newest first."""
        return [answers.Alarm.model_validate(one) for one in alarms.open(wanted.locker, wanted.limit)]

    @router.post("/alarms/{alarm}/clear", responses=refusals(404, 409, 413))
    def clear_alarm(alarm: RowId, body: ClearBody, account: Asking) -> answers.Alarm:
        """Say that an alarm is dealt with."""
        return answers.Alarm.model_validate(alarms.clear(alarm, account.name, body.note))

    return router
