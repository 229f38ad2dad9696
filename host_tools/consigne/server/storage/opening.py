"""How every command that works on the host's database is given one, and says what is wrong with it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from .database import Database

DEFAULT_DATABASE = "sqlite:///consigne.db"
_VARIABLE = "CONSIGNE_DATABASE"
DatabaseUrl = Annotated[
    str, typer.Option(envvar=_VARIABLE, help="SQLAlchemy URL of the host's: SQLite or PostgreSQL.")
]


def given_again(url: str) -> list[str]:
    """The options that give the next command the same database; none where it would use it anyway.

    A password in the URL is not shown.
    """
    if url == os.environ.get(_VARIABLE, DEFAULT_DATABASE):
        return []
    from .database import shown

    return ["--database", shown(url)]


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Say in one sentence why the database at ``url`` cannot be opened, for whoever gave the command."""
    from sqlalchemy.exc import DatabaseError

    from ..failures import reason
    from .database import shown
    from .migrations import OtherSchema

    try:
        yield
    except OtherSchema as error:
        raise typer.BadParameter(f"{shown(url)}: {error}") from None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    except (DatabaseError, OSError) as error:
        raise typer.BadParameter(f"the database {shown(url)} cannot be opened: {reason(error)}") from None


def opened(url: str) -> "Database":
    """The database, on the newest schema; SQLAlchemy is imported only now, since it takes half a second."""
    from .database import Database

    with explained(url):
        return Database(url)
