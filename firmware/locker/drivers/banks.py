"""From the configuration's words for a channel to the objects that drive it.

A bank is ``"gpio"``, whose channels are pin numbers, ``"<kind>@<i2c>:<address>"`` for a port expander
(channel 0 is GPA0 or P0, 8 is GPB0), or ``"74hc595@<latch>"`` for a chain of shift registers, whose channel 0
is Q0 of the first.  The configuration was validated before: here a wrong one only raises ``KeyError`` or
``ValueError``.  Each kind's driver is imported only when it is configured.
"""

from .reeds import ChipReeds, PinReed

# Pins that are inputs only, without pull-up; the wiring has one (datasheet 2.2).
INPUT_ONLY = {"esp32": (34, 35, 36, 37, 38, 39)}


def bank_name(expander) -> str:
    """The bank that an entry of the configuration's ``expanders`` makes."""
    return "{}@{}:{}".format(expander["kind"], expander["i2c"], expander["address"])


def chain_name(chain) -> str:
    """The bank that an entry of the configuration's ``shifts`` makes."""
    return "{}@{}".format(chain["kind"], chain["latch"])


class Banks:
    """The lines of all doors, and the chips they lie on.

    ``relays``: one relay line for each door, as ``RelayLocks`` wants them, None for a door whose lock is on a
    lock board (see ``boardbanks``).  ``chips``: every expander and chain, in the order of the lines' chip
    numbers.  ``pin_reeds`` and ``chip_reeds``: the sensors, for ``Reeds``.
    """

    def __init__(self, doors, expanders, buses, board: str = "esp32", chains=()):
        """``doors``, ``expanders`` and ``chains`` as in the configuration; ``buses``: I2C objects by id."""
        chips = {}
        for expander in expanders:
            name = bank_name(expander)
            inputs, outputs = _masks(doors, name)
            chips[name] = _expander(expander["kind"])(
                buses[expander["i2c"]], expander["address"], inputs, outputs
            )
        for chain in chains:
            chips[chain_name(chain)] = _chain(chain)
        self.chips = tuple(chips.values())
        self.relays = tuple(_relay(door["lock"], chips) for door in doors)
        self.pin_reeds = []
        on_chip = {}
        no_pull = INPUT_ONLY.get(board, ())
        for number in range(len(doors)):
            reed = doors[number]["reed"]
            closed_level = doors[number]["closed_level"]
            channel = reed["channel"]
            if reed["bank"] == "gpio":
                self.pin_reeds.append(PinReed(number, channel, closed_level, channel not in no_pull))
            elif reed["bank"] in chips:
                on_chip.setdefault(reed["bank"], []).append((number, channel, closed_level))
        self.chip_reeds = []
        for expander in expanders:
            name = bank_name(expander)
            if name in on_chip:
                pin = _int_pin(expander)
                self.chip_reeds.append(ChipReeds(chips[name], pin, on_chip[name], pin not in no_pull))


def _expander(kind):
    if kind == "pcf8574":
        from .pcf8574 import Pcf8574

        return Pcf8574
    if kind == "tca9554":
        from .tca9554 import Tca9554

        return Tca9554
    from .mcp23017 import Mcp23017

    return Mcp23017


def _chain(chain):
    from .hc595 import Hc595

    return Hc595(
        chain["data"], chain["clock"], chain["latch"], chain["enable"], chain["chips"], chain["back"]
    )


def _int_pin(expander):
    """The pin that the chip's INT pulls low; None when it is not wired."""
    pin = expander.get("int_pin", -1)
    return None if pin < 0 else pin


def _relay(lock, chips):
    if lock["bank"] == "gpio":
        from .relays import GpioRelay

        return GpioRelay(lock["channel"])
    if lock["bank"] in chips:
        return tuple(chips).index(lock["bank"]) << 8 | lock["channel"]
    return None


def _masks(doors, name):
    """The channels of one chip that sensors and relays use, as bit masks."""
    inputs = outputs = 0
    for door in doors:
        if door["reed"]["bank"] == name:
            inputs |= 1 << door["reed"]["channel"]
        if door["lock"]["bank"] == name:
            outputs |= 1 << door["lock"]["channel"]
    return inputs, outputs
