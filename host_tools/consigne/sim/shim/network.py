"""``network`` of the simulated ESP32: a Wi-Fi station, and the Ethernet port of a board that has one."""

import struct

import _link
import _ops
from machine import Pin

STA_IF, AP_IF = 0, 1
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010
STAT_NO_AP_FOUND, STAT_WRONG_PASSWORD, STAT_BEACON_TIMEOUT = 201, 202, 200

ETH_INITIALIZED, ETH_STARTED, ETH_STOPPED, ETH_CONNECTED, ETH_DISCONNECTED, ETH_GOT_IP = range(6)
PHY_LAN8710, PHY_LAN8720, PHY_IP101, PHY_RTL8201, PHY_DP83848, PHY_KSZ8041, PHY_KSZ8081 = range(7)
PHY_W5500 = 102


def _name_server():
    return "{}.{}.{}.{}".format(*_link.ask(_ops.NAME_SERVER, 0))


class WLAN:
    IF_STA, IF_AP = 0, 1
    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2
    _settings = {"hostname": "mpy-esp32", "pm": 1, "reconnects": -1, "txpower": 20}

    def __init__(self, interface=0):
        if interface == AP_IF:
            raise NotImplementedError("the simulated board is a station only")
        if interface != STA_IF:
            raise ValueError("invalid WLAN interface identifier")
        _link.ask(_ops.WLAN_ACTIVE, 2)

    def _state(self):
        return struct.unpack("<BBHb", _link.ask(_ops.WLAN_STATUS, 0))

    def active(self, is_active=None):
        if is_active is None:
            return bool(self._state()[0])
        _link.ask(_ops.WLAN_ACTIVE, bool(is_active))
        return bool(is_active)

    def connect(self, *ssid_key, bssid=None):
        """The first two arguments are positional only."""
        ssid, key = ssid_key
        self._started()
        name = ssid.encode()[:32]
        _link.ask(_ops.WLAN_JOIN, 0, bytes((len(name),)) + name + (key or "").encode()[:64])

    def disconnect(self):
        self._started()
        _link.ask(_ops.WLAN_LEAVE, 0)

    def _started(self):
        if not self._state()[0]:
            raise OSError("Wifi Not Started")

    def isconnected(self):
        return bool(self._state()[1])

    def status(self, param=None):
        if param is None:
            return self._state()[2]
        if param != "rssi":
            raise ValueError("unknown status param")
        rssi_dbm = self._state()[3]
        if rssi_dbm == _ops.NOBODY:
            raise OSError("Wifi Not Connected")
        return rssi_dbm

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
            return ("192.168.4.20", "255.255.255.0", "192.168.4.1", _name_server())
        return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")


def _pin(pin):
    return _ops.LEAVE if pin is None else Pin(pin)._id


class LAN:
    """The only Ethernet interface, static in the port: once made, it ignores the arguments.

    A PHY of the chip's own controller, or a W5500 (``ports/esp32/network_lan.c``, ``get_lan``).
    """

    def __init__(self, *args, **kwargs):
        if not _link.ask(_ops.LAN_STATUS, 0)[3]:
            self._make(*args, **kwargs)

    def _make(
        self,
        id=None,
        *,
        mdc=None,
        mdio=None,
        reset=None,
        power=None,
        phy_addr,
        phy_type,
        spi=None,
        cs=None,
        int=None,
        ref_clk_mode=-1,
        ref_clk=None,
    ):
        if id not in (None, 0):
            raise ValueError("invalid LAN interface identifier")
        mdc, mdio, reset, power, cs, int = [_pin(pin) for pin in (mdc, mdio, reset, power, cs, int)]
        if not 0 <= phy_addr <= 31:
            raise ValueError("invalid phy address")
        if phy_type == PHY_W5500:
            from machine import SPI

            if not isinstance(spi, SPI):
                raise ValueError("expecting a SPI object")
            pins = (1, power, spi._id, cs, int, reset)
        elif not 0 <= phy_type <= PHY_KSZ8081:
            raise ValueError("invalid phy type")
        elif _ops.LEAVE in (mdc, mdio):
            raise ValueError("mdc and mdio must be specified")
        elif ref_clk is None or reset != _ops.LEAVE:
            raise ValueError("the simulated PHYs want ref_clk and have no reset")
        else:
            from_chip = ref_clk_mode not in (-1, 1)
            pins = (0, power, mdc, mdio, _pin(ref_clk), from_chip)
        _link.ask(_ops.LAN_OPEN, phy_addr, bytes(pins))

    def active(self, is_active=None):
        if is_active is not None:
            _link.ask(_ops.LAN_ACTIVE, bool(is_active))
        return bool(_link.ask(_ops.LAN_STATUS, 0)[0])

    def status(self):
        return _link.ask(_ops.LAN_STATUS, 0)[1]

    def isconnected(self):
        return bool(_link.ask(_ops.LAN_STATUS, 0)[2])

    def ifconfig(self):
        if self.isconnected():
            return ("192.168.4.21", "255.255.255.0", "192.168.4.1", _name_server())
        return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")


def hostname(name=None):
    if name is None:
        return WLAN._settings["hostname"]
    if len(name) > 32:  # MICROPY_PY_NETWORK_HOSTNAME_MAX_LEN
        raise ValueError
    WLAN._settings["hostname"] = name
    return None
