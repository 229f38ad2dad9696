"""The Wi-Fi radio of the chip and the network around it."""

from collections.abc import Callable
from typing import Any

from ..clock import Clock, Timer

ASSOCIATION_US = 300_000  # scan, authentication and DHCP of a quick access point

STAT_IDLE, STAT_CONNECTING, STAT_WRONG_PASSWORD, STAT_NO_AP_FOUND, STAT_GOT_IP = 1000, 1001, 202, 201, 1010


class Radio:
    """A station.  ``air`` is the outside: whether the access point can be heard.

    The states and their numbers are those of ``network.WLAN.status()`` on the ESP32 port.  ``ssid`` and
    ``password`` None accept any; ``rssi_dbm`` is what the station reports.  ``let_go``: the access point has
    dropped the station, but the port has not got the event yet.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.air = True
        self.let_go = False
        self.without_memory = False
        """Fault: the chip's internal memory is too small for the driver."""
        self._has_netif = self._is_set_up = False
        self.rssi_dbm = -60
        self.ssid: str | None = None
        self.password: str | None = None
        self.active = False
        self.status = STAT_IDLE
        self._joining: Timer | None = None
        self._wanted: tuple[str, str] | None = None
        self._watchers: list[Callable[[bool], Any]] = []

    @property
    def connected(self) -> bool:
        return self.status == STAT_GOT_IP

    @property
    def associated(self) -> bool:
        """Whether the driver knows an access point (``esp_wifi_sta_get_ap_info``)."""
        return self.connected and not self.let_go

    def on_change(self, watcher: Callable[[bool], Any]) -> None:
        """Call ``watcher(connected)`` when the link comes or goes."""
        self._watchers.append(watcher)

    def _set(self, status: int) -> None:
        was, self.status = self.connected, status
        if self.connected != was:
            for watcher in self._watchers:
                watcher(self.connected)

    def set_up(self) -> bool:
        """``network.WLAN()``: the driver takes its memory once.  OSError when there is none.  A second try
        aborts the chip, since the netif exists already; then this returns True
        (``ports/esp32/network_wlan.c``, ``esp_initialise_wifi``).
        """
        if self._is_set_up:
            return False
        again, self._has_netif = self._has_netif, True
        if again:
            return True
        if self.without_memory:
            raise OSError("WiFi Out of Memory")
        self._is_set_up = True
        return False

    def set_air(self, up: bool) -> None:
        """The access point comes or goes.  A station that was told to connect comes back by itself."""
        self.air = up
        if not up:
            self._stop()
            self._set(STAT_NO_AP_FOUND if self._wanted else STAT_IDLE)
        elif self._wanted:
            self._join()

    def activate(self, active: bool) -> None:
        if active and not self.active and self.without_memory:
            raise OSError("WiFi Out of Memory")
        self.active = active
        if not active:
            self.disconnect()

    def connect(self, ssid: str, password: str) -> None:
        """Start joining; the outcome shows in ``status`` a little later."""
        if not self.active:
            raise OSError("Wifi Not Started")
        self._wanted = ssid, password
        self._stop()
        self._join()

    def disconnect(self) -> None:
        self._wanted = None
        self._stop()
        self._set(STAT_IDLE)

    def reset(self) -> None:
        self._has_netif = self._is_set_up = False
        self.active = False
        self.disconnect()

    def _stop(self) -> None:
        if self._joining is not None:
            self._joining.cancel()
            self._joining = None

    def _join(self) -> None:
        self._set(STAT_CONNECTING)
        self._joining = self._clock.call_in(ASSOCIATION_US, self._joined)

    def _joined(self) -> None:
        self._joining = None
        if self._wanted is None:
            return
        ssid, password = self._wanted
        if not self.air or (self.ssid is not None and ssid != self.ssid):
            self._set(STAT_NO_AP_FOUND)
        elif self.password is not None and password != self.password:
            self._set(STAT_WRONG_PASSWORD)
        else:
            self._set(STAT_GOT_IP)
