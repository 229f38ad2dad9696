"""mosquitto for production: TLS, one credential for each locker, and each in its own branch alone.

``write`` makes a directory that mosquitto runs from.  The password proves a client's name.  The access list
lets a locker write its own sending topics and read the topics addressed to it, and nothing of any other.
Passwords are made here and stored in ``credentials.json``, to be put into the lockers' ``identity.json``;
mosquitto gets only their hashes.  With client certificates there are no passwords: ``clients`` has a key and
a certificate for each locker.  ``host.env`` has the host's own settings.
"""

import base64
import grp
import hashlib
import ipaddress
import json
import os
import re
import secrets
import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path

from locker.confignetwork import TLS_PORT

from consigne.protocol import frames, topics

from . import certificates

HOST_USER = "consigne-host"
PBKDF2_ROUNDS = 101  # as in mosquitto_passwd 2.0; the passwords are 192 random bits, not chosen by people
HOST_SETTINGS = "host.env"
_READ_BY_BROKER = ("mosquitto.conf", "server.crt", "server.key", "ca.crt", "clients.crl", "passwords", "acl")
PACKET_EXTRA_BYTES = 128  # header and topic added to a frame
GROUP = "mosquitto"
"""The group under which the distributions' packages run mosquitto."""
_NAME_CHARACTERS_MAX = 253
_LABEL = re.compile(
    r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
)  # RFC 1123, and forms that some name servers allow
_LOCKER = re.compile(topics.LOCKER_PATTERN)
_TO_LOCKER = (topics.ACK, topics.COMMANDS)


def password_line(user: str, password: str) -> str:
    """A line of ``mosquitto_passwd``'s file: PBKDF2-HMAC-SHA512, ``user:$7$rounds$salt$hash``."""
    salt = os.urandom(12)
    hashed = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, PBKDF2_ROUNDS)
    return f"{user}:$7${PBKDF2_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(hashed).decode()}"


def access_list() -> str:
    """The ``acl_file``.  ``%u`` is the user name, which for a locker is its own name."""
    lines = ["# The host hears every locker and speaks to every locker.", f"user {HOST_USER}"]
    lines += [f"topic read {topics.ROOT}/+/{name}" for name in topics.FROM_LOCKER]
    lines += [f"topic write {topics.ROOT}/+/{name}" for name in _TO_LOCKER]
    lines += ["", "# A locker: its own branch, and in it only its half."]
    lines += [f"pattern write {topics.ROOT}/%u/{name}" for name in topics.FROM_LOCKER]
    lines += [f"pattern read {topics.ROOT}/%u/{name}" for name in _TO_LOCKER]
    return "\n".join(lines) + "\n"


def configuration(
    directory: Path,
    port: int,
    certificate: tuple[Path, Path] | None = None,
    *,
    client_certificates: bool = False,
) -> str:
    """The ``mosquitto.conf`` of a broker that runs from ``directory``."""
    crt, key = certificate or (directory / "server.crt", directory / "server.key")
    who = f"password_file {directory / 'passwords'}"
    if client_certificates:
        who = f"""cafile {directory / "ca.crt"}
crlfile {directory / "clients.crl"}
require_certificate true
use_identity_as_username true"""
    return f"""\
# Written by `consigne broker-config`; run `mosquitto -c {directory / "mosquitto.conf"}`.
per_listener_settings false
listener {port}
certfile {crt}
keyfile {key}
tls_version tlsv1.2
allow_anonymous false
{who}
acl_file {directory / "acl"}

# Nothing relies on the broker's memory: what the host did not acknowledge comes again.
persistence false
# The longest frame and its topic; whoever sends more is none of ours and is thrown out.
max_packet_size {frames.FRAME_BYTES_MAX + PACKET_EXTRA_BYTES}
max_inflight_messages 200
max_queued_messages 20000
"""


def host_settings(directory: Path, host: str, port: int, password: str | None) -> str:
    """The settings of ``consigne serve`` for this broker, as variables for a shell or a systemd unit.

    With ``password`` None the host shows its client certificate.
    """
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    ca, own = directory / "ca.crt", directory / "clients" / HOST_USER
    values = {"CONSIGNE_BROKER": address}
    values |= {"CONSIGNE_MQTT_CA": str(ca)} if ca.exists() else {"CONSIGNE_MQTT_TLS": "1"}
    if password is None:
        values |= {"CONSIGNE_MQTT_CERTIFICATE": f"{own}.crt", "CONSIGNE_MQTT_KEY": f"{own}.key"}
    else:
        values |= {"CONSIGNE_MQTT_USER": HOST_USER, "CONSIGNE_MQTT_PASSWORD": password}
    lines = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    return "\n".join(["# Written by `consigne broker-config`.", *lines]) + "\n"


def is_host(text: str) -> bool:
    """Whether a text is a host's name or address that a certificate and a locker can use."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        labels = text.split(".")
        is_name = all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit()
        return is_name and len(text) <= _NAME_CHARACTERS_MAX
    return True


def brokers_group() -> str | None:
    """mosquitto's group if root runs this: a mosquitto started by root reads its files as its own user."""
    if os.geteuid() != 0:
        return None
    try:
        return grp.getgrnam(GROUP).gr_name
    except KeyError:
        return None


def closed_to_others(directory: Path) -> Path | None:
    """A folder above ``directory`` that only its owner may enter; None when there is none."""
    return next((above for above in directory.parents if not above.stat().st_mode & 0o001), None)


def what_next(directory: Path, group: str | None = None) -> list[str]:
    """Lines: how to start broker and host with a directory just written."""
    reads = "" if group else f"; started by root it becomes the user {GROUP}: add --group {GROUP}"
    closed = closed_to_others(directory)
    if closed is not None:
        reads += (
            f"; as the user {GROUP} it cannot reach a folder in {closed}: choose another, as /etc/consigne"
        )
    return [
        f"broker: mosquitto -c {directory / 'mosquitto.conf'}",
        f"        (running already: kill -HUP{reads})",
        f"host:   set -a; . {directory / HOST_SETTINGS}; set +a; consigne serve",
        f"        (as a unit of systemd: EnvironmentFile={directory / HOST_SETTINGS})",
    ]


def write(
    directory: Path,
    lockers: Iterable[str],
    *,
    host: str,
    port: int = TLS_PORT,
    certificate: tuple[Path, Path] | None = None,
    client_certificates: bool = False,
    group: str | None = None,
    renew: Iterable[str] = (),
) -> int:
    """Write or bring up to date a broker's directory; returns how many lockers it knows.

    Existing credentials stay, new lockers get theirs, and a locker that is no longer named loses its access.

    Parameters
    ----------
    lockers
        Names of all lockers.
    host
        DNS name or IP address under which lockers reach the broker.
    certificate
        A certificate and its key to use; made by an authority of our own when None.
    client_certificates
        Lockers and the host prove who they are by a certificate of our authority, in ``clients``, instead
        of a password; a client without one is refused before MQTT.
    group
        The group that mosquitto runs as. It may read what it serves with; the authority's key, the passwords
        themselves and what others show stay their owner's. All files are their owner's alone when None.

    renew
        Lockers that get a new credential: what had the former one connects no more.

    Raises
    ------
    ValueError
        A name is not one of a locker, or is the host's user; one to renew is not among ``lockers``;
        ``host`` is no name or address.
    LookupError
        There is no such group.
    PermissionError
        A file cannot be written, or whoever runs this is not in that group.
    """
    if not is_host(host):
        raise ValueError(f"--host {host!r} is neither a DNS name such as lockers.example nor an IP address")
    names = sorted(set(lockers))
    for name in names:
        if not _LOCKER.fullmatch(name) or name == HOST_USER:
            raise ValueError(f"{name!r} is not the name of a locker")
    anew = sorted(set(renew))
    strange = [name for name in anew if name not in names]
    if strange:
        raise ValueError(f"--renew: {strange[0]!r} has no credential to renew: it is no locker in service")
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if certificate is None:
        certificates.make(directory, host)
    else:
        certificate = (certificate[0].resolve(), certificate[1].resolve())
    users = [HOST_USER, *names]
    password = None
    if client_certificates:
        certificates.discard_clients(directory, anew)
        for user in users:
            certificates.make_client(directory, user)
        certificates.revoke_others(directory, users)
    else:
        passwords = _credentials(directory / "credentials.json", users, anew)
        password = passwords[HOST_USER]
        lines = [password_line(user, known) for user, known in passwords.items()]
        certificates.write_secret(directory / "passwords", ("\n".join(lines) + "\n").encode())
    certificates.write_secret(directory / "acl", access_list().encode())
    text = configuration(directory, port, certificate, client_certificates=client_certificates)
    (directory / "mosquitto.conf").write_text(text)
    settings = host_settings(directory, host, port, password)
    certificates.write_secret(directory / HOST_SETTINGS, settings.encode())
    if group is not None:
        _let_read(directory, group)
    return len(names)


def _let_read(directory: Path, group: str) -> None:
    """Let a group read the files that mosquitto reads, and no other secret file."""
    shutil.chown(directory, group=group)
    directory.chmod(0o750)
    for name in _READ_BY_BROKER:
        file = directory / name
        if file.exists():
            shutil.chown(file, group=group)
            file.chmod(0o640)


def _credentials(path: Path, users: list[str], anew: list[str]) -> dict[str, str]:
    try:
        known = dict(json.loads(path.read_bytes())) if path.exists() else {}
    except (ValueError, TypeError, RecursionError):
        raise ValueError(
            f"{path} is damaged: put back a copy, or remove it and give every locker a new password"
        ) from None
    for name in anew:
        known.pop(name, None)
    passwords = {user: known.get(user) or secrets.token_urlsafe(24) for user in users}
    certificates.write_secret(path, (json.dumps(passwords, indent=1) + "\n").encode())
    return passwords
