"""PostgreSQL's own programs that copy a database: found, their version checked, and run."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import URL

_PROGRAMS = Path("/usr/lib/postgresql")  # where Debian keeps them, one directory per version
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_SERVICE = "consigne"
CONNECTION = f"--dbname=service={_SERVICE}"
"""The option that names the database of ``reaching``."""


class ToolError(RuntimeError):
    """A program is missing, too old, or failed; the text says what to do."""


def found(name: str, least: int, why: str) -> str:
    """The path of a program of at least this major version; ``why`` says what is of that version.

    Raises
    ------
    ToolError
        There is none.
    """
    first = shutil.which(name)
    debians = sorted(_PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: path.parent.parent.name)
    versions: list[int] = []
    for program in ([first] if first else []) + [str(path) for path in debians]:
        versions.append(version(program))
        if versions[-1] >= least:
            return program
    if not versions:
        raise ToolError(f"{name} is not installed: on Debian, apt install postgresql-client-{least}")
    raise ToolError(
        f"{why} is of PostgreSQL {least}, and {name} here is of {max(versions)}, which cannot read it: "
        f"on Debian, apt install postgresql-client-{least}"
    )


def version(program: str) -> int:
    """Its major version; 0 where it does not say one."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    told = _VERSION.search(done.stdout)
    return int(told[1]) if told else 0


@contextmanager
def reaching(url: URL) -> Iterator[dict[str, str]]:
    """The environment in which those programs reach a database.

    Its settings stand in a file that only this user may read, the password in a variable: a command line is
    shown to every user of the machine.
    """
    settings = url.get_dialect()().create_connect_args(url)[1]
    password = settings.pop("password", None)
    settings.pop("context", None)  # psycopg's own
    with tempfile.TemporaryDirectory(prefix="consigne-") as directory:
        file = Path(directory) / "service"
        lines = [f"[{_SERVICE}]", *(f"{name}={value}" for name, value in settings.items())]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        file.chmod(0o600)
        environment = {**os.environ, "LC_ALL": "C", "PGSERVICEFILE": str(file)}
        environment.pop("PGDATABASE", None)
        if password is not None:
            environment["PGPASSWORD"] = str(password)
        yield environment


def last_words(said: bytes) -> str:
    """What a program that failed said last, in one line."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "rror:" in line or "ERROR" in line or "FATAL" in line]
    return " ".join((errors or lines or ["it did not say why"])[0].split())
