"""``consigne backup`` and ``consigne restore``: the host's database in one file, and back."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consigne.commandline.numbers import whole
from consigne.commandline.tell import echo
from consigne.words import counted

from .opening import DEFAULT_DATABASE, DatabaseUrl, explained

if TYPE_CHECKING:
    from .drill import Drill

_QUIET_S, _EVERY_S = 2.0, 5.0
_KEEP_MAX = 10_000


class _Progress:
    """Says how far a command is, once it takes longer than ``_QUIET_S``; on standard error."""

    def __init__(self) -> None:
        self._next_s = time.monotonic() + _QUIET_S

    def __call__(self, text: str) -> None:
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + _EVERY_S
            echo(f".. {text}", err=True)


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """One sentence for whatever keeps a copy from being made or used."""
    from .backup import BackupError
    from .occupied import Occupied
    from .postgrestools import ToolError

    with explained(url):
        try:
            yield
        except (BackupError, Occupied, ToolError) as error:
            raise typer.BadParameter(str(error)) from None
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise typer.BadParameter(f"{where}{error.strerror or error}") from None


def backup(
    to: Annotated[Path, typer.Argument(help="A folder, or the name of the file to write.")],
    database: DatabaseUrl = DEFAULT_DATABASE,
    keep: Annotated[
        int | None,
        typer.Option(
            help="Of the backups in the folder keep so many, the newest.",
            parser=whole(1, _KEEP_MAX),
            metavar="NUMBER",
        ),
    ] = None,
) -> None:
    """Copy the host's database into one file while the host runs; the file is as secret as the host."""
    from . import backup as copies

    is_folder = os.path.isdir(to)
    if keep is not None and not is_folder:
        raise typer.BadParameter("--keep counts the backups in a folder: give a folder that is there")
    at_s = int(time.time())
    file = to / copies.name_of(at_s) if is_folder else to
    if os.path.exists(file):
        raise typer.BadParameter(f"{file} is there already: give another name")
    if not os.path.isdir(file.parent):
        raise typer.BadParameter(f"there is no folder {file.parent}: make it first")
    with _explained(database):
        made = copies.write(database, file, _Progress(), at_s)
        gone = copies.forget(to, keep) if keep is not None else []
    rows = sum(made.tables.values())
    echo(f"{file}: {counted(rows, 'row')} of {counted(len(made.tables), 'table')}, schema {made.schema}")
    if gone:
        echo(f"deleted {counted(len(gone), 'older backup')}")
    echo("It holds every locker's key and customers' addresses: keep it as secret as the host.")


def restore(
    file: Annotated[Path, typer.Argument(help="What consigne backup wrote.")],
    database: DatabaseUrl = DEFAULT_DATABASE,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where the database holds something, which is lost then.")
    ] = False,
    drill: Annotated[
        bool,
        typer.Option(
            "--drill",
            help="Change nothing: restore into a scratch database, compare, report; the host may run.",
        ),
    ] = False,
) -> None:
    """Put a backup into the host's database, wholly or not at all; the host must not run."""
    from . import drill as trial
    from . import restore as back

    if drill:
        if replace:
            raise typer.BadParameter("--drill replaces nothing: leave out --replace")
        with _explained(database):
            found = trial.drill(database, file, _Progress())
        _report(found)
        raise typer.Exit(1 if found.problems else 0)
    with _explained(database):
        made = back.restore(database, file, replace=replace, told=_Progress())
    echo(f"restored as of {_time(made.taken_at)}: {counted(sum(made.tables.values()), 'row')}")
    echo("Start the host now. It asks each locker for what it does not know, as soon as that is connected:")
    echo("events, what was revoked, how far its orders were counted, what lies behind its doors.")
    echo("What was announced and which codes were given since then it does not know: do that again.")


def downgrade(
    schema: Annotated[
        str, typer.Argument(help="The newest that the older Consigne knows; it says so itself.")
    ],
    database: DatabaseUrl = DEFAULT_DATABASE,
) -> None:
    """Bring the database to an older release's schema, before that release is installed again.

    The host must not run, and no other command of this release be given afterwards: each brings the database
    to its own schema again.
    """
    from . import migrations, occupied
    from .database import as_it_is, shown

    with _explained(database):
        occupied.check(database)
        try:
            with as_it_is(database, writes=True) as connection:
                lost = migrations.downgrade(connection, schema)
                connection.commit()
        except migrations.NoWayBack as error:
            raise typer.BadParameter(f"{shown(database)}: {error}") from None
    echo(f"The database has schema {schema} now. Install the older release before you start anything.")
    for one in lost:
        echo(f"Lost: {one}.")


def _report(found: "Drill") -> None:
    from rich.table import Table

    from consigne.commandline.screen import Screen

    table = Table("table", "in the backup", "restored", "live now")
    names = sorted({*found.manifest.tables, *found.restored, *(found.live or {})})
    for name in names:
        columns = (found.manifest.tables, found.restored, found.live or {})
        table.add_row(name, *("" if name not in one else f"{one[name]:,}" for one in columns))
    Screen().print(table)
    of = f"of {_time(found.manifest.taken_at)}, schema {found.manifest.schema}"
    if found.live is None:
        echo("There is no live database to compare with.")
    for problem in found.problems:
        echo(problem)
    words = "cannot be relied on" if found.problems else "can be restored"
    echo(f"The backup {of}, {words}.")


def _time(at_s: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_s))
