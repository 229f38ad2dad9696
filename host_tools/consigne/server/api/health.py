"""Routes for whoever watches the host: its health, its numbers, and who did what."""

from typing import Annotated

from fastapi import Query, Response, status
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from .. import metrics
from ..people import audit
from ..service import HostService
from . import answers, queries
from .access import OPERATORS
from .refusals import refusals
from .strict import Router

_NOT_HEALTHY = {"model": answers.HostHealth, "description": "It does not do all of its work."}


def router(host: HostService) -> Router:
    """``/healthz`` and ``/livez`` need no account; the gate lets them through."""
    router = Router(tags=["host"])
    database, ingest = host.database, host.ingest

    # HEAD for monitors that want the status alone: the server leaves the body out.
    @router.head("/healthz", name="read_health_alone", responses={503: _NOT_HEALTHY})
    @router.get("/healthz", responses={503: _NOT_HEALTHY})
    async def read_health(response: Response) -> answers.HostHealth:
        """Whether events can be stored, the broker is connected and the ingest runs; 503 when not: readiness.

        Something is written for it, at most once a second however many ask. Answered within a second,
        whatever waits for the database: one that has not taken the write by then is slow.
        """
        state = await host.health.look()
        counts, dropped = ingest.total()
        if not state.healthy:
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return answers.HostHealth(
            healthy=state.healthy,
            wrong=list(state.wrong),
            database=state.database,
            database_slow=state.database_slow,
            broker=state.broker,
            ingest=state.ingest,
            counts=answers.Counts.model_validate(counts),
            dropped=dict(dropped),
        )

    @router.head("/livez", name="read_life_alone")
    @router.get("/livez")
    async def read_life() -> answers.Alive:
        """Whether the process and its event loop run, whatever database and broker do: liveness."""
        return answers.Alive(alive=True)

    @router.get("/trail", dependencies=[OPERATORS], responses=refusals(401, 403, 422))
    def list_trail(wanted: Annotated[queries.TrailQuery, Query()]) -> list[answers.Entry]:
        """Who did what, everywhere: orders, codes shown, parcels, accounts, log-ins; the newest first."""
        with database.read() as connection:
            found = audit.trail(connection, limit=wanted.limit)
        return [answers.Entry.model_validate(one) for one in found]

    @router.get(
        "/metrics",
        response_class=Response,
        dependencies=[OPERATORS],
        responses={**refusals(401, 403), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def read_metrics() -> Response:
        """The host's numbers, as Prometheus reads them; without those of a database that is away."""
        numbers = metrics.registry(host, await host.health.look())
        return Response(await run_in_threadpool(generate_latest, numbers), media_type=CONTENT_TYPE_LATEST)

    return router
