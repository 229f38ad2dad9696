"""The HTTP API: what an operator, a carrier, a merchant or a clerk asks of the host.

``create_app`` makes a FastAPI application; its OpenAPI document is at ``/openapi.json``, readable at
``/docs``.  Errors are ``{"detail": "..."}`` in the words of the caller.  Who may ask, the ``gate`` says.
"""

from fastapi import FastAPI, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from consigne.protocol import messages

from ..errors import CallerError
from ..people.gate import Gate
from ..service import HostService
from . import counters, health, lockers, orders, parcels


def create_app(host: HostService, *, token: str | None = None) -> FastAPI:
    """The application over one host.

    Parameters
    ----------
    token
        An operator's key beside those of the accounts.  Without it and without accounts, whoever asks from
        this machine is let in as an operator.
    """
    app = FastAPI(title="Consigne", description="Parcel lockers: announce, watch, open.")
    app.add_middleware(Gate, accounts=host.accounts, token=token)
    app.add_exception_handler(CallerError, _caller_error)
    app.add_exception_handler(messages.ProtocolError, _caller_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.include_router(lockers.router(host))
    app.include_router(orders.router(host))
    app.include_router(parcels.router(host))
    app.include_router(counters.router(host))
    app.include_router(health.router(host))
    return app


async def _caller_error(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, getattr(error, "status", 422))


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's own answer repeats the input, which may be a device key; this one does not."""
    if not isinstance(error, RequestValidationError):
        raise error
    problems = [f"{'.'.join(str(part) for part in one['loc'][1:])}: {one['msg']}" for one in error.errors()]
    return JSONResponse({"detail": "; ".join(problems)}, status.HTTP_422_UNPROCESSABLE_CONTENT)
