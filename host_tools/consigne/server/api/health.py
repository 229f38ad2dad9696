"""Routes for whoever watches the host: its health, its numbers, and who did what."""

from typing import Annotated

from fastapi import Query, Response, status
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from .. import metrics
from ..people import audit
from ..service import HostService
from ..storage.probe import Answer
from . import answers, queries
from .access import OPERATORS
from .refusals import refusals
from .strict import Router

_NOT_HEALTHY = {"model": answers.HostHealth, "description": "It does not do all of its work."}


def router(host: HostService) -> Router:
    """``/healthz`` needs no account; the gate lets it through."""
    router = Router(tags=["host"])
    database, ingest = host.database, host.ingest

    # HEAD for monitors that want the status alone: the server leaves the body out.
    @router.head("/healthz", name="read_health_alone", responses={503: _NOT_HEALTHY})
    @router.get("/healthz", responses={503: _NOT_HEALTHY})
    async def read_health(response: Response) -> answers.HostHealth:
        """Whether the database answers, the broker is connected and the ingest runs; 503 when not.

        Answered within a second, whatever waits for the database: one that has not answered by then is slow.
        """
        answer = await host.probe.ask()
        reachable = answer is Answer.GIVEN
        counts, dropped = ingest.total()
        healthy = reachable and ingest.is_connected and ingest.is_running
        if not healthy:
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return answers.HostHealth(
            healthy=healthy,
            database=reachable,
            database_slow=answer is Answer.SLOW,
            broker=ingest.is_connected,
            ingest=ingest.is_running,
            counts=answers.Counts.model_validate(counts),
            dropped=dict(dropped),
        )

    @router.get("/trail", dependencies=[OPERATORS], responses=refusals(401, 403, 422))
    def list_trail(wanted: Annotated[queries.TrailQuery, Query()]) -> list[answers.Entry]:
        """Who did what, everywhere: orders, codes shown, parcels, accounts, log-ins; the newest first."""
        with database.read() as connection:
            found = audit.trail(connection, limit=wanted.limit)
        return [answers.Entry.model_validate(one) for one in found]

    numbers = metrics.registry(host)

    @router.get(
        "/metrics",
        response_class=Response,
        dependencies=[OPERATORS],
        responses={**refusals(401, 403), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def read_metrics() -> Response:
        """The host's numbers, as Prometheus reads them."""
        return Response(generate_latest(numbers), media_type=CONTENT_TYPE_LATEST)

    return router
