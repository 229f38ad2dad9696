"""Consigne's firmware for one locker: the stages of a start, each in the heap that the one before left.

The order matters for people: first every relay line is held off, then the journal gives the true state, and
only then keys and scans are taken.  It matters for the heap too: the parsed configuration and its checks are
the largest temporary objects, so they come while the heap is nearly empty, and are gone before the lasting
modules are imported.  Between the two the radio takes its memory.
"""

import asyncio
import gc
import sys

from locker import forget

# Modules that only the first stage needs.
_SETTING_UP = (
    "config", "configpanel", "configlines", "configboards", "confignetwork", "configsenses",
    "site", "parts", "panel", "drivers.banks",
)  # fmt: skip

_HOSTNAME_TAIL = 23  # with the prefix 32 characters, the most that ``network.hostname`` takes


def read():
    """The arguments of ``Locker`` from this board's files; exits with a sentence if they are wrong."""
    from locker import config

    try:
        identity = config.identity(config.load("identity.json"))
        raw = config.checked(config.load("config.json"))
    except config.ConfigError as error:
        text = "cannot start: {}".format(error)
        print(text)
        sys.exit(text)  # for start.py, which shows it to a technician
    forget(*_SETTING_UP[:6])  # the drivers come next: make room
    gc.collect()
    from locker.parts import Parts
    from locker.site import Site

    return Site(raw), Parts(raw), (raw["rest_ms"], raw["watchdog_ms"]), raw["network"], identity


def claim(network, identity, report):
    """Make the link before Python's heap grows, so that the radio gets internal memory in one piece.

    On a chip without PSRAM the heap grows by whole areas, up to the largest block that is left
    (``py/gc.c``, gc_try_add_heap); if the radio then lacks memory, the chip aborts.
    """
    hostname = "consigne-" + identity.locker[-_HOSTNAME_TAIL:]
    if network["kind"] == "ethernet":
        from locker.net.link_lan import LanLink

        return LanLink(network, hostname, report)
    from locker.net.link import WifiLink

    return WifiLink(network["ssid"], identity.wifi_password, hostname, report)


def main():
    """Serve, for as long as the board does."""
    site, parts, options, network, identity = read()
    forget(*_SETTING_UP)
    gc.collect()  # after each import, so that long-lived objects lie together
    online = None
    if network:
        told = []
        link = claim(network, identity, told.append)
        from locker.online import Online

        online = Online(network, identity, len(site.names), link, told)
        gc.collect()
    from locker.serving import Locker

    gc.collect()
    locker = Locker(site, parts, options, identity.device_key, online)
    slotfs = sys.modules.get("slotfs")
    if slotfs:
        slotfs.release()  # all is imported, so the image that boot.py kept in the heap is not needed any more
    gc.collect()
    try:
        asyncio.run(locker.run())
    finally:
        locker.rest()


main()
