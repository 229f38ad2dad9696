"""The HTTP API: what an operator, a carrier, a merchant or a clerk asks of the host.

``create_app`` makes a FastAPI application; its OpenAPI document is at ``/openapi.json``, readable at
``/docs``.  Every refusal is ``{"detail": "..."}`` in the words of the caller.  The ``gate`` says who may ask.
"""

from itertools import chain

from fastapi import Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from consigne.protocol.untrusted import ProtocolError

from ..errors import CallerError
from ..failures import try_again
from ..people.gate import Gate
from ..refused import nothing_at, refused
from ..service import HostService
from ..storage.database import NO_ANSWER
from . import counters, health, lockers, orders, parcels, viewer
from .bodies import MAX_BYTES
from .document import TAGS, Api
from .outside import TOO_LONG, BodyLimit, Starting, refuse_others
from .refusals import NOT_JSON, in_words, refusals

_UNPROCESSABLE = status.HTTP_422_UNPROCESSABLE_CONTENT
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
    app.add_middleware(
        Gate, accounts=host.accounts, threads=host.page_threads, database=host.database, token=token
    )
    app.add_middleware(Starting, waiting=lambda: host.health.waiting)
    app.add_exception_handler(CallerError, _caller_error)
    app.add_exception_handler(ProtocolError, _caller_error)
    app.add_exception_handler(RequestValidationError, _validation_error)

    async def no_database(request: Request, error: Exception) -> Response:
        host.database.complain(error)
        return refused(request.headers, status.HTTP_503_SERVICE_UNAVAILABLE, try_again(error))

    for error in NO_ANSWER:
        app.add_exception_handler(error, no_database)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _failed)
    parts = lockers.routers(host), orders.routers(host), parcels.routers(host)
    for router in (*chain(*parts), counters.router(host), health.router(host)):
        app.include_router(router, responses=refusals(503), max_body_size=MAX_BYTES)
    app.include_router(viewer.router())
    refuse_others(app)
    return app


async def _caller_error(request: Request, error: Exception) -> Response:
    return refused(request.headers, getattr(error, "status", _UNPROCESSABLE), str(error))


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's own answer repeats the input, which may be a device key; this one does not."""
    if not isinstance(error, RequestValidationError):
        raise error
    told = in_words(error, request.app.openapi(), request.scope["route"].name)
    return JSONResponse({"detail": told}, _UNPROCESSABLE)


async def _http_error(request: Request, error: Exception) -> Response:
    """What no route answers, and bodies that cannot be read."""
    if not isinstance(error, HTTPException):
        raise error
    if isinstance(error.__cause__, CallerError):  # by ours
        return await _caller_error(request, error.__cause__)
    if isinstance(error.__cause__, ValueError | RecursionError):  # by FastAPI's parsing of the body
        return JSONResponse({"detail": NOT_JSON}, _UNPROCESSABLE)
    if error.status_code == status.HTTP_404_NOT_FOUND:
        return nothing_at(request.headers, request.url.path)
    told = TOO_LONG if error.status_code == status.HTTP_413_CONTENT_TOO_LARGE else error.detail
    return refused(request.headers, error.status_code, told, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    """A fault of the host, which its server logs with a traceback."""
    told = "the host failed at this: its log says why"
    return refused(request.headers, status.HTTP_500_INTERNAL_SERVER_ERROR, told)
