"""``consigne device``: from a bare board to a serving locker, and what a technician does to one later.

A command that works on boards takes several ports at once, can be given again, and goes on where it was
interrupted.
"""

import dataclasses
import os
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from serial.tools import list_ports

from consigne import firmware_dir
from consigne.cabinet.compiler import compile_file, device_json
from consigne.cabinet.problems import CabinetError, sentences
from consigne.commandline.outfile import check_out
from consigne.commandline.tell import confirm
from consigne.firmware import application, packaging

from . import brokerfiles, erase, fitness, image, inspect, interpreter, plain
from . import flash as flashing
from . import provision as provisioning
from . import push as pushing
from .board import Board
from .errors import DeviceError
from .hostapi import Host
from .options import Code, Ports, chosen_ports, complain, done, fail, one_port, writing
from .parallel import Bar, console, errors, on_each
from .rombootloader import ANY, BAUD, RomBootLoader

app = typer.Typer(
    help="A locker's board: flash, provision, update, examine, take out of service.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
inspect.add_to(app)


@app.callback()
def _ends() -> None:
    """A terminal that is closed, or a SIGTERM, ends a command as Ctrl-C does: its board serves again."""
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


_Chip = Annotated[str, typer.Option(help="The board's chip, found out unless it is given.")]
_Baud = Annotated[
    int, typer.Option(help="Baud rate for the chip's own boot loader.", min=9_600, max=2_000_000)
]
_Options = Annotated[
    list[str] | None,
    typer.Option("--esptool", help="Passed to esptool as it is, such as --esptool=--no-stub."),
]

_Locker = Annotated[str, typer.Argument(help="Its name: A-Z a-z 0-9 _ -")]
_Cabinet = Annotated[Path, typer.Option(help="The cabinet file of this site.", exists=True)]
_Host = Annotated[str, typer.Option(envvar="CONSIGNE_HOST", help="Address of the host's API.")]
_Token = Annotated[str | None, typer.Option(envvar="CONSIGNE_TOKEN", help="The host's API token.")]
_Broker = Annotated[
    Path | None,
    typer.Option(help="Directory of `consigne broker-config`: all below is found there.", exists=True),
]
_Credentials = Annotated[
    Path | None, typer.Option(help="credentials.json of `consigne broker-config`.", exists=True)
]
_Ca = Annotated[Path | None, typer.Option(help="The broker's authority, PEM or DER.", exists=True)]
_ClientCertificate = Annotated[
    Path | None, typer.Option(help="Shown to a broker that wants one, PEM or DER.", exists=True)
]
_ClientKey = Annotated[Path | None, typer.Option(help="Its key, PEM or DER.", exists=True)]
_Replace = Annotated[
    bool, typer.Option("--replace", help="The locker has served before: take over its key and its parcels.")
]
_Timezone = Annotated[str, typer.Option(help="IANA name, such as Europe/Paris.")]


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
    port: Ports = None,
    fresh: Annotated[bool, typer.Option(help="Also forget settings, keys and journal.")] = False,
    psram: Annotated[
        bool | None,
        typer.Option(
            "--psram/--no-psram", help="What an ESP32 module's label says: a WROVER has it, a WROOM has not."
        ),
    ] = None,
    code: Code = None,
    baud: _Baud = BAUD,
    esptool: _Options = None,
) -> None:
    """MicroPython, partition table, application: a bare board becomes one that can be provisioned.

    Board and image are looked at first; nothing is written that cannot run.
    """
    try:
        image_file = interpreter.read(micropython)
    except DeviceError as error:
        raise fail(error) from None
    built = _built()

    def job(name: str, bar: Bar) -> str:
        loader = RomBootLoader(name, ANY, baud, tuple(esptool or ()))
        return flashing.flash(loader, image_file, built, code, fresh=fresh, psram=psram, bar=bar)

    done(on_each(chosen_ports(port), job))


@app.command()
def push(port: Ports = None, code: Code = None) -> None:
    """The application: only what changed goes over, and nothing is switched before it is verified."""
    built = _built()

    def job(name: str, bar: Bar) -> str:
        with Board(name, code) as board:
            bar.say("starting for service")
            found = board.enter_service()
            bar.say("sending")
            done = pushing.push(board, built, bar.advance)
            board.restart()
        return pushing.told(done, found)

    done(on_each(chosen_ports(port), job))


@app.command()
def provision(
    locker: _Locker,
    cabinet: _Cabinet,
    host: _Host,
    port: Ports = None,
    token: _Token = None,
    broker: _Broker = None,
    credentials: _Credentials = None,
    ca: _Ca = None,
    client_certificate: _ClientCertificate = None,
    client_key: _ClientKey = None,
    timezone: _Timezone = "UTC",
    production: Annotated[
        bool, typer.Option(help="Close the console to all but a technician's code.")
    ] = False,
    replace: _Replace = False,
    code: Code = None,
) -> None:
    """Make a board this locker: its key, its settings, its place at the host.

    The Wi-Fi password is read from CONSIGNE_WIFI_PASSWORD, or asked for.
    """
    name = one_port(port)
    try:
        files = brokerfiles.gathered(locker, broker, credentials, ca, client_certificate, client_key)
        wanted = dataclasses.replace(_wanted(locker, cabinet, files, timezone, production), replace=replace)
    except DeviceError as error:
        raise fail(error) from None

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

    done(on_each([name], job))


@app.command()
def files(
    locker: _Locker,
    folder: Annotated[Path, typer.Argument(help="Where to write them; made if it is not there.")],
    cabinet: _Cabinet,
    host: _Host,
    token: _Token = None,
    broker: _Broker = None,
    credentials: _Credentials = None,
    ca: _Ca = None,
    client_certificate: _ClientCertificate = None,
    client_key: _ClientKey = None,
    timezone: _Timezone = "UTC",
    replace: _Replace = False,
) -> None:
    """What a board of this locker needs, as files for `mpremote fs cp`; see MPREMOTE.md.

    The Wi-Fi password is read from CONSIGNE_WIFI_PASSWORD, or asked for.
    """
    try:
        found = brokerfiles.gathered(locker, broker, credentials, ca, client_certificate, client_key)
        wanted = dataclasses.replace(_wanted(locker, cabinet, found, timezone, False), replace=replace)
        with writing(folder):
            names, new = plain.write(folder, Host(host, token), wanted)
    except DeviceError as error:
        raise fail(error) from None
    told = "registered at the host" if new else "the host knows it"
    told += f"; {folder} holds its key, remove it when the board serves"
    console.print(f"{locker}: {told}", highlight=False, soft_wrap=True)
    paths = " ".join(str(folder / name) for name in names)
    console.print(f"copy with: mpremote fs cp {paths} :", highlight=False, soft_wrap=True)


def _wanted(
    locker: str, cabinet: Path, files: brokerfiles.BrokerFiles, timezone: str, production: bool
) -> provisioning.Wanted:
    try:
        config, warnings = compile_file(cabinet)
    except CabinetError as error:
        *first, last = sentences(error.problems)
        for line in first:
            complain(line)
        raise DeviceError(last) from None
    for line in sentences(warnings):
        errors.print(line, highlight=False, markup=False)
    network = config.get("network")
    wifi = os.environ.get("CONSIGNE_WIFI_PASSWORD", "")
    if network is not None and network["kind"] == "wifi" and not wifi:
        wifi = typer.prompt(f"password of the Wi-Fi {network['ssid']}", hide_input=True)
    text = device_json(config).encode()
    return provisioning.Wanted(locker, config, text, timezone, wifi, files, production)


@app.command("image")
def image_command(
    micropython: Annotated[Path, typer.Argument(help="MicroPython's .bin for this chip, v1.25 or later.")],
    out: Annotated[Path, typer.Argument(help="File to write: the whole flash, 4 MiB.")],
) -> None:
    """A whole flash in one file, for a production line; each board gets its own key by `provision`."""
    try:
        read = interpreter.read(micropython)
        parts = image.parts(read, _built(), fresh=True)
    except DeviceError as error:
        raise fail(error) from None
    with writing(out):
        check_out(out, [micropython])
        out.write_bytes(image.whole_flash(parts))
    console.print(f"{out}: write it with `esptool write-flash 0 {out}`, or a programmer", highlight=False)
    console.print(f"for boards with an {fitness.kind_of(read)}; {fitness.serves(read)}", highlight=False)


def _built() -> application.Application:
    """The application of these sources; one that does not compile ends the command with a sentence."""
    try:
        return application.build()
    except SyntaxError as error:
        raise fail(DeviceError(f"the firmware does not compile: {error}")) from None


@app.command("package")
def package_command() -> None:
    """Bring package.json (mip), manifest.py (frozen) and boards/partitions.csv of the firmware up to date."""
    for made in packaging.write(firmware_dir()):
        console.print(str(made), highlight=False)


@app.command("erase")
def erase_command(
    port: Ports = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    chip: _Chip = ANY,
    baud: _Baud = BAUD,
    esptool: _Options = None,
) -> None:
    """Take a board out of service: keys, settings and journal gone from the flash, and checked."""
    chosen = chosen_ports(port)
    if not yes:
        confirm(f"{', '.join(chosen)}: forget whose lockers these are, for good?", abort=True)

    def job(name: str, bar: Bar) -> str:
        bar.say("erasing")
        erase.erase(RomBootLoader(name, chip, baud, tuple(esptool or ())), bar.advance)
        return "nothing secret is left (checked); tell the operator to take the locker off the host"

    done(on_each(chosen, job))
