"""How every command that works on the host's database is given one, and says what is wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from .database import Database

DEFAULT_DATABASE = "sqlite:///consigne.db"
DatabaseUrl = Annotated[
    str, typer.Option(envvar="CONSIGNE_DATABASE", help="SQLAlchemy URL of the host's: SQLite or PostgreSQL.")
]


@contextmanager
def explained() -> Iterator[None]:
    """Say in one sentence why a database cannot be opened, for whoever gave the command."""
    from sqlalchemy.exc import ArgumentError, OperationalError

    from .migrations import OtherSchema

    try:
        yield
    except (ArgumentError, ValueError, OtherSchema) as error:
        raise typer.BadParameter(str(error)) from None
    except (OperationalError, OSError) as error:
        reason = " ".join(str(getattr(error, "orig", error)).split())
        raise typer.BadParameter(f"the database cannot be opened: {reason}") from None


def opened(url: str) -> "Database":
    """The database, on the newest schema; SQLAlchemy is imported only now, since it takes half a second."""
    from .database import Database

    with explained():
        return Database(url)
