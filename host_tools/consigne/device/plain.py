"""``consigne device files``: what a locker's board needs besides the firmware, as files in a folder.

For whoever works with ``mpremote`` and ``esptool`` alone (``MPREMOTE.md``): the folder holds what
``provision`` writes onto a board, and a partition table with a place for the journal.  The key is drawn here
and lies in the folder, readable by its owner alone, before the host hears of it; given again, the command
goes on with the key that is there.  For a board that takes the place of another the host gives the key.
"""

import json
import os
from pathlib import Path

from consigne.cabinet.deviceconfig import Identity
from consigne.firmware import layout

from .errors import DeviceError
from .hostapi import Host, RefusedError
from .provision import Wanted, check_wanted, identity_of, read_identity, registration

IDENTITY, TABLE = "identity.json", "partitions.bin"


def write(folder: Path, host: Host, wanted: Wanted) -> tuple[list[str], bool]:
    """Write the files and register the locker; returns the files to copy, and whether the locker is new.

    Raises ``DeviceError`` when the folder is another locker's, and for what ``provision`` refuses.
    """
    check_wanted(wanted)
    host.check_clock()
    host.check_token()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = _held(folder, wanted.locker)
    key = host.key_of(wanted.locker) if wanted.replace and held is None else ""
    identity = identity_of(wanted, held, key)
    _write(folder / IDENTITY, json.dumps(identity).encode())
    try:
        new = host.register(registration(wanted, identity["device_key"]))
    except RefusedError:
        if held is None:  # a new key that the host does not know
            (folder / IDENTITY).unlink()
        raise
    broker = wanted.broker
    files: dict[str, bytes | None] = {
        "config.json": wanted.config_text,
        "ca.der": broker.ca,
        "client.der": broker.client.certificate if broker.client else None,
        "client_key.der": broker.client.key if broker.client else None,
    }
    for name, data in files.items():
        if data is not None:
            _write(folder / name, data)
    _write(folder / TABLE, layout.binary(layout.PLAIN))
    return [IDENTITY, *(name for name, data in files.items() if data is not None)], new


def _held(folder: Path, locker: str) -> Identity | None:
    """The identity in the folder."""
    path = folder / IDENTITY
    if not path.exists():
        return None
    held = read_identity(path.read_bytes())
    if held is None:
        raise DeviceError(f"{path} is not readable; if its locker never served, remove it and try again")
    if held["locker"] != locker:
        raise DeviceError(f"{folder} holds the files of {held['locker']}: take a folder for each locker")
    return held


def _write(path: Path, data: bytes) -> None:
    """Write a file atomically, readable by its owner alone from the first byte."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    new.replace(path)
