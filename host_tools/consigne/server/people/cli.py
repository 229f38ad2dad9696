"""``consigne account``: who may log in at the pages and ask the API."""

import getpass
import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from locker.core.limits import HOLDER_MAX

from consigne.commandline.numbers import whole
from consigne.commandline.tell import echo
from consigne.protocol.untrusted import clean

from ..errors import CallerError
from ..storage.opening import DEFAULT_DATABASE, DatabaseUrl, given_again, opened
from .roles import Role

if TYPE_CHECKING:
    from .accounts import Accounts

app = typer.Typer(help="Who may log in at the pages and ask the API.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the account.")]


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise typer.BadParameter(f"there is no role {text!r}: choose one of {', '.join(Role)}") from None


def _accounts(database: str) -> "Accounts":
    from .accounts import Accounts

    return Accounts(opened(database))


def _by() -> str:
    return f"{getpass.getuser()} at the console"


def _carry_out(done: Any, *arguments: Any, **more: Any) -> Any:
    try:
        return done(*arguments, **more)
    except CallerError as error:
        raise typer.BadParameter(str(error)) from None


@app.command()
def add(
    name: Name,
    role: Annotated[
        Role, typer.Option(help=f"What it is for: {', '.join(Role)}.", parser=_role, metavar="ROLE")
    ],
    holder: Annotated[
        int | None,
        typer.Option(
            help="Number in window codes, for all but operators.",
            parser=whole(0, HOLDER_MAX),
            metavar="NUMBER",
        ),
    ] = None,
    locker: Annotated[str | None, typer.Option(help="A clerk's counter, a partner's locker.")] = None,
    database: DatabaseUrl = DEFAULT_DATABASE,
) -> None:
    """Make an account and print its API key, once."""
    accounts = _accounts(database)
    where = clean(locker) if locker is not None else None
    key = _carry_out(accounts.add, name, role, holder=holder, locker=where, by=_by())
    echo(f"API key, not shown again: {key}")
    words = ["consigne", "account", "password", name, *given_again(database)]
    echo(f"To log in at the pages it needs a password: {shlex.join(words)}")


@app.command("list")
def list_accounts(database: DatabaseUrl = DEFAULT_DATABASE) -> None:
    """Every account."""
    from rich.table import Table

    from consigne.commandline.screen import Screen

    table = Table("name", "role", "holder", "locker", "password", "state")
    for one in _accounts(database).list():
        state = "disabled" if one.disabled else ""
        holder = "" if one.holder is None else str(one.holder)
        password = "set" if one.password else ""
        table.add_row(one.name, one.role, holder, one.locker or "", password, state)
    Screen().print(table)


@app.command()
def password(
    name: Name,
    value: Annotated[
        str | None,
        typer.Option("--password", help="Better typed when asked for, or one line on standard input."),
    ] = None,
    database: DatabaseUrl = DEFAULT_DATABASE,
) -> None:
    """Set a password; whoever is logged in with the old one is logged out."""
    accounts = _accounts(database)
    _carry_out(accounts.check_known, name)
    _carry_out(accounts.set_password, name, _asked() if value is None else value, by=_by())
    echo(f"The password of {name} was changed; sessions opened with an old one have ended.")


def _asked() -> str:
    """A password: at a terminal typed twice and not shown, else a line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    try:
        line = sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        raise typer.BadParameter("the password on standard input is no text in UTF-8") from None
    if not line:
        raise typer.BadParameter("there is no terminal to ask at: give the password on standard input")
    return line


@app.command()
def key(name: Name, database: DatabaseUrl = DEFAULT_DATABASE) -> None:
    """Print a new API key, once; the old one is worthless."""
    echo(_carry_out(_accounts(database).renew_key, name, by=_by()))


@app.command()
def disable(
    name: Name,
    again: Annotated[bool, typer.Option("--enable", help="Let it in again.")] = False,
    database: DatabaseUrl = DEFAULT_DATABASE,
) -> None:
    """Let an account in no more; what it did stays in the trail."""
    _carry_out(_accounts(database).disable, name, by=_by(), disabled=not again)
