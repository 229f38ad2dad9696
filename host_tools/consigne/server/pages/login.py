"""Logging in and out: plain HTML, before any page that needs an account."""

import html
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, status
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData, Headers
from starlette.exceptions import HTTPException

from consigne.protocol.untrusted import clean
from consigne.ui.components import LOOK, MARK

from ..api.outside import LOGIN_BYTES_MAX, LOGIN_TOO_LONG
from ..errors import CallerError
from ..people.accounts import NAME_CHARACTERS_MAX, PASSWORD_CHARACTERS, SESSION_S, Accounts
from ..people.gate import COOKIE, session_of
from ..threads import Threads

HOME = "/desk"
_LONGEST = {"name": NAME_CHARACTERS_MAX, "password": PASSWORD_CHARACTERS[-1], "next": 300}
NO_FORM = "what was sent cannot be read as a form: type a name and a password here"
_FORM = (Path(LOOK) / "login.html").read_text(encoding="utf-8")


def router(accounts: Accounts, threads: Threads) -> APIRouter:
    """``threads`` are those of the pages.

    A cookie that was given over HTTPS, the host's own or a proxy's, travels over HTTPS only.
    """
    made = APIRouter(include_in_schema=False, max_body_size=LOGIN_BYTES_MAX)

    @made.get("/login")
    def form(next: str = HOME) -> HTMLResponse:
        return _form(next)

    @made.post("/login")
    async def log_in(request: Request) -> Response:
        if not _is_own(request.headers):
            return _form(HOME, "this was sent by a page of another site: log in with this one", 403)
        try:
            async with request.form(max_files=0) as sent:
                name, password, back = (_field(sent, field) for field in _LONGEST)
        except HTTPException as error:  # in the words of whoever reads forms
            told = LOGIN_TOO_LONG if error.status_code == status.HTTP_413_CONTENT_TOO_LARGE else NO_FORM
            return _form(HOME, told, error.status_code)
        if not name or not password:
            longest = f"{_LONGEST['name']} and {_LONGEST['password']} characters"
            return _form(back, f"type a name and a password, of at most {longest}", 422)
        try:
            token = await threads.run(accounts.log_in, name, password)
        except CallerError as error:
            return _form(back, str(error), error.status)
        answer = RedirectResponse(_inside(back), 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, SESSION_S, httponly=True, samesite="lax", secure=secure)
        return answer

    @made.post("/logout")
    async def log_out(request: Request) -> RedirectResponse:
        await threads.run(accounts.log_out, session_of(request.headers))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE)
        return answer

    return made


def _is_own(headers: Headers) -> bool:
    """Whether a form was sent by a page of this host, or by a program: only browsers send an Origin.

    A page elsewhere could log a visitor in as somebody else, who would then read what the visitor does.
    Ports are not compared, since proxies do not pass them on.
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    own = [headers.get(name, "") for name in ("host", "x-forwarded-host")]  # forms can set neither
    from_host = _host_of(origin)
    return bool(from_host) and from_host in [_host_of(f"//{name}") for name in own]


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:  # brackets that hold no address
        return ""


def _field(sent: FormData, name: str) -> str:
    """What was typed; "" where it is missing, no text, or longer than the page lets anybody type."""
    value = sent.get(name)
    return clean(value) if isinstance(value, str) and len(value) <= _LONGEST[name] else ""


def _inside(path: str) -> str:
    """A path of this host, whatever somebody wrote into a link."""
    return path if path.startswith("/desk") and "\\" not in path and "//" not in path else HOME


def _form(back: str, error: str = "", status: int = 200) -> HTMLResponse:
    values = {"mark": MARK, "next": html.escape(_inside(back)), "error": html.escape(error)}
    values |= {f"{name}_max": str(most) for name, most in _LONGEST.items()}
    text = _FORM
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return HTMLResponse(text, status, {"cache-control": "no-store"})
