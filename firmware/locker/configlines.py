"""Every line of the board, its expanders and lock boards: declared in ``config.json``, and used once."""

from . import configpanel


def bank_names(raw):
    """Every bank that is declared, in the order in which short channels count them."""
    banks = ["gpio"] + ["{}@{}:{}".format(e["kind"], e["i2c"], e["address"]) for e in raw["expanders"]]
    if raw["boards"]:
        from . import configboards

        banks += configboards.bank_names(raw)
    return banks


def problem(raw):
    """The first line that is not declared, or used twice; "" if there is none."""
    banks = bank_names(raw)
    relays = banks[: 1 + len(raw["expanders"])]
    used = {}
    for use, bank, channel in _channels(raw):
        if bank not in banks:
            return "{}: bank '{}' is not declared, known are {}".format(use, bank, ", ".join(banks))
        if not isinstance(channel, int):
            return "{}: expected a pin number, found {!r}".format(use, channel)
        if raw["arm_pin"] < 0 and bank in relays and use.endswith(".lock"):
            return "{}: key 'arm_pin' is missing, and this is a relay".format(use)
        if bank not in relays:  # a lock board, see configboards.py
            continue
        other = used.get((bank, channel))
        if other:
            what = "pin" if bank == "gpio" else bank + " channel"
            return "{}: {} {} is used already by {}".format(use, what, channel, other)
        used[(bank, channel)] = use
    return ""


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
    yield from configpanel.pins(raw)
    if raw["rs485"]:
        from . import configboards

        yield from configboards.pins(raw)
    if raw["network"]:
        from . import confignetwork

        yield from confignetwork.pins(raw)
