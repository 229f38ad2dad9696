"""What the commands of ``consigne device`` share: their common options, and how they end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from consigne.commandline.outfile import OutFileError
from consigne.protocol.untrusted import one_line

from .errors import DeviceError
from .parallel import choose, errors

Ports = Annotated[
    list[str] | None, typer.Option("--port", "-p", help="Serial port; several are done at once.")
]
Code = Annotated[
    str | None, typer.Option(envvar="CONSIGNE_CODE", help="Technician's code, for a closed console.")
]


def complain(text: str) -> None:
    """Print what is wrong, in one line."""
    errors.print(one_line(text), style="red", soft_wrap=True, highlight=False, markup=False)


def fail(error: DeviceError) -> typer.Exit:
    complain(str(error))
    return typer.Exit(1)


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """A file that cannot be written, or must not, ends the command with a sentence."""
    try:
        yield
    except OutFileError as error:
        raise fail(DeviceError(str(error))) from None
    except OSError as error:
        raise fail(DeviceError(f"{file} cannot be written: {error.strerror}")) from None


def chosen_ports(ports: list[str] | None) -> list[str]:
    try:
        return choose(ports)
    except DeviceError as error:
        raise fail(error) from None


def one_port(ports: list[str] | None) -> str:
    found = chosen_ports(ports)
    if len(found) > 1:
        raise fail(DeviceError("this command takes one port at a time"))
    return found[0]


def done(failed: int) -> None:
    if failed:
        raise typer.Exit(1)
