"""Whom a simulated board asks for the address of its broker: the name server of the computer it runs on."""

import ipaddress
from pathlib import Path


def computers_name_server(settings: Path = Path("/etc/resolv.conf")) -> str:
    """The first with an IPv4 address, since the firmware asks none else; without one the computer itself.

    A router hands on its own in the same way.  A name that only ``/etc/hosts`` knows no board will find.
    """
    lines = settings.read_text(encoding="utf-8", errors="replace").splitlines() if settings.exists() else []
    for line in lines:
        name, *values = line.split() or [""]
        if name == "nameserver" and values:
            try:
                return str(ipaddress.IPv4Address(values[0]))
            except ipaddress.AddressValueError:  # IPv6
                continue
    return "127.0.0.1"
