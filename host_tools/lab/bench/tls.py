"""A locker that does not know the time, from power to online by TLS, with certificates of every age.

The real firmware on MicroPython, a real broker, a real host: handshakes are counted on the wire.  The true
time is the computer's; a locker without a clock chip knows only its journal's newest time, and on the first
day not even that.
"""

import asyncio
import datetime
import ipaddress
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from consigne.broker.broker import Mosquitto, free_port
from consigne.server.service import HostService
from consigne.server.storage.documents import Door
from consigne.sim import reference
from consigne.sim.grounds.process import MicroPythonGround
from consigne.sim.locker import SimLocker
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

GOALS = {"tls.attempts_without_time_max": "<= 4", "tls.online_without_time_s": "<= 20"}

ADDRESS = "127.0.0.1"
PATIENCE_S = 60.0
LOOK_S = 0.05
NEAR_S = 5.0  # within this the chip's clock is right
AUTHORITY = (-400.0, 4000.0)
"""When the authority's certificate is valid, in days from now."""

CASES = {
    "began yesterday": (-1.0, 89.0),
    "ends tomorrow": (-89.0, 1.0),
    "began before any locker": (-2000.0, 2000.0),
    "ends in an hour": (-1.1, 1 / 24),
}
"""The same for the broker's, for boards that have never known the time."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The result: seconds from power-on until online by the true date, and the number of tries."""

    seconds: float
    handshakes: int


def run() -> dict[str, float]:
    """The worst of all cases; takes a minute."""
    with tempfile.TemporaryDirectory() as folder:
        seen = [asyncio.run(first_day(Path(folder, str(n)), dates)) for n, dates in enumerate(CASES.values())]
    return {
        "tls.attempts_without_time_max": float(max(one.handshakes for one in seen)),
        "tls.online_without_time_s": round(max(one.seconds for one in seen), 1),
    }


async def first_day(folder: Path, dates: tuple[float, float], patience_s: float = PATIENCE_S) -> Seen:
    """A new board without a clock chip.  Raises ``TimeoutError`` when it does not come online."""
    folder.mkdir()
    certify(folder, AUTHORITY, dates)
    plain = free_port()
    settings = (
        f"user root\nallow_anonymous true\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key\n"
        f"listener {plain} {ADDRESS}\nallow_anonymous true"
    )
    broker = Mosquitto(settings=settings)
    await broker.start()
    host = HostService(f"sqlite:///{folder}/host.db", ADDRESS, plain)
    try:
        await host.start()
        await host.ready()
        with powered(folder, broker.port, host) as locker:
            return await _online(locker, host, patience_s)
    finally:
        await host.stop()
        await broker.stop()


@contextmanager
def powered(folder: Path, port: int, host: HostService) -> Iterator[SimLocker]:
    """The demo's cabinet, which has no clock chip, known to ``host``."""
    config, identity = reference.config(port), reference.identity()
    config["network"]["tls"] = True
    doors = [Door(door["name"], door["size"]) for door in config["doors"]]
    host.fleet.register(identity["locker"], bytes.fromhex(identity["device_key"]), doors=doors)
    device = folder / "device"
    device.mkdir()
    (device / "ca.der").write_bytes((folder / "ca.der").read_bytes())
    locker = SimLocker(config, identity, device)
    try:
        locker.start()
        yield locker
        if locker.failures:
            raise RuntimeError(f"the simulation failed: {locker.failures}")
    finally:
        locker.stop()


async def _online(locker: SimLocker, host: HostService, patience_s: float) -> Seen:
    """Wait until it is connected, and its calendar has the true date."""
    began_us = locker.clock.now_us()
    async with asyncio.timeout(patience_s):
        while not (is_right(locker) and host.fleet.locker(locker.name).connected):
            await asyncio.sleep(LOOK_S)
    assert locker.netcut is not None
    return Seen((locker.clock.now_us() - began_us) / 1e6, locker.netcut.accepted)


def is_right(locker: SimLocker) -> bool:
    """Whether the chip's calendar, by which TLS judges, is right."""
    now_s = datetime.datetime.now(datetime.UTC).timestamp()
    assert isinstance(locker.ground, MicroPythonGround)
    return abs(locker.ground.chip_clock.unix_s() - now_s) < NEAR_S


def certify(folder: Path, authority: tuple[float, float], dates: tuple[float, float]) -> None:
    """Write ``ca.der``, ``server.pem`` and ``server.key``, with validity from and to in days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _builder("authority", "authority", authority, ca_key)
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    server = _builder("broker", "authority", dates, key).add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ADDRESS))]), critical=False
    )
    form = serialization.Encoding
    (folder / "ca.der").write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(form.DER))
    (folder / "server.pem").write_bytes(server.sign(ca_key, hashes.SHA256()).public_bytes(form.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(form.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _builder(
    subject: str, issuer: str, days: tuple[float, float], key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    first, last = (now + datetime.timedelta(days=day) for day in days)
    made = x509.CertificateBuilder().serial_number(x509.random_serial_number()).public_key(key.public_key())
    made = made.subject_name(_name(subject)).issuer_name(_name(issuer))
    return made.not_valid_before(first).not_valid_after(last)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
