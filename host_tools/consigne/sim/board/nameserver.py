"""The name server that a simulated board asks for its broker's address: that of the computer it runs on."""

import ipaddress
from pathlib import Path


def computers_name_server(settings: Path = Path("/etc/resolv.conf")) -> str:
    """The first with an IPv4 address, since the firmware supports no other; without one the computer itself.

    A router passes on its own name server in the same way.  A name that is only in ``/etc/hosts`` is not
    found.
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
