"""A private certificate authority and a broker's certificate, for ``consigne broker-config``.

Elliptic curve P-256, which an ESP32 verifies in a fraction of the time of RSA.  The certificate names the
broker as a DNS name or an IP address, since lockers check the name they connect to.
"""

import datetime
import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_YEARS, SERVER_YEARS, CLIENT_YEARS = 30, 5, 20  # a locker's can only be changed on site
_SLACK = datetime.timedelta(hours=1)  # a locker's clock may be behind the signer's


def write_secret(path: Path, content: bytes) -> None:
    """Write a file readable by its owner alone, from its first byte on."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    path.chmod(0o600)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(subject: x509.Name, issuer: x509.Name, years: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - _SLACK)
    return made.not_valid_after(now + datetime.timedelta(days=365 * years))


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, form, serialization.NoEncryption())


def make(directory: Path, host: str) -> None:
    """Write ``ca.crt``, ``ca.key``, ``server.crt`` and ``server.key`` for a broker reached as ``host``.

    An existing authority is kept and signs the new certificate, since lockers trust it.
    """
    ca_key, ca = _authority(directory)
    key = ec.generate_private_key(ec.SECP256R1())
    try:
        san: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        san = x509.DNSName(host)
    builder = _builder(_name(host[:64]), ca.subject, SERVER_YEARS).public_key(key.public_key())
    certificate = (
        builder.add_extension(x509.SubjectAlternativeName([san]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    write_secret(directory / "server.key", _private(key))
    (directory / "server.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def make_client(directory: Path, name: str) -> None:
    """Write ``clients/<name>.crt`` and ``.key``, signed by the authority in ``directory``; kept if there.

    The name is the certificate's common name, which mosquitto takes as the user name.
    """
    at = directory / "clients"
    at.mkdir(mode=0o700, exist_ok=True)
    if (at / f"{name}.crt").exists() and (at / f"{name}.key").exists():
        return
    ca_key, ca = _authority(directory)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name(name), ca.subject, CLIENT_YEARS)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    write_secret(at / f"{name}.key", _private(key))
    (at / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def discard_clients(directory: Path, names: Iterable[str]) -> None:
    """Have the certificates of clients revoked by ``revoke_others``: under names that nobody has."""
    at = directory / "clients"
    for name in names:
        shown = at / f"{name}.crt"
        if shown.exists():
            serial = x509.load_pem_x509_certificate(shown.read_bytes()).serial_number
            shown.rename(at / f"{name}+{serial:x}.crt")
        (at / f"{name}.key").unlink(missing_ok=True)


def revoke_others(directory: Path, names: Iterable[str]) -> None:
    """Write ``clients.crl``: it revokes the certificates in ``clients`` of all other names."""
    ca_key, ca = _authority(directory)
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateRevocationListBuilder().issuer_name(ca.subject)
    builder = builder.last_update(now - _SLACK).next_update(now + datetime.timedelta(days=365 * CA_YEARS))
    keep = set(names)
    for path in sorted((directory / "clients").glob("*.crt")):
        if path.stem not in keep:
            serial = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - _SLACK)
            builder = builder.add_revoked_certificate(revoked.build())
    made = builder.sign(ca_key, hashes.SHA256())
    (directory / "clients.crl").write_bytes(made.public_bytes(serialization.Encoding.PEM))


def _authority(directory: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key_path, path = directory / "ca.key", directory / "ca.crt"
    if key_path.exists() and path.exists():
        known = serialization.load_pem_private_key(key_path.read_bytes(), None)
        if not isinstance(known, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{key_path} is not a key that this command made")
        return known, x509.load_pem_x509_certificate(path.read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Consigne authority")
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)  # signs only
    certificate = (
        _builder(name, name, CA_YEARS)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_secret(key_path, _private(key))
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key, certificate
