"""What is refused before a route is asked, in the same shape as what a route refuses."""

import asyncio
from collections.abc import Callable

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..people.gate import MONITORED, PAGES
from ..refused import RETRY_AFTER_S, refused
from .bodies import MAX_BYTES

LOGIN, LOGIN_BYTES_MAX = "/login", 10_000  # the only form that needs no account
TOO_LONG = f"the body is too long: send at most {MAX_BYTES} bytes"
LOGIN_TOO_LONG = f"that is longer than a name and a password: send at most {LOGIN_BYTES_MAX} bytes"
PAGES_BYTES_MAX = 1_000_000  # of what the pages' own scripts send
BODY_S = 20.0
"""A whole body must arrive within this time after it is first asked for: an API's longest at 26 kbit/s."""


class Starting:
    """ASGI middleware: while the host waits for its database, all but monitors are told so."""

    def __init__(self, app: ASGIApp, waiting: Callable[[], str]) -> None:
        self._app, self._waiting = app, waiting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        waiting = self._waiting()
        if not waiting or scope["type"] == "lifespan" or scope["path"] in MONITORED:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1013})  # try again later
        else:
            told = f"the host is starting, {waiting}: try again in a minute"
            await refused(Headers(scope=scope), 503, told)(scope, receive, send)


class BodyLimit:
    """ASGI middleware: a body whose Content-Length is too large is not read; one that stalls is given up.

    A body without Content-Length is cut off at the limit, see ``max_body_size`` of the routes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        most, told = _limit(scope["path"])
        if length.isdecimal() and _is_more(length, most):
            await refused(Headers(scope=scope), 413, told)(scope, receive, send)
            return
        async with asyncio.timeout(None) as limit:
            body = _Body(receive, send, limit)
            try:
                await self._app(scope, body.receive, body.send)
                return
            except asyncio.CancelledError:
                if body.is_answered:
                    raise
        # A request is cancelled only by the timeout above or by the server's shutdown; in both cases its task
        # ends here.
        await _cut_short(limit.expired())(scope, receive, send)


def _limit(path: str) -> tuple[int, str]:
    """How many bytes a path takes, and what is said of more."""
    if path == LOGIN:
        return LOGIN_BYTES_MAX, LOGIN_TOO_LONG
    if path.startswith(PAGES):
        return PAGES_BYTES_MAX, f"the body is too long: send at most {PAGES_BYTES_MAX} bytes"
    return MAX_BYTES, TOO_LONG


def _is_more(length: str, most: int) -> bool:
    """Whether a number in a header is larger; ``int`` refuses one of thousands of digits."""
    length = length.lstrip("0") or "0"
    return len(length) > len(str(most)) or int(length) > most


def _cut_short(is_late: bool) -> JSONResponse:
    """The answer to a request whose body did not arrive in time, or that the host's shutdown cancelled."""
    if is_late:
        status, told = 408, f"the body did not arrive within {BODY_S:g} s: send it again, in one go"
    else:
        status, told = 503, "the host is being stopped: ask again in a minute"
    later = {"retry-after": str(RETRY_AFTER_S)} if status == 503 else {}
    return JSONResponse({"detail": told}, status, {"connection": "close", **later})


class _Body:
    """Ends a request whose body is late, unless its answer has begun."""

    def __init__(self, receive: Receive, send: Send, limit: asyncio.Timeout) -> None:
        self._receive, self._send, self._limit = receive, send, limit
        self._is_bounded = True
        self.is_answered = False

    async def receive(self) -> Message:
        """The next part; the time limit starts at the first call, since a route may never read the body."""
        if self._is_bounded and self._limit.when() is None:
            self._limit.reschedule(asyncio.get_running_loop().time() + BODY_S)
        message = await self._receive()
        if not message.get("more_body", False):
            self._release()
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        self.is_answered = True
        self._release()
        await self._send(message)

    def _release(self) -> None:
        if self._is_bounded and not self._limit.expired():
            self._is_bounded = False
            self._limit.reschedule(None)


class _NotAllowed:
    """Answers every method of a path for which there is no route."""

    def __init__(self, methods: list[str]) -> None:
        self._allow = ", ".join(methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await not_allowed(Headers(scope=scope), scope["method"], self._allow)(scope, receive, send)


def not_allowed(headers: Headers, method: str, allow: str) -> Response:
    """The answer to a method that a path does not have; ``allow`` are those that it has."""
    return refused(headers, 405, f"{method} is not for this path: ask it with {allow}", {"allow": allow})


def refuse_others(app: FastAPI) -> None:
    """Add, after the routes of an application, one for every other method of their paths; once for each path.

    Without it, the first route of a path refuses a method and names only its own in the answer; once pages
    are mounted beside the routes, the pages refuse it, and they do not know the path.
    """
    methods: dict[str, set[str]] = {}
    refused_by_now = {
        route.path
        for route in app.routes
        if isinstance(route, Route) and isinstance(route.endpoint, _NotAllowed)
    }
    for route in iter_route_contexts(app.routes):
        if route.path is not None and route.methods and route.path not in refused_by_now:
            methods.setdefault(route.path, set()).update(route.methods)
    for path, known in methods.items():
        app.router.routes.append(Route(path, _NotAllowed(sorted(known)), include_in_schema=False))
