"""The part of ``config.json`` about clock, lid, mains, supply and lights; read only if it is there."""

# As the tables of config.py: key -> (type, smallest, largest, default), None must be given.
_DS3231 = {
    "kind": (str, 1, 16, None),
    "i2c": (int, 0, 1, None),
    "address": (int, 0x68, 0x68, 0x68),
}
_TAMPER = {"pin": (int, 0, 48, None), "open_level": (int, 0, 1, 1)}
_MAINS = {"pin": (int, 0, 48, None), "lost_level": (int, 0, 1, 1)}
_SUPPLY = {
    "pin": (int, 0, 48, None),  # of ADC1
    "ratio_milli": (int, 1000, 30_000, None),  # volts of the supply for each at the pin, in thousandths
    "weak_mv": (int, 1000, 60_000, None),  # what the coils need, under their own load
}
_WS2812 = {
    "kind": (str, 1, 16, None),
    "pin": (int, 0, 48, None),
    "lights": (list, 1, 240, None),  # for each door the number of its light from 0, -1 for none
}

# The parts of ``senses``, and for each kind -> its table, as in configpanel.py; none must be there.
PARTS = {part: (dict, 0, 0, {}) for part in ("clock", "tamper", "mains", "supply", "strip")}
KINDS = {
    "clock": {"ds3231": _DS3231},
    "tamper": {"": _TAMPER},
    "mains": {"": _MAINS},
    "supply": {"": _SUPPLY},
    "strip": {"ws2812": _WS2812},
}
# Pins that can measure while Wi-Fi runs (data sheets, "ADC").
_ADC1 = {"esp32": range(32, 40), "esp32s3": range(1, 11), "esp32c3": range(5)}
_LIGHTS_MAX = 240


def pins(raw):
    """Every pin that one of these is wired to: (use, pin)."""
    for part in ("tamper", "mains", "supply", "strip"):
        if raw["senses"][part]:
            yield "senses.{}.pin".format(part), raw["senses"][part]["pin"]


def problem(raw):
    """Check across keys: describe the first contradiction; "" if there is none."""
    senses = raw["senses"]
    supply, strip, clock = senses["supply"], senses["strip"], senses["clock"]
    if supply and supply["pin"] not in _ADC1.get(raw["board"], range(49)):
        return "senses.supply.pin: pin {} is not on ADC1, which measures beside Wi-Fi".format(supply["pin"])
    if clock and clock["i2c"] not in [bus["id"] for bus in raw["i2c"]]:
        return "senses.clock.i2c: no bus {} is declared".format(clock["i2c"])
    return _lights_problem(strip["lights"], len(raw["doors"])) if strip else ""


def _lights_problem(lights, doors):
    if len(lights) != doors:
        return "senses.strip.lights: {} entries for {} doors".format(len(lights), doors)
    for light in lights:
        if not isinstance(light, int) or not -1 <= light < _LIGHTS_MAX:
            return "senses.strip.lights: expected numbers from -1 to {}, found {!r}".format(
                _LIGHTS_MAX - 1, light
            )
    return ""
