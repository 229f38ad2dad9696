"""Routes for whoever watches the host: its health, its numbers, and who did what."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, status
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from .. import metrics
from ..people import audit
from ..people.roles import Role
from ..service import HostService
from .access import only


def router(host: HostService) -> APIRouter:
    """``/healthz`` needs no account; the gate lets it through."""
    database, ingest = host.database, host.ingest
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

    @router.get("/trail", dependencies=[only(Role.OPERATOR)])
    def trail(limit: Annotated[int, Query(ge=1, le=audit.PAGE_MAX)] = 50) -> list[dict[str, Any]]:
        """Who did what, everywhere: orders, codes shown, parcels, accounts, log-ins; the newest first."""
        with database.read() as connection:
            return audit.trail(connection, limit=limit)

    numbers = metrics.registry(host)

    @router.get("/metrics", response_class=PlainTextResponse, dependencies=[only(Role.OPERATOR)])
    def prometheus() -> Response:
        """The host's numbers, as Prometheus reads them."""
        return Response(generate_latest(numbers), media_type=CONTENT_TYPE_LATEST)

    return router
