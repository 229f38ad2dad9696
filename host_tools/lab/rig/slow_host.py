"""``consigne serve`` over a database that can be made to answer late, for ``pages`` and the tests.

    python -m lab.rig.slow_host FILE serve --database ..

While another process holds ``FILE`` locked, readers of the parcels wait.  SQLite has no lock that readers
wait for; on PostgreSQL ``LOCK TABLE`` is the real one, and ``FILE`` may stay free.  Each wait adds a byte to
``FILE``.  A query in the event loop fails (``loop_guard``).
"""

import fcntl
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from consigne.cli import app
from sqlalchemy import event
from sqlalchemy.engine import Engine, make_url

from ..loop_guard import guarded

TABLE = "parcels"
MODULE = "lab.rig.slow_host"  # as ``__name__`` is not when this module is the program


def _make_late(path: Path) -> None:
    """Have every reading of ``TABLE`` wait for the lock on the file."""
    counting = threading.Lock()
    waits = os.open(path, os.O_WRONLY | os.O_APPEND)

    def wait(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.lstrip().startswith("SELECT") or f"FROM {TABLE}" not in statement:
            return
        mine = os.open(path, os.O_RDONLY)  # a lock belongs to an open file, not to a process
        try:
            fcntl.flock(mine, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            with counting:
                os.write(waits, b".")
            fcntl.flock(mine, fcntl.LOCK_SH)
        finally:
            os.close(mine)

    event.listen(Engine, "before_cursor_execute", wait)


@contextmanager
def parcels_locked(url: str, path: Path) -> Iterator[Callable[[], int]]:
    """Hold the lock that readers of the parcels wait for; gives how many wait or waited for it."""
    if url.startswith("postgresql"):
        with _table_locked(url) as waiting:
            yield waiting
        return
    before = path.stat().st_size
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield lambda: path.stat().st_size - before


@contextmanager
def _table_locked(url: str) -> Iterator[Callable[[], int]]:
    where = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(where) as holder, psycopg.connect(where, autocommit=True) as watcher:
        holder.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE".encode())

        def waiting() -> int:
            count = watcher.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
            return int(count[0]) if count is not None else 0

        yield waiting


if __name__ == "__main__":
    _make_late(Path(sys.argv[1]))
    with guarded():
        app(sys.argv[2:])
