"""The Ethernet interface of the chip: ``network.LAN`` of the ESP32 port seen from below.

States and their numbers are those of ``network.LAN.status()``.  What is at the other end of its
pins is a ``Phy``, and at the end of that a cable: a PHY on the chip's own controller by RMII, or a chip
with a controller of its own, a W5500, on an SPI bus.

The interface is made once (``ports/esp32/network_lan.c``, ``get_lan``): its netif is created before the PHY
is probed, and stays when the PHY does not answer.  A second one has the same key, which ESP-IDF refuses
(``esp_netif_lwip.c``, ``esp_netif_new``); if the PHY answers at the second try, ``esp_netif_attach`` writes
through the null pointer, and the ESP32 restarts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ..clock import Clock, Timer
from .buses import Spi
from .gpio import IN, OUT, PULL_UP, Channel, Pad

ETH_INITIALIZED, ETH_STARTED, ETH_STOPPED, ETH_CONNECTED, ETH_DISCONNECTED, ETH_GOT_IP = range(6)

# RMII's pins are fixed (ESP32 Technical Reference Manual, "Ethernet MAC").
RMII_OUT = (19, 21, 22)  # TXD0, TX_EN, TXD1
RMII_IN = (25, 26, 27)  # RXD0, RXD1, CRS_DV

NEGOTIATION_US = 2_000_000  # 10/100 Mbit, half or full duplex
DHCP_US = 500_000
LINK_CHECK_US = 2_000_000  # ESP-IDF asks the PHY every two seconds
POWER_SETTLES_US = 100_000  # the port blocks this long after it has set the power pin
SOFTWARE_RESET_US = 100_000  # how long a W5500 with a wrong version is polled (``sw_reset_timeout_ms``)


@dataclass(frozen=True)
class RmiiWires:
    """A PHY's wires: its address and management pins, the pin of its 50 MHz clock and who drives that."""

    address: int
    mdc: int
    mdio: int
    ref_clk: int
    from_chip: bool


@dataclass(frozen=True)
class SpiWires:
    """A W5500's wires; ``reset`` is -1 where the controller does not drive the reset line."""

    sck: int
    mosi: int
    miso: int
    cs: int
    interrupt: int
    reset: int = -1


Wires = RmiiWires | SpiWires


class Phy(Protocol):
    """The chip between the controller and the cable."""

    def answers(self, wires: Wires) -> bool:
        """Whether it is found through these wires."""

    def clocked(self, wires: Wires) -> bool:
        """Whether the clock that it and the controller share is there."""

    def negotiate(self) -> None:
        """Start a new negotiation with the other end of the cable."""

    @property
    def linked(self) -> bool:
        """Whether it has a link with the other end."""

    dhcp: bool


class Ethernet:
    """The interface.  ``phy`` is what is wired to it, None without one; ``panic()`` restarts the ESP32."""

    def __init__(self, clock: Clock, pad: Callable[[int], Pad], panic: Callable[[], Any]) -> None:
        self._clock = clock
        self._pad = pad
        self._panic = panic
        self.phy: Phy | None = None
        self.active = False
        self.status = ETH_INITIALIZED
        self.opened = False
        self.bus: Spi | None = None
        """The SPI bus that our chip is a device on; it cannot be freed meanwhile."""
        self._has_netif = False
        self._channels: list[Channel] = []
        self._inputs: tuple[int, ...] = ()
        self._clock_is_good = False
        self._check: Timer | None = None
        self._lease: Timer | None = None
        self._watchers: list[Callable[[bool], Any]] = []

    @property
    def connected(self) -> bool:
        """What ``isconnected()`` returns: there was a lease, and the link has stayed up since."""
        return self.active and self.status == ETH_GOT_IP

    def on_change(self, watcher: Callable[[bool], Any]) -> None:
        """Call ``watcher(connected)`` when the link comes or goes."""
        self._watchers.append(watcher)

    def power(self, pin: int) -> int:
        """Switch the chip's supply on; returns how long that takes to settle (us), 0 for no pin (-1)."""
        if self.opened or pin < 0:
            return 0
        self._pad(pin).configure(OUT, None, 1)
        return POWER_SETTLES_US

    def open_rmii(self, wires: RmiiWires) -> None:
        """``network.LAN(...)`` for a PHY on the chip's own controller; OSError when it does not answer."""
        if self.opened:
            return
        pins = [*RMII_OUT, wires.mdc, wires.mdio, *([wires.ref_clk] if wires.from_chip else [])]
        self._install(wires, pins, RMII_IN)

    def open_spi(self, bus: Spi, cs: int, interrupt: int, reset: int) -> int:
        """``network.LAN(...)`` for a W5500 on ``bus``, -1 for no pin; returns how long it takes (us).

        OSError when it does not answer, and without an interrupt pin: ESP-IDF then wants a time to poll
        by, which the port does not give (``esp_eth_mac_w5500.c``, ``esp_eth_mac_new_w5500``).
        """
        if self.opened:
            return 0
        if interrupt < 0:
            self._has_netif = True
            raise OSError("esp_eth_driver_install failed with invalid argument")
        self.bus = bus
        self._pad(interrupt).configure(IN, PULL_UP, None)
        if reset >= 0:
            self._pad(reset).configure(OUT, None, 1)
        self._install(SpiWires(*bus.pins, cs, interrupt, reset), [cs], (interrupt,))
        return SOFTWARE_RESET_US // 10

    def _install(self, wires: Wires, outputs: list[int], inputs: tuple[int, ...]) -> None:
        had_netif, self._has_netif = self._has_netif, True
        self._channels = [Channel(self._pad(pin)) for pin in outputs]
        self._inputs = inputs
        if self.phy is None or not self.phy.answers(wires):
            raise OSError("esp_eth_driver_install failed")
        if had_netif:
            self._panic()
            return
        self._clock_is_good = self.phy.clocked(wires)
        self.opened = True
        self.status = ETH_INITIALIZED

    def activate(self, active: bool) -> None:
        if not self.opened:
            raise OSError("ethernet enable failed")
        if active == self.active:
            return
        self._stop()
        self.active = active
        self._set(ETH_STARTED if active else ETH_STOPPED)
        if active and self.phy is not None:
            self.phy.negotiate()
            self._check = self._clock.call_in(NEGOTIATION_US, self._look)

    def reset(self) -> None:
        """As after a reset of the chip: nothing is open."""
        self._stop()
        self._channels = []
        self._inputs = ()
        self.bus = None
        self.active = self.opened = self._has_netif = False
        self._set(ETH_INITIALIZED)

    def _stop(self) -> None:
        for timer in (self._check, self._lease):
            if timer is not None:
                timer.cancel()
        self._check = self._lease = None

    def _wires_hold(self) -> bool:
        """Whether every pin is still the interface's: another use of one ends all traffic."""
        ours = all(channel.pad.owned_by(channel) for channel in self._channels)
        ours = ours and (self.bus is None or self.bus.holds)
        return ours and all(self._pad(pin).mode == IN for pin in self._inputs)

    def _look(self) -> None:
        """The question to the PHY every two seconds."""
        self._check = self._clock.call_in(LINK_CHECK_US, self._look)
        has_link = self.status in (ETH_CONNECTED, ETH_GOT_IP)
        linked = bool(self.phy and self.phy.linked and self._clock_is_good and self._wires_hold())
        if linked and not has_link:
            self._set(ETH_CONNECTED)
            self._ask_address()
        elif has_link and not linked:
            if self._lease is not None:
                self._lease.cancel()
            self._set(ETH_DISCONNECTED)

    def _ask_address(self) -> None:
        self._lease = self._clock.call_in(DHCP_US, self._leased)

    def _leased(self) -> None:
        if self.phy is not None and self.phy.dhcp:
            self._set(ETH_GOT_IP)
        else:
            self._ask_address()  # the client asks again for as long as there is a link

    def _set(self, status: int) -> None:
        was, self.status = self.connected, status
        if self.connected != was:
            for watcher in self._watchers:
                watcher(self.connected)
