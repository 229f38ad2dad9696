"""The part of ``config.json`` that tells of keypad, scanner, display, buzzer and lamp."""

# As the tables of config.py: key -> (type, smallest, largest, default), None must be given.
_MATRIX = {
    "kind": (str, 1, 16, None),
    "rows": (list, 1, 4, None),
    "cols": (list, 1, 4, None),
    "keys": (str, 1, 16, None),
    "debounce_ms": (int, 5, 100, 20),
}
_GM65 = {
    "kind": (str, 1, 16, None),
    "uart": (int, 1, 2, None),
    "tx": (int, 0, 48, None),
    "rx": (int, 0, 48, None),
    "baud": (int, 1200, 115_200, 9600),
    "terminator": (str, 0, 2, "\r"),
}
_HD44780 = {
    "kind": (str, 1, 16, None),
    "i2c": (int, 0, 1, None),
    "address": (int, 8, 119, None),
    "columns": (int, 20, 20, 20),
    "rows": (int, 4, 4, 4),
}
_ONE_PIN = {"pin": (int, 0, 48, None)}

# part -> kind -> its table; a part that comes in one kind only has the kind "".
KINDS = {
    "keypad": {"matrix": _MATRIX},
    "scanner": {"gm65": _GM65},
    "display": {"hd44780": _HD44780},
    "buzzer": {"": _ONE_PIN},
    "led": {"": _ONE_PIN},
}


def pins(raw):
    """Every pin that one of these parts is wired to: (use, pin)."""
    for side in ("rows", "cols"):
        for i, pin in enumerate(raw["keypad"][side]):
            yield "keypad.{}[{}]".format(side, i), pin
    for part, key in (("scanner", "tx"), ("scanner", "rx"), ("buzzer", "pin"), ("led", "pin")):
        if raw[part]:
            yield part + "." + key, raw[part][key]


def problem(raw):
    """What no single key can tell: the first thing that does not agree; "" if everything does."""
    keypad = raw["keypad"]
    rows, cols, keys = len(keypad["rows"]), len(keypad["cols"]), len(keypad["keys"])
    if keys != rows * cols:
        return "keypad.keys: {} rows by {} columns need {} keys, found {}".format(
            rows, cols, rows * cols, keys
        )
    return ""
