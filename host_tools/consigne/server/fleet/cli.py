"""``consigne retire``: a locker that is taken down."""

import getpass
from typing import Annotated

import typer

from consigne.commandline.tell import echo
from consigne.protocol.untrusted import clean

from ..errors import CallerError
from ..storage.opening import DEFAULT_DATABASE, DatabaseUrl, opened


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
