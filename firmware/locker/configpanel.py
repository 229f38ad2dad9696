"""The part of ``config.json`` that tells of keypad, scanner, display, buzzer and lamp."""

from .core.limits import DISPLAY_COLUMNS, DISPLAY_ROWS

# As the tables of config.py: key -> (type, smallest, largest, default), None must be given.
_MATRIX = {
    "kind": (str, 1, 16, None),
    "rows": (list, 1, 4, None),
    "cols": (list, 1, 4, None),
    "keys": (str, 1, 16, None),
    "debounce_ms": (int, 5, 100, 20),
}
_WIEGAND = {
    "kind": (str, 1, 16, None),
    "d0": (int, 0, 48, None),
    "d1": (int, 0, 48, None),
    "bits": (int, 4, 8, 4),
    "gap_ms": (int, 21, 100, 40),
}
_MHET = {
    "kind": (str, 1, 16, None),
    "uart": (int, 1, 2, None),
    "tx": (int, 0, 48, None),
    "rx": (int, 0, 48, None),
    "baud": (int, 1200, 115_200, 9600),
}
_TERMINATED = dict(_MHET)
_TERMINATED["terminator"] = (str, 0, 2, "\r")
_SSD1306 = {
    "kind": (str, 1, 16, None),
    "i2c": (int, 0, 1, None),
    "address": (int, 0x3C, 0x3D, 0x3C),
}
_HD44780 = {
    "kind": (str, 1, 16, None),
    "i2c": (int, 0, 1, None),
    "address": (int, 8, 119, None),
    "columns": (int, DISPLAY_COLUMNS, DISPLAY_COLUMNS, DISPLAY_COLUMNS),
    "rows": (int, DISPLAY_ROWS, DISPLAY_ROWS, DISPLAY_ROWS),
}
_ONE_PIN = {"pin": (int, 0, 48, None)}

# part -> kind -> its table; a part that comes in one kind only has the kind "".
KINDS = {
    "keypad": {"matrix": _MATRIX, "wiegand": _WIEGAND},
    "scanner": {"gm65": _TERMINATED, "mhet": _MHET, "line": _TERMINATED},
    "display": {"hd44780": _HD44780, "ssd1306": _SSD1306},
    "buzzer": {"": _ONE_PIN},
    "led": {"": _ONE_PIN},
}


_TERMINATORS = ("\r", "\r\n", "\t", "")


def pins(raw):
    """Every pin that one of these parts is wired to: (use, pin)."""
    keypad = raw["keypad"]
    if keypad["kind"] == "wiegand":
        yield "keypad.d0", keypad["d0"]
        yield "keypad.d1", keypad["d1"]
    else:
        for side in ("rows", "cols"):
            for i, pin in enumerate(keypad[side]):
                yield "keypad.{}[{}]".format(side, i), pin
    for part, key in (("scanner", "tx"), ("scanner", "rx"), ("buzzer", "pin"), ("led", "pin")):
        if raw[part]:
            yield part + "." + key, raw[part][key]


def problem(raw):
    """Check across keys: describe the first contradiction; "" if there is none."""
    keypad, scanner = raw["keypad"], raw["scanner"]
    if keypad["kind"] == "wiegand":
        if keypad["bits"] not in (4, 8):
            return "keypad.bits: a key has 4 or 8 bits, found {}".format(keypad["bits"])
    else:
        rows, cols, keys = len(keypad["rows"]), len(keypad["cols"]), len(keypad["keys"])
        if keys != rows * cols:
            return "keypad.keys: {} rows by {} columns need {} keys, found {}".format(
                rows, cols, rows * cols, keys
            )
    if scanner and scanner.get("terminator", "") not in _TERMINATORS:
        return "scanner.terminator: expected CR, CR and LF, TAB or nothing, found {!r}".format(
            scanner["terminator"]
        )
    buses = [bus["id"] for bus in raw["i2c"]]
    if raw["display"]["i2c"] not in buses:
        return "display.i2c: bus {} is not declared".format(raw["display"]["i2c"])
    return ""
