"""The Ethernet link: a LAN8720 or its like beside the chip (``ports.Link``)."""

import asyncio

import network
from machine import Pin
from micropython import const

from .backoff import Backoff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .. import ports

_POLL_S = 0.25
# Negotiation and DHCP take some seconds; ESP-IDF repeats DHCP by itself.  What it does not mend is a
# negotiation that broke off: then the interface is stopped and started, at first after half a minute.
_RETRY_FIRST_S = const(30)
_RETRY_MOST_S = const(600)
# A PHY that does not answer is looked for seldom: the look stops the chip for 100 ms and more.
_ABSENT_FIRST_S = const(300)
_ABSENT_MOST_S = const(3600)

_INTERFACE = "LAN"  # by its name: the type checker's stub of it is empty


class LanLink:
    """The wired network; ``hostname`` is what DHCP servers list it as."""

    def __init__(self, wiring, hostname: str, report):
        """``wiring``: the configuration's ``network``.

        ``report(text)`` hears once of a PHY that is absent, and once when it is there after all.  The
        PHY is powered and looked for at once, at start, when nobody waits yet.
        """
        network.hostname(hostname)
        self._wiring = wiring
        self._report = report
        self._told = False
        self._lan: ports.Interface | None = None
        self._open()

    def _open(self) -> None:
        wiring = self._wiring
        try:
            self._lan = getattr(network, _INTERFACE)(
                mdc=Pin(wiring["mdc"]),
                mdio=Pin(wiring["mdio"]),
                power=Pin(wiring["power"]) if wiring["power"] >= 0 else None,
                phy_type=getattr(network, "PHY_" + wiring["phy"].upper()),
                phy_addr=wiring["phy_addr"],
                ref_clk=Pin(wiring["ref_clk"]),
                ref_clk_mode=Pin.OUT if wiring["ref_clk_out"] else Pin.IN,
            )
        except OSError:
            if not self._told:
                self._told = True
                self._report("ethernet: no answer from the " + wiring["phy"])

    def is_up(self) -> bool:
        return self._lan is not None and self._lan.isconnected()

    def name_server(self) -> str:
        """The address of the name server that DHCP gave; "" while there is none."""
        return self._lan.ifconfig()[3] if self._lan is not None and self._lan.isconnected() else ""

    def rssi(self) -> int:
        """0: a wire has no strength."""
        return 0

    async def run(self) -> None:
        """Keep it up; never returns."""
        absent = Backoff(_ABSENT_FIRST_S, _ABSENT_MOST_S)
        while self._lan is None:
            await asyncio.sleep(absent.next_s())
            self._open()
        if self._told:
            self._report("ethernet answers")
        backoff = Backoff(_RETRY_FIRST_S, _RETRY_MOST_S)
        while True:
            if await self._came_up(backoff.next_s()):
                backoff.reset()
                while self._lan.isconnected():
                    await asyncio.sleep(_POLL_S)
            else:
                self._lan.active(False)

    async def _came_up(self, patience_s: float) -> bool:
        """Whether it has a link and an address; the interface listens for the cable all the while."""
        try:
            self._lan.active(True)  # does nothing while it is
        except OSError:
            pass  # tried again when the patience has run out
        while not self._lan.isconnected():
            if patience_s <= 0:
                return False
            await asyncio.sleep(_POLL_S)
            patience_s -= _POLL_S
        return True
