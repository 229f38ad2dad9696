"""The pages of ``consigne serve``: each account's home, and what it may open from there."""

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse
from nicegui import ui

from consigne.ui.components import Text, box, dress

from ..errors import CallerError, NotFound
from ..fleet.overview import FIND_CHARACTERS_MAX
from ..people.accounts import Account
from ..people.gate import session_of
from ..people.roles import Role
from ..service import HostService
from . import login
from .actions import Actions
from .control import Control
from .counter import CounterView
from .desk import Desk
from .fleet import FleetView
from .operator import OperatorView
from .sender import MineView


class SessionEnded(CallerError):
    """Logged out meanwhile, or the account was disabled."""

    status = 401


def add_pages(app: FastAPI, host: HostService) -> None:
    """Put the pages beside the API.

    The gate has let in whoever comes here; what an account's role may not see is refused here.
    """
    app.include_router(login.router(host.accounts))

    @app.get("/", include_in_schema=False)
    def root() -> RedirectResponse:
        return RedirectResponse(login.HOME)

    async def home(request: Request, find: str = "", only: str = "", page: int = 1) -> None:
        account = _account(request)
        if account.role is Role.CLERK:
            _head(account, "counter")
            CounterView(host, account, _who(host, request))
        elif account.role is Role.OPERATOR:
            _head(account, "the fleet, what needs attention first")
            await FleetView(host.overview, find[:FIND_CHARACTERS_MAX], only, page).refresh()
        else:
            _head(account, f"parcels of {account.name}")
            MineView(host, account, _who(host, request))

    def one_locker(request: Request, locker: str) -> None:
        account = _account(request)
        if account.role is not Role.OPERATOR:
            _head(account, "")
            Text("This page is for operators.", "quiet", "div")
            return
        try:
            control = Control(host, locker, _who(host, request))
        except NotFound as error:
            _head(account, "")
            Text(f"{error}.".capitalize(), "quiet", "div")
            return
        _head(account, host.fleet.locker(locker)["place"].get("title", ""), (("Fleet", login.HOME),))
        desk = Desk(host, locker, who=_who(host, request))
        ui.context.client.on_delete(desk.close)
        with box("locker-page"):
            OperatorView(desk)
            Actions(control)

    ui.page("/desk", title="Consigne")(home)
    ui.page("/desk/locker/{locker}", title="Consigne")(one_locker)
    ui.run_with(app, title="Consigne", tailwind=False, show_welcome_message=False)


def _account(request: Request) -> Account:
    account = request.scope["state"]["account"]
    if not isinstance(account, Account):
        raise RuntimeError("a page is reached past the gate")
    return account


def _who(host: HostService, request: Request) -> Callable[[], Account]:
    """Who acts on this page, asked anew at each act: a session may have ended since the page was opened."""
    token, at_first = session_of(request.headers), _account(request)

    def who() -> Account:
        account = host.accounts.by_session(token) if token else at_first
        if account is None:
            raise SessionEnded("your session has ended: log in again")
        return account

    return who


def _head(account: Account, about: str, links: tuple[tuple[str, str], ...] = ()) -> None:
    dress(about, (*links, ("HTTP API", "/docs")), account.name)
