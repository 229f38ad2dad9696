"""The part of ``config.json`` that tells how the host is reached; read only when there is a network."""

from micropython import const

TLS_PORT = const(8883)  # of MQTT brokers, as IANA gave it

# As the tables of config.py: key -> (type, smallest, largest, default), None must be given.
_WIFI = {
    "kind": (str, 1, 16, None),
    "ssid": (str, 1, 32, None),
    "broker": (str, 1, 253, None),
    "port": (int, 1, 65_535, TLS_PORT),
    "tls": (bool, 0, 1, True),
}
_RMII = {
    "kind": (str, 1, 16, None),
    "phy": (str, 1, 16, None),  # the chip beside the controller, see net/link_lan.py
    "phy_addr": (int, 0, 31, 0),
    "mdc": (int, 0, 33, None),
    "mdio": (int, 0, 33, None),
    "power": (int, -1, 33, -1),  # switches the chip's supply, -1: it always has it
    "ref_clk": (int, 0, 17, None),
    "ref_clk_out": (bool, 0, 1, False),  # the controller gives the clock of 50 MHz
    "broker": (str, 1, 253, None),
    "port": (int, 1, 65_535, TLS_PORT),
    "tls": (bool, 0, 1, True),
}
_SPI = {
    "kind": (str, 1, 16, None),
    "phy": (str, 1, 16, None),
    "spi": (int, 1, 2, 1),  # number of the bus, the chip's alone
    "sck": (int, 0, 48, None),
    "mosi": (int, 0, 48, None),
    "miso": (int, 0, 48, None),
    "cs": (int, 0, 48, None),
    "int": (int, 0, 48, None),
    "reset": (int, -1, 48, -1),  # -1: the board resets it
    "broker": (str, 1, 253, None),
    "port": (int, 1, 65_535, TLS_PORT),
    "tls": (bool, 0, 1, True),
}
KINDS = ("wifi", "ethernet")
PHYS = ("lan8720", "lan8710", "ip101", "rtl8201", "w5500")
SPI_PHYS = ("w5500",)  # controllers of their own, for a chip that has none
SPI_BUSES = {"esp32": 2, "esp32s3": 2, "esp32c3": 1}

# The fixed pins of the Ethernet port of an ESP32 (Technical Reference Manual, "Ethernet MAC").
_RMII_PINS = (("txd0", 19), ("tx_en", 21), ("txd1", 22), ("rxd0", 25), ("rxd1", 26), ("crs_dv", 27))
_CLOCK_OUT = (0, 16, 17)


def tables(network):
    """The table of each kind, of Ethernet that of its chip."""
    return {"wifi": _WIFI, "ethernet": _SPI if network.get("phy") in SPI_PHYS else _RMII}


def pins(raw):
    """Every pin that the Ethernet port is wired to, -1 for one that is not: (use, pin)."""
    network = raw["network"]
    if network["kind"] != "ethernet":
        return
    if network["phy"] in SPI_PHYS:
        for key in ("sck", "mosi", "miso", "cs", "int", "reset"):
            yield "network." + key, network[key]
        return
    for key in ("mdc", "mdio", "power", "ref_clk"):
        yield "network." + key, network[key]
    for name, pin in _RMII_PINS:
        yield "network ({})".format(name), pin


def problem(raw):
    """Check across keys: describe the first contradiction; "" if there is none."""
    network = raw["network"]
    if network["kind"] != "ethernet":
        return ""
    if network["phy"] not in PHYS:
        return "network.phy: '{}' has no driver, known are {}".format(network["phy"], ", ".join(PHYS))
    if network["phy"] in SPI_PHYS:
        buses = SPI_BUSES.get(raw["board"], 1)
        if network["spi"] > buses:
            return "network.spi: an {} has no SPI {}".format(raw["board"], network["spi"])
        return ""
    if raw["board"] != "esp32":
        return "network.phy: an {} has no Ethernet port, but can drive a {} by SPI".format(
            raw["board"], " or ".join(SPI_PHYS)
        )
    allowed = _CLOCK_OUT if network["ref_clk_out"] else (0,)
    if network["ref_clk"] not in allowed:
        return "network.ref_clk: the clock can be at pin {}, found {}".format(
            " or ".join(str(pin) for pin in allowed), network["ref_clk"]
        )
    return ""
