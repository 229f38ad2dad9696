"""The PEM files that a command is given, looked at before anything starts with them."""

import ssl
from pathlib import Path

from consigne.commandline import infile

BYTES_MAX = 4 << 20
"""More than a system's file of all authorities."""


def check_pair(options: str, certificate: Path, key: Path) -> None:
    """Whether a certificate and its key are PEM and belong together.

    Parameters
    ----------
    options
        How they were given, to begin the sentence with: ``--certificate and --key``.

    Raises
    ------
    ValueError
        They are none, differ, or the key is locked with a passphrase; the text names the options.
    """
    check_certificates(options, certificate)
    _check_file(options, key)
    try:
        # An empty passphrase: without one OpenSSL asks for it at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            text = f"{key} is not the key of {certificate}: take the two that were made together"
        else:
            text = f"{key} is not a private key in PEM without a passphrase"
        raise ValueError(f"{options}: {text}") from None


def check_certificates(option: str, file: Path) -> None:
    """Whether a file holds certificates in PEM.  Raises ``ValueError``, whose text names the option."""
    _check_file(option, file)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except ssl.SSLError:
        raise ValueError(f"{option}: {file} is not a certificate in PEM") from None


def _check_file(option: str, file: Path) -> None:
    """OpenSSL opens by name what it is given, and would wait at a pipe for ever."""
    try:
        infile.read_bytes(file, BYTES_MAX)
    except infile.InFileError as error:
        raise ValueError(f"{option}: {error}") from None
