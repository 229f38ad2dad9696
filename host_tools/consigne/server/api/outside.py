"""What is refused before a route is asked, in the same shape as what a route refuses."""

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .bodies import MAX_BYTES

TOO_LONG = f"the body is too long: send at most {MAX_BYTES} bytes"


class BodyLimit:
    """ASGI middleware: a body that says itself that it is too long is not read.

    One that does not say so is broken off at the limit, see ``max_body_size`` of the routes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            length = Headers(scope=scope).get("content-length", "")
            if length.isdecimal() and int(length) > MAX_BYTES:
                await JSONResponse({"detail": TOO_LONG}, 413)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _NotAllowed:
    """Answers every method."""

    def __init__(self, methods: list[str]) -> None:
        self._allow = ", ".join(methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        told = f"{scope['method']} is not for this path: ask it with {self._allow}"
        answer = JSONResponse({"detail": told}, 405, {"allow": self._allow})
        await answer(scope, receive, send)


def refuse_others(app: FastAPI) -> None:
    """Add, behind the routes of an application, one for every other method of their paths.

    Without it a method is refused by the first route of its path, which knows nothing of the others; and
    once pages are mounted beside the routes, by the pages, who know nothing of the path.
    """
    for path, operations in app.openapi()["paths"].items():
        endpoint: ASGIApp = _NotAllowed(sorted(method.upper() for method in operations))
        pattern = path.replace("{parcel}", "{parcel:path}")  # an id may contain a slash
        app.router.routes.append(Route(pattern, endpoint, include_in_schema=False))
