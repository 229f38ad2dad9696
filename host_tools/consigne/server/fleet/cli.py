"""``consigne retire``: a locker that is taken down; ``consigne clock``: what time lockers believe it is."""

import getpass
from typing import Annotated

import typer

from consigne.commandline.tell import echo
from consigne.protocol.untrusted import clean

from ..errors import CallerError
from ..storage.opening import DEFAULT_DATABASE, DatabaseUrl, opened

clock = typer.Typer(help="What time lockers believe it is, against this host's.")


@clock.callback(invoke_without_command=True)
def show(context: typer.Context, database: DatabaseUrl = DEFAULT_DATABASE) -> None:
    """Show each locker's clock as it last told it, against this host's."""
    if context.invoked_subcommand is not None:
        return
    from . import clocks
    from .fleet import LOCKERS_PAGE_MAX, Fleet

    fleet = Fleet(opened(database))
    listed = page = fleet.lockers()
    while len(page) == LOCKERS_PAGE_MAX:
        page = fleet.lockers(after=page[-1].id)
        listed = listed + page
    for locker in listed:
        if locker.kind == "locker" and locker.retired_at is None:
            status, at_s = locker.status, locker.status_at
            echo(f"{locker.id:<32} {clocks.state(status, at_s):<18} {clocks.told(status, at_s)}".rstrip())
    if not listed:
        echo("No locker is registered yet.")


@clock.command("set")
def set_clock(
    locker: Annotated[str, typer.Argument(help="Name of the locker.")],
    database: DatabaseUrl = DEFAULT_DATABASE,
) -> None:
    """Have a locker take this host's time, even if it believes a later one; it is noted who ordered it."""
    from .orders import Orders

    locker = clean(locker)
    try:
        Orders(opened(database)).set_clock(locker, f"{getpass.getuser()} at the console")
    except CallerError as error:
        raise typer.BadParameter(str(error)) from None
    echo(f"{locker} is given this host's time as soon as it asks: within minutes while it is connected.")
    echo(
        "Codes that ended by its own time and not by this one are good again; used and revoked ones are not."
    )
    echo("  consigne clock  shows whether it agrees then")


def retire(
    locker: Annotated[str, typer.Argument(help="Name of the locker or counter.")],
    database: DatabaseUrl = DEFAULT_DATABASE,
) -> None:
    """Take a locker out of service for ever; its codes and accounts end, its history stays."""
    from .fleet import COUNTER, Fleet

    fleet = Fleet(opened(database))
    locker = clean(locker)
    try:
        fleet.retire(locker, f"{getpass.getuser()} at the console")
    except CallerError as error:
        raise typer.BadParameter(str(error)) from None
    if fleet.locker(locker).kind == COUNTER:
        echo(f"{locker} is retired, and the accounts of its clerks are closed.")
        return
    echo(f"{locker} is retired. Two more things are yours to do:")
    echo("  consigne broker-config ..  once more, so that the broker lets it in no longer")
    echo("  consigne device erase      at the locker itself: its own key still opens its doors")
