"""A locker's credentials for its broker and the authority it trusts, read from files and checked before use.

The files are those of ``consigne broker-config``, or of an authority of the site's own.  MicroPython's
mbedTLS is built without PEM, so everything leaves here in DER.
"""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from consigne.commandline import infile

from .content import BYTES_MAX, content
from .errors import DeviceError

_PEM = b"-----BEGIN"


@dataclass(frozen=True, repr=False)
class Pair:
    """A client certificate and its private key, both in DER."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, repr=False)
class BrokerFiles:
    """Credentials for the broker; an empty or None field leaves the board's own as it is."""

    password: str = ""
    ca: bytes | None = None
    client: Pair | None = None


def of_directory(directory: Path, locker: str) -> BrokerFiles:
    """A locker's share of the directory that ``consigne broker-config`` wrote."""
    ca, passwords, own = directory / "ca.crt", directory / "credentials.json", directory / "clients" / locker
    pair = own.with_name(f"{locker}.crt"), own.with_name(f"{locker}.key")
    has_pair = all(file.exists() for file in pair)
    has_password = passwords.exists() and locker in _passwords(passwords)
    if not ca.exists() and not has_pair and not has_password:
        raise DeviceError(
            f"{directory} is not a directory of `consigne broker-config`: it has no ca.crt; give the one "
            "that it wrote for this broker"
        )
    if not has_pair and not has_password:
        raise DeviceError(
            f"{directory} has nothing for {locker} yet: give this command with --ca {ca} in the place of "
            "--broker, which makes the host know the locker, then run `consigne broker-config` on that "
            "directory, then give this command again"
        )
    return BrokerFiles(
        password(passwords, locker) if has_password else "",
        authority(ca) if ca.exists() else None,
        client(*pair, locker) if has_pair else None,
    )


def gathered(
    locker: str,
    directory: Path | None = None,
    credentials: Path | None = None,
    ca: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
) -> BrokerFiles:
    """Files of the directory, if one is given; a file given by itself takes precedence."""
    if (certificate is None) != (key is None):
        raise DeviceError("--client-certificate and --client-key belong together: give both or neither")
    found = of_directory(directory, locker) if directory else BrokerFiles()
    return BrokerFiles(
        password(credentials, locker) if credentials else found.password,
        authority(ca) if ca else found.ca,
        client(certificate, key, locker) if certificate and key else found.client,
    )


def password(file: Path, locker: str) -> str:
    """The locker's password in the ``credentials.json`` that ``consigne broker-config`` wrote."""
    try:
        return str(_passwords(file)[locker])
    except KeyError:
        raise DeviceError(
            f"{file} has no password for {locker}: register it, run `consigne broker-config` again"
        ) from None


def _passwords(file: Path) -> dict[str, str]:
    try:
        return dict(json.loads(infile.read(file, BYTES_MAX)))
    except (OSError, ValueError, TypeError, RecursionError):
        raise DeviceError(f"{file} is not the credentials.json of `consigne broker-config`") from None


def authority(file: Path) -> bytes:
    """The certificate of the authority that signs the broker's, from a PEM or DER file."""
    return _certificate(file).public_bytes(Encoding.DER)


def client(certificate: Path, key: Path, locker: str, now_s: float | None = None) -> Pair:
    """A certificate in the locker's name and its key; ``DeviceError`` if its broker would refuse it."""
    found = _certificate(certificate)
    now = datetime.fromtimestamp(time.time() if now_s is None else now_s, UTC)
    names = [str(name.value) for name in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [locker]:
        raise DeviceError(
            f"{certificate} is in the name of {', '.join(names) or 'nobody'}, not of {locker}: take this "
            "locker's, or have its authority issue one with this common name"
        )
    for wrong, what, at in (
        (now < found.not_valid_before_utc, "is valid only from", found.not_valid_before_utc),
        (now > found.not_valid_after_utc, "expired on", found.not_valid_after_utc),
    ):
        if wrong:
            raise DeviceError(
                f"{certificate} {what} {at:%Y-%m-%d}, and by this laptop's clock it is {now:%Y-%m-%d}: "
                "set the clock right, or get a new certificate"
            )
    private = _private_key(key)
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*form) != found.public_key().public_bytes(*form):
        raise DeviceError(f"{key} is not the key of {certificate}: take the two that were made together")
    return Pair(
        found.public_bytes(Encoding.DER),
        private.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
    )


def _certificate(file: Path) -> x509.Certificate:
    data = content(file)
    try:
        if _PEM in data:
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(data)
    except ValueError:
        raise DeviceError(f"{file} is not a certificate") from None


def _private_key(file: Path) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    data = content(file)
    try:
        key = load_pem_private_key(data, None) if _PEM in data else load_der_private_key(data, None)
        if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
            raise DeviceError(f"{file} is of a kind that mbedTLS on the board does not know: take EC P-256")
        return key
    except TypeError:
        raise DeviceError(f"{file} is locked with a passphrase: give the key without one") from None
    except ValueError:
        raise DeviceError(f"{file} is not a private key") from None
