"""The Ethernet link (``ports.Link``): a PHY such as the LAN8720 beside an ESP32, or a W5500 on SPI.

The interface is made once in the life of the chip.  The port makes its netif before it looks for the Ethernet
chip, and ESP-IDF refuses a second one (``ports/esp32/network_lan.c``, ``get_lan``): if it is made again after
a failure, ESP-IDF panics as soon as that chip answers.  So a failure is reported and lasts until the board is
restarted; the locker serves offline.  After a soft reset the port returns the existing interface, whatever
the arguments; a W5500 has lost its interrupt then (``machine_pins_deinit``), and a packet is noticed within a
second.
"""

import asyncio

import network
from machine import SPI, Pin
from micropython import const

from .backoff import Backoff
from .link import FOR_EVER_S, POLL_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .. import ports

# Negotiation and DHCP take some seconds; ESP-IDF repeats DHCP by itself.  But it does not repair a failed
# negotiation: then the interface is stopped and started, for the first time after half a minute.
_RETRY_FIRST_S = const(30)
_RETRY_MOST_S = const(600)

_INTERFACE = "LAN"  # by its name: the type checker's stub of it is empty


def _pin(number: int):
    return Pin(number) if number >= 0 else None


def _rmii(wiring):
    """The arguments of ``network.LAN`` for a PHY."""
    return {
        "mdc": Pin(wiring["mdc"]),
        "mdio": Pin(wiring["mdio"]),
        "power": _pin(wiring["power"]),
        "phy_addr": wiring["phy_addr"],
        "ref_clk": Pin(wiring["ref_clk"]),
        "ref_clk_mode": Pin.OUT if wiring["ref_clk_out"] else Pin.IN,
    }


def _spi(wiring):
    """The same for a W5500.  It has no address, but the port wants one; the clock is the port's, 20 MHz."""
    return {
        "spi": SPI(wiring["spi"], sck=Pin(wiring["sck"]), mosi=Pin(wiring["mosi"]), miso=Pin(wiring["miso"])),
        "cs": Pin(wiring["cs"]),
        "int": Pin(wiring["int"]),
        "reset": _pin(wiring["reset"]),
        "phy_addr": 0,
    }


class LanLink:
    """The wired network; ``hostname`` is what DHCP servers list it as."""

    def __init__(self, wiring, hostname: str, report):
        """``wiring``: the configuration's ``network``.

        ``report(text)`` is called with the reason when there will be no Ethernet.  The chip is powered and
        probed here, at start, when nobody waits yet.
        """
        network.hostname(hostname)
        self._lan: ports.Interface | None = None
        phy = wiring["phy"]
        try:
            wires = _spi(wiring) if "spi" in wiring else _rmii(wiring)
            self._lan = getattr(network, _INTERFACE)(phy_type=getattr(network, "PHY_" + phy.upper()), **wires)
        except OSError as error:  # of the chip, or of its SPI bus
            print(error)
            report("ethernet: no answer from the " + phy)
        except ValueError as error:  # a pin, which a board with PSRAM may lack
            print(error)
            report("ethernet: a pin is not on this board")
        except AttributeError:
            report("ethernet: no {} in this image".format(phy))

    def is_up(self) -> bool:
        return self._lan is not None and self._lan.isconnected()

    def name_server(self) -> str:
        """The address of the name server that DHCP gave; "" while there is none."""
        return self._lan.ifconfig()[3] if self._lan is not None and self._lan.isconnected() else ""

    def rssi(self) -> int:
        """0: a wire has no signal strength."""
        return 0

    async def run(self) -> None:
        """Keep it up; never returns."""
        while self._lan is None:
            await asyncio.sleep(FOR_EVER_S)
        backoff = Backoff(_RETRY_FIRST_S, _RETRY_MOST_S)
        while True:
            if await self._came_up(backoff.next_s()):
                backoff.reset()
                while self._lan.isconnected():
                    await asyncio.sleep_ms(POLL_MS)
            else:
                self._lan.active(False)

    async def _came_up(self, patience_s: float) -> bool:
        """Wait for a link and an address; true if they came.  The interface watches the cable meanwhile."""
        try:
            self._lan.active(True)  # does nothing while it is
        except OSError:
            pass  # tried again when this wait is over
        left_ms = 1000 * patience_s
        while not self._lan.isconnected():
            if left_ms <= 0:
                return False
            await asyncio.sleep_ms(POLL_MS)
            left_ms -= POLL_MS
        return True
