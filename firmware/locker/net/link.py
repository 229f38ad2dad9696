"""The Wi-Fi link: joins the network, and joins it again whenever it is lost."""

import asyncio

import network
from micropython import const

from .backoff import Backoff

_JOIN_S = const(20)  # association and DHCP; slow access points take some ten seconds
_POLL_S = 0.25
_RETRY_FIRST_S = const(2)
_RETRY_MOST_S = const(120)


class WifiLink:
    """A station on one access point's network; ``hostname`` is what DHCP servers list it as."""

    def __init__(self, ssid: str, password: str, hostname: str):
        network.hostname(hostname)
        self._wlan = network.WLAN(network.STA_IF)
        try:
            self._wlan.active(True)  # takes its memory now, while there is some in one piece
        except OSError:
            pass  # ``run`` tries again
        self._ssid = ssid
        self._password = password

    def is_up(self) -> bool:
        return self._wlan.isconnected()

    def name_server(self) -> str:
        """The address of the name server that DHCP gave; "" while there is none."""
        return self._wlan.ifconfig()[3] if self._wlan.isconnected() else ""

    def rssi(self) -> int:
        """How strong the access point is heard, in dBm; 0 while there is none."""
        try:
            return self._wlan.status("rssi") if self._wlan.isconnected() else 0
        except OSError:  # it has just let go of us, and the event by which the port learns it is on its way
            return 0

    async def run(self) -> None:
        """Keep it up; never returns."""
        self._wlan.active(True)
        backoff = Backoff(_RETRY_FIRST_S, _RETRY_MOST_S)
        while True:
            if await self._join():
                backoff.reset()
                while self._wlan.isconnected():
                    await asyncio.sleep(_POLL_S)
            self._leave()
            await asyncio.sleep(backoff.next_s())

    async def _join(self) -> bool:
        try:
            self._wlan.connect(self._ssid, self._password)
        except OSError:
            return False  # the radio is busy; ``run`` leaves, waits and tries again
        waited_s = 0
        while not self._wlan.isconnected():
            if waited_s >= _JOIN_S:
                return False
            await asyncio.sleep(_POLL_S)
            waited_s += _POLL_S
        return True

    def _leave(self) -> None:
        try:
            self._wlan.disconnect()  # or the driver's own retries disturb the next ``connect``
        except OSError:
            pass  # there was nothing to leave
