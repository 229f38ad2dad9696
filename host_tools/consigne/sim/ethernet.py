"""The Ethernet controller of the chip: ``network.LAN`` of the ESP32 port seen from below.

States and their numbers are those of ``network.LAN.status()``.  What is at the other end of its
pins is a ``Phy``, and at the end of that a cable.
"""

from collections.abc import Callable
from typing import Any, Protocol

from .clock import Clock, Timer
from .gpio import IN, OUT, Channel, Pad

ETH_INITIALIZED, ETH_STARTED, ETH_STOPPED, ETH_CONNECTED, ETH_DISCONNECTED, ETH_GOT_IP = range(6)

# RMII has its pins for good (ESP32 Technical Reference Manual, "Ethernet MAC").
RMII_OUT = (19, 21, 22)  # TXD0, TX_EN, TXD1
RMII_IN = (25, 26, 27)  # RXD0, RXD1, CRS_DV

NEGOTIATION_US = 2_000_000  # 10/100 Mbit, half or full duplex
DHCP_US = 500_000
LINK_CHECK_US = 2_000_000  # ESP-IDF asks the PHY every two seconds
POWER_SETTLES_US = 100_000  # the port waits so long behind the power pin, and everybody with it


class Phy(Protocol):
    """The chip between the controller and the cable."""

    def answers(self, address: int, mdc: int, mdio: int) -> bool:
        """Whether it is found at this address through these management pins."""

    def clocked(self, ref_clk: int, from_chip: bool) -> bool:
        """Whether its 50 MHz clock is there when the chip gives it, or takes it, at this pin."""

    def negotiate(self) -> None:
        """Begin anew with whatever is at the other end of the cable."""

    @property
    def linked(self) -> bool:
        """Whether it has a link with the other end."""

    dhcp: bool


class Ethernet:
    """The controller.  ``phy`` is what is wired to it, None for a board without."""

    def __init__(self, clock: Clock, pad: Callable[[int], Pad]) -> None:
        self._clock = clock
        self._pad = pad
        self.phy: Phy | None = None
        self.active = False
        self.status = ETH_INITIALIZED
        self.opened = False
        self._channels: list[Channel] = []
        self._clock_is_good = False
        self._check: Timer | None = None
        self._lease: Timer | None = None
        self._watchers: list[Callable[[bool], Any]] = []

    @property
    def connected(self) -> bool:
        """What ``isconnected()`` says: an address was given, and the link has not gone since."""
        return self.active and self.status == ETH_GOT_IP

    def on_change(self, watcher: Callable[[bool], Any]) -> None:
        """Call ``watcher(connected)`` when the link comes or goes."""
        self._watchers.append(watcher)

    def open(self, address: int, mdc: int, mdio: int, power: int, ref_clk: int, from_chip: bool) -> int:
        """``network.LAN(...)``; -1 for ``power`` is none.  Returns how long it takes (us).

        Raises OSError when no PHY answers.  Opened before, it stays as it is.
        """
        if self.opened:
            return 0
        if power >= 0:
            self._pad(power).configure(OUT, None, 1)
        self._channels = [Channel(self._pad(pin)) for pin in (*RMII_OUT, mdc, mdio)]
        if from_chip:
            self._channels.append(Channel(self._pad(ref_clk)))
        if self.phy is None or not self.phy.answers(address, mdc, mdio):
            raise OSError("esp_eth_driver_install failed")
        self._clock_is_good = self.phy.clocked(ref_clk, from_chip)
        self.opened = True
        self.status = ETH_INITIALIZED
        return POWER_SETTLES_US if power >= 0 else 0

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
        self.active = self.opened = False
        self._set(ETH_INITIALIZED)

    def _stop(self) -> None:
        for timer in (self._check, self._lease):
            if timer is not None:
                timer.cancel()
        self._check = self._lease = None

    def _wires_hold(self) -> bool:
        """Whether every RMII pin is still the controller's: another use of one ends all traffic."""
        ours = all(channel.pad.owned_by(channel) for channel in self._channels)
        return ours and all(self._pad(pin).mode == IN for pin in RMII_IN)

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
