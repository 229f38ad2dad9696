"""``consigne serve``, every setting an option or from the environment, and ``consigne broker-config``."""

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from locker.confignetwork import TLS_PORT

from consigne.commandline.listening import PAGE_PORT
from consigne.commandline.numbers import whole
from consigne.commandline.tell import echo
from consigne.protocol import topics
from consigne.protocol.untrusted import clean
from consigne.words import counted, shortened

from .logform import LogForm
from .storage.opening import DEFAULT_DATABASE, DatabaseUrl, explained, opened

_Broker = Annotated[str, typer.Option(envvar="CONSIGNE_BROKER", help="MQTT broker, host:port.")]
_Listen = Annotated[str, typer.Option(envvar="CONSIGNE_LISTEN", help="Where HTTP is served, host:port.")]
_User = Annotated[str | None, typer.Option(envvar="CONSIGNE_MQTT_USER", help="MQTT user name.")]
_Password = Annotated[
    str | None, typer.Option(envvar="CONSIGNE_MQTT_PASSWORD", help="Better given in the environment.")
]
_Tls = Annotated[
    bool,
    typer.Option(
        envvar="CONSIGNE_MQTT_TLS",
        help="Speak TLS with the broker, checked against the system's authorities.",
    ),
]

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")

_log = logging.getLogger(__name__)
_PORT = re.compile(r"[0-9]{1,5}")
_SHOWN_MAX = 80
_CREDENTIAL_BYTES_MAX = 65_535


def _file(variable: str, help: str) -> Any:
    return typer.Option(envvar=variable, help=help, exists=True)


_Ca = Annotated[
    Path | None, _file("CONSIGNE_MQTT_CA", "PEM file of the authority to trust instead; implies --tls.")
]
_ClientCertificate = Annotated[
    Path | None, _file("CONSIGNE_MQTT_CERTIFICATE", "PEM file that shows the broker who we are.")
]
_ClientKey = Annotated[Path | None, _file("CONSIGNE_MQTT_KEY", "PEM file of its key.")]
_Workers = Annotated[
    int,
    typer.Option(
        envvar="CONSIGNE_WORKERS",
        help="Processes that store events, for PostgreSQL.",
        parser=whole(1, 64),
        metavar="NUMBER",
    ),
]
_ONE_WRITER = (
    "SQLite lets one process write at a time, so more workers gain nothing: "
    "give --database a PostgreSQL, or leave --workers at 1"
)
_Notices = Annotated[Path | None, _file("CONSIGNE_NOTICES", "TOML file that says how customers are told.")]
_Log = Annotated[
    LogForm, typer.Option(envvar="CONSIGNE_LOG", help="Lines for people, or a JSON object a line.")
]
_Keep = Annotated[
    list[str] | None,
    typer.Option(
        envvar="CONSIGNE_KEEP",
        metavar="NAME=DAYS",
        help="How many days what is over is kept, for each kind; may be repeated. "
        "In the variable a space stands between two.",
    ),
]
_Watch = Annotated[
    list[str] | None,
    typer.Option(
        envvar="CONSIGNE_WATCH",
        metavar="NAME=NUMBER",
        help="From when on a locker is called silent, flapping or two boards; may be repeated.",
    ),
]
_Certificate = Annotated[
    Path | None,
    _file("CONSIGNE_CERTIFICATE", "PEM file: serve HTTPS; without it leave TLS to a proxy."),
]
_Key = Annotated[Path | None, _file("CONSIGNE_KEY", "PEM file of its key.")]


def _read(option: str, read: Callable[[_Given], _Made], given: _Given) -> _Made:
    """What an option says; what it must not say is refused in its name."""
    try:
        return read(given)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from None


def serve(
    database: DatabaseUrl = DEFAULT_DATABASE,
    broker: _Broker = f"127.0.0.1:{topics.PORT}",
    listen: _Listen = f"127.0.0.1:{PAGE_PORT}",
    user: _User = None,
    password: _Password = None,
    tls: _Tls = False,
    ca: _Ca = None,
    client_certificate: _ClientCertificate = None,
    client_key: _ClientKey = None,
    workers: _Workers = 1,
    notices: _Notices = None,
    keep: _Keep = None,
    watch: _Watch = None,
    certificate: _Certificate = None,
    key: _Key = None,
    log: _Log = LogForm.TEXT,
) -> None:
    """The host: takes the lockers' events, keeps the database, serves pages and HTTP API."""
    from . import logs, serving
    from .fleet import thresholds
    from .ingest.sharing import CannotShare
    from .service import HostService
    from .storage import ages
    from .storage.lease import LeadershipLost

    broker_host, broker_port = _address("--broker", broker)
    listen_host, listen_port = _address("--listen", listen)
    _check_credential("--user", user)
    _check_credential("--password", password)
    if ca is not None:
        _check_authority("--ca", ca)
    _check_pair("--certificate", certificate, "--key", key)
    _check_pair("--client-certificate", client_certificate, "--client-key", client_key)
    logs.configure(log)
    channels = _read("--notices", serving.channels_of, notices)
    kept = _read("--keep", ages.given, keep or ())
    watched = _read("--watch", thresholds.given, watch or ())
    if workers > 1 and database.startswith("sqlite"):
        _log.warning(_ONE_WRITER)
    with explained(database):
        host = HostService(
            database,
            broker_host,
            broker_port,
            username=user,
            password=password,
            tls=tls or ca is not None,
            ca=str(ca) if ca else None,
            certificate=str(client_certificate) if client_certificate else None,
            key=str(client_key) if client_key else None,
            workers=workers,
            channels=channels,
            is_opened=False,
            ages=kept,
            thresholds=watched,
        )
    try:
        serving.serve(serving.Listening(listen_host, listen_port, certificate, key), host)
    except (serving.CannotServe, CannotShare, serving.CannotListen) as error:
        _log.critical("%s", error)
        raise typer.Exit(2) from None
    except LeadershipLost as error:
        _log.error("%s", error)
        raise typer.Exit(os.EX_TEMPFAIL) from None
    except Exception as error:  # noqa: BLE001  logged as all else is, with its traceback
        _log.critical("the host ended by a fault of its own", exc_info=error)
        raise typer.Exit(1) from None


def broker_config(
    directory: Annotated[Path, typer.Argument(help="Where the configuration goes; may be there already.")],
    host: Annotated[str, typer.Option(help="DNS name or IP address under which lockers reach the broker.")],
    port: Annotated[
        int, typer.Option(help="TLS port of the broker.", parser=whole(1, 65_535), metavar="NUMBER")
    ] = TLS_PORT,
    locker: Annotated[
        list[str] | None, typer.Option(help="A locker to let in before the host knows it; may be repeated.")
    ] = None,
    renew: Annotated[
        list[str] | None,
        typer.Option(
            help="A locker that gets a new credential: who has the former one is shut out; may be repeated."
        ),
    ] = None,
    database: DatabaseUrl = DEFAULT_DATABASE,
    certificate: Annotated[
        Path | None, typer.Option(help="PEM file to use instead of one of an own authority.", exists=True)
    ] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of its key.", exists=True)] = None,
    client_certificates: Annotated[
        bool, typer.Option("--client-certificates", help="A certificate for each locker, no passwords.")
    ] = False,
    group: Annotated[
        str | None,
        typer.Option(
            help="The group mosquitto runs as; it may read what it needs, no more. Given by root: "
            "mosquitto's, where there is one."
        ),
    ] = None,
) -> None:
    """Configure mosquitto: TLS, a credential for each locker, each in its own branch alone."""
    from consigne.broker import config

    from .errors import CallerError
    from .fleet.fleet import Fleet

    _check_pair("--certificate", certificate, "--key", key)
    fleet = Fleet(opened(database))
    given = [clean(name) for name in locker or ()]
    try:
        for name in given:
            fleet.check_device(name)
    except CallerError as error:
        raise typer.BadParameter(f"--locker: {error}") from None
    names = {*fleet.names(), *given}
    group = group or config.brokers_group()
    pair = (certificate, key) if certificate and key else None
    try:
        count = config.write(
            directory,
            names,
            host=host,
            port=port,
            certificate=pair,
            client_certificates=client_certificates,
            group=group,
            renew=[clean(name) for name in renew or ()],
        )
    except (ValueError, LookupError) as error:
        raise typer.BadParameter(str(error)) from None
    except OSError as error:
        where = error.filename or directory
        raise typer.BadParameter(f"{where} cannot be written: {error.strerror}") from None
    echo(counted(count, "locker"))
    for line in config.what_next(directory.resolve(), group=group):
        echo(line)


def _check_pair(option: str, certificate: Path | None, key_option: str, key: Path | None) -> None:
    """Refuse one without the other, and two that TLS cannot be served or spoken with."""
    from . import pem

    both = f"{option} and {key_option}"
    if (certificate is None) != (key is None):
        raise typer.BadParameter(f"{both} belong together")
    if certificate is None or key is None:
        return
    try:
        pem.check_pair(both, certificate, key)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _check_authority(option: str, file: Path) -> None:
    from . import pem

    try:
        pem.check_certificates(option, file)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _address(option: str, text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    name = host.strip("[]")
    if not colon or not name or not _PORT.fullmatch(port) or not 0 < int(port) < 65_536:
        raise typer.BadParameter(f"{option} {shortened(text, _SHOWN_MAX)!r} is not host:port")
    try:
        name.encode("idna")  # as whoever looks it up does
    except UnicodeError:
        what = f"{option}: {shortened(name, _SHOWN_MAX)!r}"
        told = f"{what} is no host's name: a part of it is empty or longer than 63 characters"
        raise typer.BadParameter(told) from None
    return name, int(port)


def _check_credential(option: str, text: str | None) -> None:
    """MQTT carries it as UTF-8 with a length of two bytes."""
    try:
        is_short = len((text or "").encode()) <= _CREDENTIAL_BYTES_MAX
    except UnicodeEncodeError:
        is_short = False
    if not is_short:
        raise typer.BadParameter(f"{option} is not a text in UTF-8 of at most {_CREDENTIAL_BYTES_MAX} bytes")
