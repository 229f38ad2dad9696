"""The HTTP API: what an operator, a carrier, a merchant or a clerk asks of the host.

``create_app`` makes a FastAPI application; its OpenAPI document is at ``/openapi.json``, readable at
``/docs``.  Every refusal is ``{"detail": "..."}`` in the words of the caller.  The ``gate`` says who may ask.
"""

import logging

from fastapi import APIRouter, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from consigne.protocol.untrusted import ProtocolError, clean

from ..errors import CallerError
from ..people.gate import Gate
from ..service import HostService
from ..storage.database import NO_ANSWER
from . import counters, health, lockers, orders, parcels, viewer
from .bodies import MAX_BYTES
from .document import TAGS, Api
from .outside import TOO_LONG, BodyLimit, refuse_others
from .refusals import NOT_JSON, in_words, refusals

_UNPROCESSABLE = status.HTTP_422_UNPROCESSABLE_CONTENT
log = logging.getLogger(__name__)
_ABOUT = """\
Times are Unix seconds in UTC, doors are counted from 0.  A refusal is an object with one field, `detail`: a
sentence for a person that says what was wrong and what to do.  Orders are carried out by lockers that may be
away: an order is answered with a command, and the command tells what became of it."""


def create_app(host: HostService, *, token: str | None = None) -> Api:
    """The application over one host.

    Parameters
    ----------
    token
        An operator's key beside those of the accounts.  Without it and without accounts, whoever asks from
        this machine is let in as an operator.
    """
    app = Api(
        title="Consigne",
        summary="Parcel lockers: announce, watch, open.",
        description=_ABOUT,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.add_middleware(BodyLimit)
    app.add_middleware(Gate, accounts=host.accounts, threads=host.page_threads, token=token)
    app.add_exception_handler(CallerError, _caller_error)
    app.add_exception_handler(ProtocolError, _caller_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    for error in NO_ANSWER:
        app.add_exception_handler(error, _no_database)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _failed)
    routes = APIRouter(max_body_size=MAX_BYTES)
    for part in (lockers, orders, parcels, counters, health):
        routes.include_router(part.router(host), responses=refusals(503))
    app.include_router(routes)
    app.include_router(viewer.router())
    refuse_others(app)
    return app


async def _caller_error(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, getattr(error, "status", _UNPROCESSABLE))


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's own answer repeats the input, which may be a device key; this one does not."""
    if not isinstance(error, RequestValidationError):
        raise error
    told = in_words(error, request.app.openapi(), request.scope["route"].name)
    return JSONResponse({"detail": told}, _UNPROCESSABLE)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    """What no route answers, and bodies that cannot be read."""
    if not isinstance(error, HTTPException):
        raise error
    status_code, path = error.status_code, clean(request.url.path)
    if isinstance(error.__cause__, ValueError | RecursionError):  # by FastAPI's parsing of the body
        return JSONResponse({"detail": NOT_JSON}, _UNPROCESSABLE)
    words = {
        404: f"there is nothing at {path}: /docs shows what there is",
        413: TOO_LONG,
    }
    return JSONResponse({"detail": words.get(status_code, error.detail)}, status_code, error.headers)


async def _no_database(request: Request, error: Exception) -> JSONResponse:
    log.error("the database does not answer", exc_info=error)
    told = "the database does not answer: try again in a minute, nothing was changed"
    return JSONResponse({"detail": told}, status.HTTP_503_SERVICE_UNAVAILABLE)


async def _failed(request: Request, error: Exception) -> JSONResponse:
    """A fault of the host, which its server logs with a traceback; or what the gate met, which is outside."""
    if isinstance(error, CallerError):
        return await _caller_error(request, error)
    if isinstance(error, NO_ANSWER):
        return await _no_database(request, error)
    told = "the host failed at this: its log says why"
    return JSONResponse({"detail": told}, status.HTTP_500_INTERNAL_SERVER_ERROR)
