"""The part of ``config.json`` that tells how the host is reached; read only when there is a network."""

# As the tables of config.py: key -> (type, smallest, largest, default), None must be given.
_WIFI = {
    "kind": (str, 1, 16, None),
    "ssid": (str, 1, 32, None),
    "broker": (str, 1, 253, None),
    "port": (int, 1, 65_535, 8883),
    "tls": (bool, 0, 1, True),
}
_ETHERNET = {
    "kind": (str, 1, 16, None),
    "phy": (str, 1, 16, None),  # the chip beside the controller, see net/link_lan.py
    "phy_addr": (int, 0, 31, 0),
    "mdc": (int, 0, 33, None),
    "mdio": (int, 0, 33, None),
    "power": (int, -1, 33, -1),  # switches the chip's supply, -1: it always has it
    "ref_clk": (int, 0, 17, None),
    "ref_clk_out": (bool, 0, 1, False),  # the controller gives the clock of 50 MHz
    "broker": (str, 1, 253, None),
    "port": (int, 1, 65_535, 8883),
    "tls": (bool, 0, 1, True),
}
KINDS = {"wifi": _WIFI, "ethernet": _ETHERNET}
PHYS = ("lan8720", "lan8710", "ip101", "rtl8201")

# The pins that the Ethernet port of an ESP32 has for good (Technical Reference Manual, "Ethernet MAC").
_RMII = (("txd0", 19), ("tx_en", 21), ("txd1", 22), ("rxd0", 25), ("rxd1", 26), ("crs_dv", 27))
_CLOCK_OUT = (0, 16, 17)


def pins(raw):
    """Every pin that the Ethernet port is wired to, -1 for one that is not: (use, pin)."""
    network = raw["network"]
    if network["kind"] == "ethernet":
        for key in ("mdc", "mdio", "power", "ref_clk"):
            yield "network." + key, network[key]
        for name, pin in _RMII:
            yield "network ({})".format(name), pin


def problem(raw):
    """What no single key can tell: the first thing that does not agree; "" if everything does."""
    network = raw["network"]
    if network["kind"] != "ethernet":
        return ""
    if raw["board"] != "esp32":
        return "network.kind: an {} has no Ethernet port".format(raw["board"])
    if network["phy"] not in PHYS:
        return "network.phy: '{}' has no driver, known are {}".format(network["phy"], ", ".join(PHYS))
    allowed = _CLOCK_OUT if network["ref_clk_out"] else (0,)
    if network["ref_clk"] not in allowed:
        return "network.ref_clk: the clock can be at pin {}, found {}".format(
            " or ".join(str(pin) for pin in allowed), network["ref_clk"]
        )
    return ""
