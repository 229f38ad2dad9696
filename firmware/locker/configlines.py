"""Every line of the board, its expanders and lock boards: declared in ``config.json``, and used once."""

from . import configpanel

# kind -> channels, addresses (the makers' data sheets; 0x38 and on are the PCF8574A and the TCA9554A)
EXPANDERS = {
    "mcp23017": (16, tuple(range(0x20, 0x28))),
    "pcf8574": (8, tuple(range(0x20, 0x28)) + tuple(range(0x38, 0x40))),
    "tca9554": (8, tuple(range(0x20, 0x28)) + tuple(range(0x38, 0x40))),
}
CHAINS = ("74hc595",)


def _relay_banks(raw):
    """Name and number of channels of each bank that the controller itself drives and reads."""
    yield "gpio", 49
    for expander in raw["expanders"]:
        name = "{}@{}:{}".format(expander["kind"], expander["i2c"], expander["address"])
        yield name, EXPANDERS.get(expander["kind"], (16,))[0]
    for chain in raw["shifts"]:
        yield "{}@{}".format(chain["kind"], chain["latch"]), 8 * chain["chips"]


def bank_names(raw):
    """Every bank that is declared, in the order in which short channels count them."""
    banks = [name for name, _ in _relay_banks(raw)]
    if raw["boards"]:
        from . import configboards

        banks += configboards.bank_names(raw)
    return banks


def problem(raw):
    """Describe the first line that is undeclared or used twice; "" if there is none."""
    wrong = _chip_problem(raw)
    if wrong:
        return wrong
    banks = bank_names(raw)
    relays = dict(_relay_banks(raw))
    used = {}
    for use, bank, channel in _channels(raw):
        if bank not in banks:
            return "{}: bank '{}' is not declared, known are {}".format(use, bank, ", ".join(banks))
        if not isinstance(channel, int):
            return "{}: expected a pin number, found {!r}".format(use, channel)
        if bank not in relays:  # a lock board, see configboards.py
            continue
        if raw["arm_pin"] < 0 and use.endswith(".lock"):
            return "{}: key 'arm_pin' is missing, and this is a relay".format(use)
        if channel >= relays[bank]:
            return "{}: {} has channels 0 to {}, found {}".format(use, bank, relays[bank] - 1, channel)
        if bank.split("@")[0] in CHAINS and use.endswith(".reed"):
            return "{}: {} has outputs only".format(use, bank)
        other = used.get((bank, channel))
        if other:
            what = "pin" if bank == "gpio" else bank + " channel"
            return "{}: {} {} is used already by {}".format(use, what, channel, other)
        used[(bank, channel)] = use
    return ""


def _chip_problem(raw):
    for i, expander in enumerate(raw["expanders"]):
        here = "expanders[{}].".format(i)
        if expander["kind"] not in EXPANDERS:
            return _no_driver(here, expander, EXPANDERS)
        if expander["address"] not in EXPANDERS[expander["kind"]][1]:
            return "{}address: a {} cannot be at {}".format(here, expander["kind"], expander["address"])
    for i, chain in enumerate(raw["shifts"]):
        if chain["kind"] not in CHAINS:
            return _no_driver("shifts[{}].".format(i), chain, CHAINS)
    return ""


def _no_driver(here, chip, kinds):
    return "{}kind: '{}' has no driver, known are {}".format(here, chip["kind"], ", ".join(sorted(kinds)))


def _channels(raw):
    """Every line that the configuration claims: (use, bank, channel)."""
    for use, pin in _pins(raw):
        if pin != -1:
            yield use, "gpio", pin
    for i, door in enumerate(raw["doors"]):
        for line in ("lock", "reed"):
            yield "doors[{}].{}".format(i, line), door[line]["bank"], door[line]["channel"]


def _pins(raw):
    """Every pin that a part is wired to, -1 for one that is not: (use, pin)."""
    yield "arm_pin", raw["arm_pin"]
    for i, bus in enumerate(raw["i2c"]):
        yield "i2c[{}].scl".format(i), bus["scl"]
        yield "i2c[{}].sda".format(i), bus["sda"]
    for i, expander in enumerate(raw["expanders"]):
        yield "expanders[{}].int_pin".format(i), expander["int_pin"]
    for i, chain in enumerate(raw["shifts"]):
        for key in ("data", "clock", "latch", "enable", "back"):
            yield "shifts[{}].{}".format(i, key), chain[key]
    yield from configpanel.pins(raw)
    if raw["rs485"]:
        from . import configboards

        yield from configboards.pins(raw)
    if raw["network"]:
        from . import confignetwork

        yield from confignetwork.pins(raw)
    if raw["senses"]:
        from . import configsenses

        yield from configsenses.pins(raw)
