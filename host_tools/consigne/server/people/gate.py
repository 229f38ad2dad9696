"""The gate of the host's application: finds out who asks, and whether they may ask at all.

Programs show an API key (``Authorization: Bearer``), browsers the cookie of a session.  A cookie opens
pages and may read; it never carries out a request of the API, so no foreign page can use it.  Without
accounts and without a token the host lets in whoever sits at the same machine, and nobody else.
"""

import ipaddress
import json
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import CallerError
from ..failures import try_again
from ..refused import refused, wants_page
from ..storage.database import NO_ANSWER, Database
from ..threads import Threads
from .accounts import Account, Accounts
from .roles import Role

COOKIE = "consigne_session"
MONITORED = ("/healthz", "/livez")
FREE = (*MONITORED, "/login")  # monitoring needs no key
PAGES = ("/_nicegui", "/logout")  # where a page's own POSTs go
TOKEN_ACCOUNT = Account("api token", Role.OPERATOR)
LOCAL = Account("this machine", Role.OPERATOR)
_READS = ("GET", "HEAD")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""Headers that proxies add: a request with one comes from another machine, whatever its Host says."""


class Gate:
    """ASGI middleware; puts the ``Account`` that asks into ``scope["state"]["account"]``.

    Parameters
    ----------
    threads
        Those of the pages: sessions are looked up in them.
    database
        The one with the accounts; it logs the queries that fail.
    token
        An operator's key from the environment, beside those of the accounts; None for none.
    """

    def __init__(
        self,
        app: ASGIApp,
        accounts: Accounts,
        threads: Threads,
        database: Database,
        token: str | None = None,
    ) -> None:
        self._app, self._accounts, self._threads, self._database = app, accounts, threads, database
        self._token = f"Bearer {token}".encode() if token is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in FREE:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            account, by_cookie = await self._who(headers)
        except CallerError as error:
            await _refuse(scope, receive, send, error.status, str(error))
            return
        except NO_ANSWER as error:
            self._database.complain(error)
            await _refuse(scope, receive, send, 503, try_again(error))
            return
        if account is None:
            await self._turn_away(scope, headers, send)
            return
        reads = scope["type"] == "websocket" or scope["method"] in _READS or scope["path"].startswith(PAGES)
        if by_cookie and not reads:
            await _answer(send, 403, "a session is for the pages: ask the API with an API key")
            return
        scope.setdefault("state", {})["account"] = account
        await self._app(scope, receive, send)

    async def _who(self, headers: Headers) -> tuple[Account | None, bool]:
        """The account that asks, and whether its cookie says so."""
        given = headers.get("authorization", "")
        if self._token is not None and secrets.compare_digest(given.encode(), self._token):
            return TOKEN_ACCOUNT, False
        if given.startswith("Bearer "):
            return await run_in_threadpool(self._accounts.by_key, given[7:].strip()), False
        session = session_of(headers)
        if session:
            return await self._threads.run(self._accounts.by_session, session), True
        if self._token is None and _is_from_here(headers) and not await run_in_threadpool(self._accounts.any):
            return LOCAL, False
        return None, False

    async def _turn_away(self, scope: Scope, headers: Headers, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["method"] == "GET" and wants_page(headers):
            back = quote(scope["path"], safe="/")
            await _answer(send, 303, "log in first", (b"location", f"/login?next={back}".encode()))
        else:
            told = "send the header 'Authorization: Bearer <key>' with an API key of this host"
            if "authorization" in headers:
                told += "; what was sent is none: an old key, or one of another host"
            await _answer(send, 401, told, (b"www-authenticate", b"Bearer"))


def session_of(headers: Headers) -> str:
    """The session's token in a request's cookies, "" without one."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""


def _is_from_here(headers: Headers) -> bool:
    return is_loopback(headers.get("host", "")) and not any(name in headers for name in _FORWARDED)


def is_loopback(host: str) -> bool:
    """Whether a host name, with or without a port, is this machine; a browser cannot lie about it."""
    name = host.rsplit(":", 1)[0] if host.count(":") == 1 or host.startswith("[") else host
    name = name.strip("[]")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, told: str) -> None:
    """Say why it could not be found out who asks."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013})  # try again later
    else:
        await refused(Headers(scope=scope), status, told)(scope, receive, send)


async def _answer(send: Send, status: int, detail: str, *headers: tuple[bytes, bytes]) -> None:
    body = json.dumps({"detail": detail}).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
