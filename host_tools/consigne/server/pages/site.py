"""The pages of ``consigne serve``: each account's home, and what it may open from there."""

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from nicegui import app as nicegui_app
from nicegui import ui
from starlette.exceptions import HTTPException

from consigne.ui.components import Text, box, dress

from ..api.outside import not_allowed, refuse_others
from ..errors import CallerError
from ..fleet.overview import FIND_CHARACTERS_MAX
from ..people.accounts import Account
from ..people.gate import session_of
from ..people.roles import Role
from ..refused import nothing_at
from ..service import HostService
from . import login
from .actions import Actions
from .control import Control
from .counter import CounterView
from .desk import Desk
from .fleet import FleetView
from .gone import GoneClients
from .operator import OperatorView
from .sender import SenderView
from .work import RESPONSE_S, PageClosed, Work, sentence


class SessionEnded(CallerError):
    """Logged out meanwhile, or the account was disabled."""

    status = 401


def add_pages(app: FastAPI, host: HostService) -> None:
    """Put the pages beside the API.

    The gate has let in whoever comes here; what an account's role may not see is refused here.
    """
    app.add_middleware(GoneClients)
    app.include_router(login.router(host.accounts, host.page_threads))

    @app.get("/", include_in_schema=False)
    def root() -> RedirectResponse:
        return RedirectResponse(login.HOME)

    async def home(request: Request, find: str = "", only: str = "", page: str = "1") -> None:
        account, work = _account(request), Work(host.page_threads)
        view: CounterView | FleetView | SenderView
        if account.role is Role.CLERK:
            _head(account, "counter")
            view = CounterView(work, host, account, _who(host, request))
        elif account.role is Role.OPERATOR:
            _head(account, "the fleet, what needs attention first")
            view = FleetView(work, host.overview, host.clock, find[:FIND_CHARACTERS_MAX], only, _number(page))
        else:
            _head(account, f"parcels of {account.name}")
            view = SenderView(work, host, account, _who(host, request))
        await work.look(view.refresh)()

    async def one_locker(request: Request, locker: str) -> None:
        account = _account(request)
        if account.role is not Role.OPERATOR:
            _head(account, "")
            Text("This page is for operators.", "quiet", "div")
            return
        work = Work(host.page_threads)
        try:
            control = await work.call(Control, host, locker, _who(host, request))
        except PageClosed:
            return
        except CallerError as error:
            _head(account, "")
            Text(sentence(error), "quiet", "div")
            return
        _head(account, control.title, (("Fleet", login.HOME),))
        desk = Desk(host, locker, who=_who(host, request))
        ui.context.client.on_delete(desk.close)
        with box("locker-page"):
            view = OperatorView(work, desk, is_retired=control.is_retired)
            Actions(work, control, retired=desk.changed)
        await work.look(view.refresh)()

    ui.page("/desk", title="Consigne", response_timeout=RESPONSE_S)(home)
    ui.page("/desk/locker/{locker}", title="Consigne", response_timeout=RESPONSE_S)(one_locker)
    refuse_others(app)
    nicegui_app.add_exception_handler(404, _nothing)  # NiceGUI gets every path that none of our routes has
    nicegui_app.add_exception_handler(405, _wrong_method)
    ui.run_with(app, title="Consigne", tailwind=False, show_welcome_message=False)


def _number(typed: str) -> int:
    """A page number in an address; 1 for anything else somebody wrote there."""
    return int(typed) if typed.isdecimal() and len(typed) < len("1000000") else 1


async def _wrong_method(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return not_allowed(request.headers, request.method, (error.headers or {}).get("Allow", "GET"))


async def _nothing(request: Request, error: Exception) -> Response:
    return nothing_at(request.headers, request.url.path)


def _account(request: Request) -> Account:
    account = request.scope["state"]["account"]
    if not isinstance(account, Account):
        raise RuntimeError("a page is reached past the gate")
    return account


def _who(host: HostService, request: Request) -> Callable[[], Account]:
    """Look up who acts on this page, anew for each act: the session may have ended meanwhile."""
    token, at_first = session_of(request.headers), _account(request)

    def who() -> Account:
        account = host.accounts.by_session(token) if token else at_first
        if account is None:
            raise SessionEnded("your session has ended: log in again")
        return account

    return who


def _head(account: Account, about: str, links: tuple[tuple[str, str], ...] = ()) -> None:
    dress(about, (*links, ("HTTP API", "/docs")), account.name)
