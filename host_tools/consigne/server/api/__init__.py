"""The HTTP API: what an operator, a carrier, a merchant or a clerk asks of the host.

``create_app`` makes a FastAPI application; its OpenAPI document is at ``/openapi.json``, readable at
``/docs``.  Errors are ``{"detail": "..."}`` in the words of the caller.  Who may ask, the ``gate`` says.
"""

from fastapi import FastAPI, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from consigne import protocol
from consigne.server.accounts import Accounts
from consigne.server.alarms import Alarms
from consigne.server.api import counters, health, lockers, orders, parcels
from consigne.server.condition import Condition
from consigne.server.counter import Counter
from consigne.server.database import Database
from consigne.server.errors import CallerError
from consigne.server.fleet import Fleet
from consigne.server.gate import Gate
from consigne.server.ingest import Ingest
from consigne.server.notices import Outbox
from consigne.server.orders import Orders
from consigne.server.overview import Overview
from consigne.server.parcels import Parcels
from consigne.server.passes import Passes


def create_app(database: Database, ingest: Ingest, *, token: str | None = None) -> FastAPI:
    """The application.

    Parameters
    ----------
    ingest
        Kicked when there is a command to send; its counts are shown by ``/healthz``.
    token
        An operator's key beside those of the accounts.  Without it and without accounts, whoever asks from
        this machine is let in as an operator.
    """
    app = FastAPI(title="Consigne", description="Parcel lockers: announce, watch, open.")
    app.add_middleware(Gate, accounts=Accounts(database), token=token)
    app.add_exception_handler(CallerError, _caller_error)
    app.add_exception_handler(protocol.ProtocolError, _caller_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    fleet = Fleet(database)
    app.include_router(lockers.router(fleet, Overview(database), Condition(database), Alarms(database)))
    app.include_router(orders.router(database, Orders(database), Passes(database), ingest.kick))
    app.include_router(parcels.router(Parcels(database), fleet, Outbox(database), ingest.kick))
    app.include_router(counters.router(fleet, Counter(database), ingest.kick))
    app.include_router(health.router(database, ingest))
    return app


async def _caller_error(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, getattr(error, "status", 422))


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's own answer repeats the input, which may be a device key; this one does not."""
    if not isinstance(error, RequestValidationError):
        raise error
    problems = [f"{'.'.join(str(part) for part in one['loc'][1:])}: {one['msg']}" for one in error.errors()]
    return JSONResponse({"detail": "; ".join(problems)}, status.HTTP_422_UNPROCESSABLE_CONTENT)
