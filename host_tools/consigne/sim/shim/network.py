"""``network`` of the simulated ESP32: a Wi-Fi station."""

import struct

import _link
import _ops

STA_IF, AP_IF = 0, 1
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010
STAT_NO_AP_FOUND, STAT_WRONG_PASSWORD, STAT_BEACON_TIMEOUT = 201, 202, 200


class WLAN:
    IF_STA, IF_AP = 0, 1
    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2
    _settings = {"hostname": "mpy-esp32", "pm": 1, "reconnects": -1, "txpower": 20}

    def __init__(self, interface=0):
        if interface != STA_IF:
            raise ValueError("the simulated board is a station only")

    def _state(self):
        return struct.unpack("<BBHb", _link.ask(_ops.WLAN_STATUS, 0))

    def active(self, is_active=None):
        if is_active is None:
            return bool(self._state()[0])
        _link.ask(_ops.WLAN_ACTIVE, bool(is_active))
        return bool(is_active)

    def connect(self, ssid=None, key="", *, bssid=None):
        name = ssid.encode()
        _link.ask(_ops.WLAN_JOIN, 0, bytes((len(name),)) + name + (key or "").encode())

    def disconnect(self):
        _link.ask(_ops.WLAN_LEAVE, 0)

    def isconnected(self):
        return bool(self._state()[1])

    def status(self, param=None):
        if param == "rssi":
            return self._state()[3]
        return self._state()[2]

    def config(self, param=None, **settings):
        """Read one setting, or set some; a name the port does not know raises ValueError."""
        if param == "mac":
            return _link.ask(_ops.INFO, 0)[1:]
        for name in (param,) if param else settings:
            if name not in self._settings:
                raise ValueError("unknown config param")
        self._settings.update(settings)
        return self._settings[param] if param else None

    def ifconfig(self):
        if self.isconnected():
            return ("192.168.4.20", "255.255.255.0", "192.168.4.1", "192.168.4.1")
        return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")


def hostname(name=None):
    if name is None:
        return WLAN._settings["hostname"]
    WLAN._settings["hostname"] = name
    return None
