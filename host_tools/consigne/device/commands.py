"""``consigne device``: from a bare board to a serving locker, and what a technician does to one later.

Every command takes several ports at once, can be given again, and goes on where it was interrupted.
"""

import json
import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from serial.tools import list_ports

from consigne.cabinet.compiler import compile_file, device_json
from consigne.cabinet.problems import CabinetError
from consigne.device import application, doctor, erase, flashfile, image, interpreter, journal, prove
from consigne.device import flash as flashing
from consigne.device import provision as provisioning
from consigne.device import push as pushing
from consigne.device.board import Board
from consigne.device.hostapi import Host
from consigne.device.rombootloader import BAUD, RomBootLoader
from consigne.device.several import Bar, choose, console, errors, on_each
from consigne.device.troubles import DeviceError
from consigne.sim.virtualboard.command import virtual

app = typer.Typer(
    help="A locker's board: flash, provision, update, examine, take out of service.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
journal_app = typer.Typer(help="What a locker remembers.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(journal_app, name="journal")
app.command()(virtual)

_Ports = Annotated[
    list[str] | None, typer.Option("--port", "-p", help="Serial port; several are done at once.")
]
_Code = Annotated[
    str | None, typer.Option(envvar="CONSIGNE_CODE", help="Technician's code, for a closed console.")
]
_Chip = Annotated[str, typer.Option(help="The board's chip.")]
_Baud = Annotated[int, typer.Option(help="Baud rate for the chip's own boot loader.")]
_Options = Annotated[
    list[str] | None,
    typer.Option("--esptool", help="Passed to esptool as it is, such as --esptool=--no-stub."),
]


def _fail(error: DeviceError) -> typer.Exit:
    errors.print(str(error), style="red", soft_wrap=True, highlight=False, markup=False)
    return typer.Exit(1)


def _chosen(ports: list[str] | None) -> list[str]:
    try:
        return choose(ports)
    except DeviceError as error:
        raise _fail(error) from None


def _one(ports: list[str] | None) -> str:
    chosen = _chosen(ports)
    if len(chosen) > 1:
        raise _fail(DeviceError("this command takes one port at a time"))
    return chosen[0]


def _done(failed: int) -> None:
    if failed:
        raise typer.Exit(1)


@app.command()
def ports() -> None:
    """The serial ports that have something plugged in."""
    table = Table("port", "what", "serial number")
    for port in sorted(list_ports.comports()):
        table.add_row(port.device, port.description or "", port.serial_number or "")
    console.print(table)


@app.command()
def flash(
    micropython: Annotated[Path, typer.Argument(help="MicroPython's .bin for this chip, v1.25 or later.")],
    port: _Ports = None,
    fresh: Annotated[bool, typer.Option(help="Also forget settings, keys and journal.")] = False,
    code: _Code = None,
    baud: _Baud = BAUD,
    esptool: _Options = None,
) -> None:
    """MicroPython, partition table, application: a bare board becomes one that can be provisioned."""
    try:
        image_file = interpreter.read(micropython)
        built = application.build()
    except DeviceError as error:
        raise _fail(error) from None

    def job(name: str, bar: Bar) -> str:
        loader = RomBootLoader(name, image_file.chip, baud, tuple(esptool or ()))
        return flashing.flash(loader, image_file, built, code, fresh=fresh, bar=bar)

    _done(on_each(_chosen(port), job))


@app.command()
def push(port: _Ports = None, code: _Code = None) -> None:
    """The application: only what changed goes over, and nothing is switched before it is verified."""
    try:
        built = application.build()
    except DeviceError as error:
        raise _fail(error) from None

    def job(name: str, bar: Bar) -> str:
        with Board(name, code) as board:
            bar.say("starting for service")
            board.enter_service()
            bar.say("sending")
            done = pushing.push(board, built, bar.advance)
            board.restart()
        if not done.sent_bytes:
            return f"up to date, generation {done.generation} in slot {done.slot}"
        return f"generation {done.generation} in slot {done.slot}, {done.sent_bytes} bytes sent, verified"

    _done(on_each(_chosen(port), job))


@app.command()
def provision(
    locker: Annotated[str, typer.Argument(help="Its name: A-Z a-z 0-9 _ -")],
    cabinet: Annotated[Path, typer.Option(help="The cabinet file of this site.", exists=True)],
    host: Annotated[str, typer.Option(envvar="CONSIGNE_HOST", help="Address of the host's API.")],
    port: _Ports = None,
    token: Annotated[str | None, typer.Option(envvar="CONSIGNE_TOKEN", help="The host's API token.")] = None,
    credentials: Annotated[
        Path | None, typer.Option(help="credentials.json of `consigne broker-config`.", exists=True)
    ] = None,
    ca: Annotated[Path | None, typer.Option(help="The broker's authority, PEM or DER.", exists=True)] = None,
    timezone: Annotated[str, typer.Option(help="IANA name, such as Europe/Paris.")] = "UTC",
    production: Annotated[
        bool, typer.Option(help="Close the console to all but a technician's code.")
    ] = False,
    code: _Code = None,
) -> None:
    """Make a board this locker: its key, its settings, its place at the host.

    The Wi-Fi password is read from CONSIGNE_WIFI_PASSWORD, or asked for.
    """
    name = _one(port)
    try:
        wanted = _wanted(locker, cabinet, credentials, ca, timezone, production)
    except DeviceError as error:
        raise _fail(error) from None

    def job(name: str, bar: Bar) -> str:
        with Board(name, code) as board:
            bar.say("starting for service")
            board.enter_service()
            told: list[str] = []

            def say(text: str) -> None:
                told.append(text)
                bar.say(text)

            provisioning.provision(board, Host(host, token), wanted, say)
        return f"{locker}: {', '.join(told)}"

    _done(on_each([name], job))


def _wanted(
    locker: str, cabinet: Path, credentials: Path | None, ca: Path | None, timezone: str, production: bool
) -> provisioning.Wanted:
    try:
        config, warnings = compile_file(cabinet)
    except CabinetError as error:
        raise DeviceError("\n".join(str(problem) for problem in error.problems)) from None
    for warning in warnings:
        errors.print(f"warning: {warning}", highlight=False, markup=False)
    network = config.get("network") or {}
    wifi = os.environ.get("CONSIGNE_WIFI_PASSWORD", "")
    if network.get("kind") == "wifi" and not wifi:
        wifi = typer.prompt(f"password of the Wi-Fi {network['ssid']}", hide_input=True)
    password = provisioning.broker_password(credentials, locker) if credentials else ""
    return provisioning.Wanted(
        locker,
        config,
        device_json(config).encode(),
        timezone,
        provisioning.Credentials(locker if password else "", password, wifi),
        provisioning.authority(ca) if ca else None,
        production,
    )


@app.command("doctor")
def doctor_command(
    port: _Ports = None,
    doors: Annotated[
        bool, typer.Option(help="Spring each lock, one after the other; asks before each.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a door springs.")] = False,
    hands: Annotated[bool, typer.Option(help="Wait for every key and a barcode.")] = False,
    network: Annotated[bool, typer.Option(help="Join the network and reach the broker.")] = True,
    code: _Code = None,
) -> None:
    """Look at every part: pass, fail, what to do."""
    chosen = _chosen(port)
    if len(chosen) > 1 and doors and not yes:
        raise _fail(DeviceError("doors of one locker at a time, or --yes: nobody can stand before two"))

    def may_open(name: str) -> bool:
        return yes or typer.confirm(f"door {name}: may it spring open?")

    if doors and not yes:  # a person answers in between: no bars
        try:
            with Board(chosen[0], code) as board:
                board.enter_service()
                scope = doctor.Scope(may_open, hands, network)
                findings = doctor.examine(board, scope, lambda text: errors.print(text, style="dim"))
                board.restart()
        except DeviceError as error:
            raise _fail(error) from None
        console.print(doctor.table(chosen[0], findings))
        _done(sum(finding.state == doctor.FAIL for finding in findings))
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
        if count:
            raise DeviceError(f"{name}: {count} of {len(tables[name])} checks failed, see the table")
        return f"{len(tables[name])} checks passed or only warn"

    failed = on_each(chosen, job)
    for name, findings in tables.items():
        console.print(doctor.table(name, findings))
    _done(failed)


@app.command()
def logs(
    port: _Ports = None, seconds: Annotated[float, typer.Option(help="Stop after; 0: never.")] = 0
) -> None:
    """What the board prints, with the time; it goes on serving."""
    try:
        with Board(_one(port)) as board:
            until = time.monotonic() + seconds if seconds else None
            for line in board.lines(until):
                console.print(
                    f"{time.strftime('%H:%M:%S')} {line}", highlight=False, markup=False, soft_wrap=True
                )
    except DeviceError as error:
        raise _fail(error) from None
    except KeyboardInterrupt:
        raise typer.Exit from None


@app.command("console")
def console_command(port: _Ports = None, code: _Code = None) -> None:
    """The interpreter's prompt of a board started for service; Ctrl-] leaves, and the board serves again."""
    name = _one(port)
    try:
        with Board(name, code) as board:
            board.enter_service()
            board.attach()
            board.enter()
            board.restart()
    except DeviceError as error:
        raise _fail(error) from None


@journal_app.command("dump")
def journal_dump(
    port: _Ports = None,
    file: Annotated[
        Path | None, typer.Option("--image", help="Flash or journal partition in a file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON for each record.")] = False,
    save: Annotated[Path | None, typer.Option(help="Also keep the partition's bytes in this file.")] = None,
    code: _Code = None,
) -> None:
    """Every record in plain words, from a board or from the flash of a dead one."""
    try:
        if file is not None:
            data = flashfile.partition_in(file, "journal")
        else:
            data = _read_journal(_one(port), code)
    except DeviceError as error:
        raise _fail(error) from None
    if save is not None:
        save.touch(mode=0o600)
        save.write_bytes(data)
    dump = journal.decode(data)
    if as_json:
        for entry in dump.entries:
            typer.echo(json.dumps({"t": entry.time_s, "seq": entry.seq, **entry.data}))
    else:
        console.print(_journal_table(dump))
    errors.print(f"journal: {dump.state}; {len(dump.entries)} records", highlight=False)


def _read_journal(name: str, code: str | None) -> bytes:
    got: list[bytes] = []

    def job(name: str, bar: Bar) -> str:
        with Board(name, code) as board:
            board.enter_service()
            bar.say("reading")
            got.append(journal.read_partition(board, bar.advance))
            board.restart()
        return "read"

    _done(on_each([name], job))
    return got[0]


def _journal_table(dump: journal.Dump) -> Table:
    table = Table("time (UTC)", "number", "what", "")
    for entry in dump.entries:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(entry.time_s))
        rest: dict[str, Any] = {key: value for key, value in entry.data.items() if key != "kind"}
        told = " ".join(f"{key}={value}" for key, value in rest.items())
        table.add_row(at, str(entry.seq or ""), entry.data["kind"], told.replace("[", r"\["))
    return table


@journal_app.command("prove")
def journal_prove(port: _Ports = None, code: _Code = None) -> None:
    """After records were lost: say what lies behind each door, and the locker serves everybody again.

    Look into every compartment first. What is written is what you say.
    """
    try:
        with Board(_one(port), code) as board:
            board.enter_service()
            told = prove.ask(board, lambda text: str(typer.prompt(text)), errors.print)
            board.restart()
    except DeviceError as error:
        raise _fail(error) from None
    console.print(told, highlight=False)


@app.command("image")
def image_command(
    micropython: Annotated[Path, typer.Argument(help="MicroPython's .bin for this chip, v1.25 or later.")],
    out: Annotated[Path, typer.Argument(help="File to write: the whole flash, 4 MiB.")],
) -> None:
    """A whole flash in one file, for a production line; each board gets its own key by `provision`."""
    try:
        parts = image.parts(interpreter.read(micropython), application.build(), fresh=True)
    except DeviceError as error:
        raise _fail(error) from None
    out.write_bytes(image.whole_flash(parts))
    console.print(f"{out}: write it with `esptool write-flash 0 {out}`, or a programmer", highlight=False)


@app.command("erase")
def erase_command(
    port: _Ports = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    chip: _Chip = "esp32",
    baud: _Baud = BAUD,
    esptool: _Options = None,
) -> None:
    """Take a board out of service: keys, settings and journal gone from the flash, and checked."""
    chosen = _chosen(port)
    if not yes:
        typer.confirm(f"{', '.join(chosen)}: forget whose lockers these are, for good?", abort=True)

    def job(name: str, bar: Bar) -> str:
        bar.say("erasing")
        erase.erase(RomBootLoader(name, chip, baud, tuple(esptool or ())), bar.advance)
        return "nothing secret is left (checked); tell the operator to take the locker off the host"

    _done(on_each(chosen, job))
