"""The Wi-Fi link: joins the network, and joins it again whenever it is lost."""

import asyncio

import network
from micropython import const

from .backoff import Backoff

_JOIN_MS = const(20_000)  # association and DHCP; slow access points take some ten seconds
POLL_MS = const(250)  # between two looks at the interface
_RETRY_FIRST_S = const(2)
_RETRY_MOST_S = const(120)
FOR_EVER_S = const(3600)  # sleep of a task without work, whose end would count as a fault

# The port raises RuntimeError for driver errors without a text (``ports/esp32/network_common.c``,
# ``esp_exceptions_helper``).
_REFUSALS = (OSError, RuntimeError)


class WifiLink:
    """A station on one access point's network; ``hostname`` is what DHCP servers list it as.

    The driver is set up once in the life of the chip: if it found no memory, a second try finds the netif of
    the first, and ESP-IDF aborts (``ports/esp32/network_wlan.c``, ``esp_initialise_wifi``).  So the failure
    is reported, and the locker serves without a network until it is restarted.
    """

    def __init__(self, ssid: str, password: str, hostname: str, report=print):
        """``report(text)`` is called when there will be no Wi-Fi."""
        network.hostname(hostname)
        self._wlan = None
        self._ssid = ssid
        self._password = password
        try:
            self._wlan = network.WLAN(network.STA_IF)
        except _REFUSALS as error:
            print(error)
            report("wi-fi: the driver did not start")
        self._activate()  # takes its memory now, while a large free block exists

    def _activate(self) -> bool:
        if self._wlan is None:
            return False
        try:
            return bool(self._wlan.active(True))
        except _REFUSALS:
            return False

    def is_up(self) -> bool:
        return self._wlan is not None and self._wlan.isconnected()

    def name_server(self) -> str:
        """The address of the name server that DHCP gave; "" while there is none."""
        return self._wlan.ifconfig()[3] if self.is_up() else ""

    def rssi(self) -> int:
        """The access point's signal strength in dBm; 0 while there is none."""
        try:
            return self._wlan.status("rssi") if self.is_up() else 0
        except _REFUSALS:  # the access point dropped us; the port does not know yet
            return 0

    async def run(self) -> None:
        """Keep it up; never returns."""
        while self._wlan is None:
            await asyncio.sleep(FOR_EVER_S)
        backoff = Backoff(_RETRY_FIRST_S, _RETRY_MOST_S)
        while not self._activate():
            await asyncio.sleep(backoff.next_s())
        backoff.reset()
        while True:
            if await self._join():
                backoff.reset()
                while self._wlan.isconnected():
                    await asyncio.sleep_ms(POLL_MS)
            self._leave()
            await asyncio.sleep(backoff.next_s())

    async def _join(self) -> bool:
        try:
            self._wlan.connect(self._ssid, self._password)
        except _REFUSALS:
            return False  # the radio is busy; ``run`` leaves, waits and tries again
        waited_ms = 0
        while not self._wlan.isconnected():
            if waited_ms >= _JOIN_MS:
                return False
            await asyncio.sleep_ms(POLL_MS)
            waited_ms += POLL_MS
        return True

    def _leave(self) -> None:
        try:
            self._wlan.disconnect()  # otherwise the driver's own retries disturb the next ``connect``
        except _REFUSALS:
            pass  # there was nothing to leave
