"""Logging in and out: plain HTML, before any page that needs an account."""

import html
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from consigne.ui.components import LOOK, MARK

from ..errors import CallerError
from ..people.accounts import SESSION_S, Accounts
from ..people.gate import COOKIE, session_of
from ..threads import Threads

HOME = "/desk"
_FORM = (Path(LOOK) / "login.html").read_text(encoding="utf-8")


def router(accounts: Accounts, threads: Threads) -> APIRouter:
    """``threads`` are those of the pages.

    A cookie that was given over HTTPS, the host's own or a proxy's, travels over HTTPS only.
    """
    made = APIRouter(include_in_schema=False)

    @made.get("/login")
    def form(next: str = HOME) -> HTMLResponse:
        return _form(next)

    @made.post("/login")
    async def log_in(
        request: Request,
        name: Annotated[str, Form(max_length=64)],
        password: Annotated[str, Form(max_length=256)],
        next: Annotated[str, Form(max_length=300)] = HOME,
    ) -> Response:
        try:
            token = await threads.run(accounts.log_in, name, password)
        except CallerError as error:
            return _form(next, str(error), error.status)
        answer = RedirectResponse(_inside(next), 303)
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


def _inside(path: str) -> str:
    """A path of this host, whatever somebody wrote into a link."""
    return path if path.startswith("/desk") and "\\" not in path and "//" not in path else HOME


def _form(back: str, error: str = "", status: int = 200) -> HTMLResponse:
    values = {"mark": MARK, "next": html.escape(_inside(back)), "error": html.escape(error)}
    text = _FORM
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return HTMLResponse(text, status, {"cache-control": "no-store"})
