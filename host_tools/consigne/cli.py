"""The command ``consigne``: one program for the demo, the host, the simulator and the device.

Each command lives where its work is done and imports what it needs when it is called: a technician's does
not wait for the host's database.
"""

import os
import socket
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from locker import VERSION
from typer.core import TyperGroup
from typer.main import get_group

from consigne.commandline import output, terminal
from consigne.commandline.listening import PAGE_PORT, PortTakenError, listen
from consigne.commandline.numbers import whole
from consigne.commandline.outfile import OutFileError, check_out
from consigne.commandline.tell import echo
from consigne.protocol.untrusted import one_line
from consigne.server.cli import broker_config, serve
from consigne.server.fleet.cli import clock as clock_app
from consigne.server.fleet.cli import retire
from consigne.server.people.cli import app as account_app
from consigne.server.storage.cli import backup, downgrade, restore


def _cabinet() -> typer.Typer:
    from consigne.cabinet.cli import app
    from consigne.learn.cli import learn

    app.command()(learn)
    return app


def _device() -> typer.Typer:
    from consigne.device.cli import app
    from consigne.sim.virtualboard.cli import virtual

    app.command()(virtual)
    return app


_GROUPS = {"cabinet": _cabinet, "device": _device}
"""Groups that take long to import, and so are not until one of their commands is asked for."""


class Group(TyperGroup):
    """The commands; each ends in order when what it prints is not read, or not taken."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # as for ``invoke``
        return list(dict.fromkeys([*_GROUPS, *super().list_commands(ctx)]))

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        # For a name that is none all are made: the nearest of them is proposed.
        wanted = [cmd_name] if cmd_name in self.list_commands(ctx) else list(_GROUPS)
        for name in set(wanted) & set(_GROUPS) - set(self.commands):
            self.add_command(get_group(_GROUPS[name]()), name)
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # typer's own base is click's
        with output.watched():
            try:
                return super().invoke(ctx)
            except typer.BadParameter as error:
                # Typer tells of a name that is no choice in its checker's words.
                error.message = one_line(error.message.removeprefix("Value error, "))
                raise


app = typer.Typer(
    name="consigne",
    cls=Group,
    help="The open controller for parcel lockers: firmware, host and simulator.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(account_app, name="account")
app.add_typer(clock_app, name="clock")
app.command()(retire)
app.command()(serve)
app.command()(broker_config)
app.command()(backup)
app.command()(restore)
app.command()(downgrade)


class GroundName(StrEnum):
    """What runs the firmware in the simulator."""

    MICROPYTHON = "micropython"
    VIRTUAL = "virtual"
    BOARD = "board"


def _print_version(wanted: bool) -> None:
    if wanted:
        echo(f"consigne {VERSION}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    try:
        terminal.prepare()
    except terminal.NoFolderError as error:
        echo(str(error), err=True)
        raise typer.Exit(1) from None


def _choose(file: Path | None) -> None:
    """Have demo and simulator play this cabinet, else that of ``CONSIGNE_CABINET``, else the demo's."""
    from consigne.cabinet.problems import CabinetError, sentences

    if file is not None:
        os.environ["CONSIGNE_CABINET"] = str(file)
    try:
        import consigne.sim.reference  # noqa: F401 - read once, now
    except CabinetError as error:
        for line in sentences(error.problems):
            echo(line, err=True)
        raise typer.Exit(1) from None


def _find_interpreter() -> None:
    """End with one sentence on a machine that has no MicroPython."""
    from consigne.sim.grounds.process import NoInterpreter, interpreter

    try:
        interpreter()
    except NoInterpreter as error:
        echo(str(error), err=True)
        raise typer.Exit(1) from None


def _look_at_places(keep: Path | None, log: Path | None, cabinet: Path | None) -> None:
    """End with one sentence where the demo could not write, or would write over its own cabinet."""
    try:
        check_out(log, [cabinet])
        if log is not None:
            if os.path.isdir(log) or not os.path.isdir(log.parent):
                raise typer.BadParameter(f"cannot write {log}: give --log a file in a folder that is there")
            log.open("a").close()
        if keep is not None:
            if os.path.exists(keep) and not os.path.isdir(keep):
                raise typer.BadParameter(f"{keep} is no directory: give --keep another name")
            keep.mkdir(parents=True, exist_ok=True)
    except OutFileError as error:
        raise typer.BadParameter(str(error)) from None
    except OSError as error:
        raise typer.BadParameter(f"cannot write {error.filename}: {error.strerror}") from None


def _listen(port: int) -> socket.socket:
    """Bind the page's port, before anything that takes its time; end with one sentence where it is in use."""
    try:
        return listen(port, "--port")
    except PortTakenError as error:
        raise typer.BadParameter(str(error)) from None


@app.command()
def demo(
    headless: Annotated[
        bool, typer.Option(help="No browser: prove the whole path and print one JSON line.")
    ] = False,
    port: Annotated[
        int,
        typer.Option(help="Port of the page, on the loopback.", parser=whole(1, 65_535), metavar="NUMBER"),
    ] = PAGE_PORT,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    keep: Annotated[
        Path | None, typer.Option(help="Directory that keeps flash and database for the next time.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="File to write what the cabinet does into.")] = None,
    cabinet: Annotated[
        Path | None, typer.Option(help="Another cabinet file than the demo's, or the name of a shipped one.")
    ] = None,
    always_open: Annotated[
        bool,
        typer.Option("--always-open", help="Serve customers day and night, whatever hours the file has."),
    ] = False,
) -> None:
    """A cabinet on your desk: the real firmware on MicroPython, a broker, a host, a database."""
    _look_at_places(keep, log, cabinet)
    listening = None if headless else _listen(port)
    _find_interpreter()
    _choose(cabinet)
    if listening is None:
        from consigne.demo.headless import run

        raise typer.Exit(run())
    from consigne.demo import page

    page.run(listening, open_browser=browser, keep=keep, log=log, always_open=always_open)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="Example: consigne sim --keys '{courier}#' --scan RR123456785FR --keys 2 --shut open "
    "--keys '#' --keys '{RR123456785FR}#' --shut open",
)
def sim(
    context: typer.Context,
    ground: Annotated[
        GroundName,
        typer.Option(
            help="What runs the firmware: MicroPython, CPython under virtual time, or a virtual board that "
            "was flashed with the image that the cabinet's board takes."
        ),
    ] = GroundName.MICROPYTHON,
    cabinet: Annotated[
        Path | None, typer.Option(help="Another cabinet file than the demo's, or the name of a shipped one.")
    ] = None,
    always_open: Annotated[
        bool,
        typer.Option("--always-open", help="Serve customers day and night, whatever hours the file has."),
    ] = False,
) -> None:
    """Try one thing: carry out steps at a cabinet and print what it did, with times.

    Steps, in the order given and as often as wanted: --keys '90210417#', --scan TEXT,
    --shut DOOR (or open: every open door), --pry DOOR, --wait SECONDS, --network on|off,
    --power on|off. In keys and scans {courier} stands for today's courier code, {partner} for that
    of who takes a shop's parcels along, {resident} for the standing code of home 1 in a residence,
    {PARCEL} for the pick-up code of that parcel.
    """
    _choose(cabinet)
    from consigne.demo import steps, trial

    try:
        wanted = steps.parse(context.args)
    except steps.StepError as error:
        raise typer.BadParameter(str(error)) from None
    if not wanted:
        raise typer.BadParameter("no step given; see consigne sim --help")
    if ground is not GroundName.VIRTUAL:
        _find_interpreter()
    raise typer.Exit(trial.run(wanted, ground.value, always_open))


if __name__ == "__main__":
    sys.exit(app())
