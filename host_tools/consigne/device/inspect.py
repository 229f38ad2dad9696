"""``consigne device`` doctor, logs, traceback, console, journal: what looks at a board or its words."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from consigne import firmware_dir
from consigne.commandline.outfile import check_out
from consigne.commandline.tell import ask, confirm, echo
from consigne.words import counted

from . import doctor, image, journal, journalwords, prove, terminal, traceback
from .board import Board
from .errors import DeviceError
from .options import Code, Ports, chosen_ports, done, fail, one_port, writing
from .parallel import Bar, console, errors, on_each
from .provision import read_identity

commands = typer.Typer()
journal_commands = typer.Typer(help="What a locker remembers.", no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Give the commands of this file to ``consigne device``."""
    app.add_typer(commands)
    app.add_typer(journal_commands, name="journal")


@commands.command("doctor")
def doctor_command(
    port: Ports = None,
    doors: Annotated[
        bool, typer.Option(help="Spring each lock, one after the other; asks before each.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a door springs.")] = False,
    hands: Annotated[bool, typer.Option(help="Wait for every key and a barcode.")] = False,
    network: Annotated[bool, typer.Option(help="Join the network and reach the broker.")] = True,
    code: Code = None,
) -> None:
    """Look at every part: pass, fail, what to do."""
    chosen = chosen_ports(port)
    if len(chosen) > 1 and doors and not yes:
        raise fail(DeviceError("doors of one locker at a time, or --yes: nobody can stand before two"))

    def may_open(name: str) -> bool:
        return yes or confirm(f"door {name}: may it spring open?")

    if doors and not yes:  # a person answers questions in between, so no progress bars
        try:
            with Board(chosen[0], code) as board:
                board.enter_service()
                scope = doctor.Scope(may_open, hands, network)
                findings = doctor.examine(board, scope, lambda text: errors.print(text, style="dim"))
                board.restart()
        except DeviceError as error:
            raise fail(error) from None
        console.print(doctor.table(chosen[0], findings))
        done(sum(finding.state == doctor.FAIL for finding in findings))
        return
    tables: dict[str, list[doctor.Finding]] = {}

    def job(name: str, bar: Bar) -> str:
        with Board(name, code) as board:
            bar.say("starting for service")
            board.enter_service()
            scope = doctor.Scope(may_open if doors else None, hands, network)
            tables[name] = doctor.examine(board, scope, bar.say)
            board.restart()
        count = sum(finding.state == doctor.FAIL for finding in tables[name])
        checks = counted(len(tables[name]), "check")
        if count:
            raise DeviceError(f"{name}: {count} of {checks} failed, see the table")
        return f"{checks} passed or only warn"

    failed = on_each(chosen, job)
    for name, findings in tables.items():
        console.print(doctor.table(name, findings))
    done(failed)


@commands.command()
def logs(
    port: Ports = None, seconds: Annotated[float, typer.Option(help="Stop after; 0: never.")] = 0
) -> None:
    """What the board prints, with the time; it goes on serving."""
    try:
        with Board(one_port(port)) as board:
            until = time.monotonic() + seconds if seconds else None
            for line in terminal.lines(board.line, until):
                console.print(
                    f"{time.strftime('%H:%M:%S')} {line}", highlight=False, markup=False, soft_wrap=True
                )
    except DeviceError as error:
        raise fail(error) from None
    except KeyboardInterrupt:
        raise typer.Exit from None


@commands.command("console")
def console_command(port: Ports = None, code: Code = None) -> None:
    """The interpreter's prompt of a board started for service; Ctrl-] leaves, and the board serves again."""
    name = one_port(port)
    try:
        with Board(name, code) as board:
            board.enter_service()
            terminal.attach(board.line)
            board.enter()
            board.restart()
    except DeviceError as error:
        raise fail(error) from None


@commands.command("traceback")
def traceback_command(
    file: Annotated[
        typer.FileText, typer.Argument(help="What a board printed; without it, standard input.")
    ] = "-",  # type: ignore[assignment]
    firmware: Annotated[
        Path | None,
        typer.Option(help="Sources of the board's application, the folder firmware; else the installed."),
    ] = None,
) -> None:
    """A traceback as a board printed it, with the sources' names, files and lines.

    The build shortens names: take the sources that the board's application was built from.
    """
    try:
        sources = traceback.Sources(firmware or firmware_dir())
    except DeviceError as error:
        raise fail(error) from None
    translation = traceback.Translation(sources)
    for line in _lines(file):
        for shown in translation.line(line.rstrip("\r\n")):
            echo(shown)
    if translation.misfits:
        wrong = "; ".join(translation.misfits)
        raise fail(DeviceError(
            f"the board's application was built from other sources (these are version {sources.version}): "
            f"{wrong}; name its own with --firmware"
        ))  # fmt: skip


def _lines(file: typer.FileText) -> Iterator[str]:
    try:
        yield from file
    except (OSError, UnicodeDecodeError):
        raise fail(
            DeviceError(f"{file.name} is not a text file: give what the board printed, saved as text")
        ) from None


@journal_commands.command("dump")
def journal_dump(
    port: Ports = None,
    file: Annotated[
        Path | None, typer.Option("--image", help="Flash or journal partition in a file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON for each record.")] = False,
    save: Annotated[Path | None, typer.Option(help="Also keep the partition's bytes in this file.")] = None,
    code: Code = None,
) -> None:
    """Every record in plain words, from a board or from the flash of a dead one."""
    key = None
    try:
        if file is not None:
            data, names = image.partition_in(file, "journal"), image.door_names(file)
        else:
            data, names, key = _read_journal(one_port(port), code)
    except DeviceError as error:
        raise fail(error) from None
    if save is not None:
        with writing(save):
            check_out(save, [file])
            save.touch(mode=0o600)
            save.write_bytes(data)
    dump = journal.decode(data, key)
    if as_json:
        for entry in dump.entries:
            echo(json.dumps({"t": entry.time_s, "seq": entry.seq, **entry.data}))
    else:
        console.print(_journal_table(dump, names))
        if not names:
            errors.print("no cabinet's configuration here: doors have their numbers, counted from 1")
    errors.print(f"journal: {dump.state}; {counted(len(dump.entries), 'record')}", highlight=False)


def _read_journal(name: str, code: str | None) -> tuple[bytes, list[str], bytes | None]:
    """The partition, the names of the doors and the locker's key, as far as the board knows them."""
    got: list[tuple[bytes, list[str], bytes | None]] = []

    def job(name: str, bar: Bar) -> str:
        with Board(name, code) as board:
            board.enter_service()
            bar.say("reading")
            data = journal.read_partition(board, bar.advance)
            names = journalwords.door_names(board.read_file("/config.json"))
            held = read_identity(board.read_file("/identity.json") or b"")
            got.append((data, names, bytes.fromhex(held["device_key"]) if held else None))
            board.restart()
        return "read"

    done(on_each([name], job))
    return got[0]


def _journal_table(dump: journal.Dump, names: list[str]) -> Table:
    table = Table("time (UTC)", "number", "what", "")
    for entry in dump.entries:
        what, told = journalwords.in_words(entry.data, names)
        table.add_row(journalwords.moment(entry.time_s), str(entry.seq or ""), escape(what), escape(told))
    return table


@journal_commands.command("prove")
def journal_prove(port: Ports = None, code: Code = None) -> None:
    """After records were lost: say what lies behind each door, and the locker serves everybody again.

    Look into every compartment first. What is written is what you say.
    """
    try:
        with Board(one_port(port), code) as board:
            board.enter_service()
            told = prove.ask(board, ask, errors.print)
            board.restart()
    except DeviceError as error:
        raise fail(error) from None
    console.print(told, highlight=False)
