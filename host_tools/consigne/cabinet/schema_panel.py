"""The keys of the other kinds of keypads, scanners and displays; ``schema`` has those of the usual ones."""

from .schema import TABLES, Field, Table, _pin

_SCANNER = TABLES["scanner"]
_DISPLAY = TABLES["display"]

VARIANTS: dict[str, dict[str, Table]] = {
    "keypad": {
        "wiegand": {
            "kind": TABLES["keypad"]["kind"],
            "d0": _pin("line of the zeros, open collector"),
            "d1": _pin("line of the ones, open collector"),
            "bits": Field(int, "of a key: 8 shows a bit that was lost, 4 may not", 4, choices=(4, 8)),
            "gap_ms": Field(int, "quiet for so long ends a key or card", 40, 21, 100),
        }
    },
    "scanner": {
        "mhet": {key: field for key, field in _SCANNER.items() if key != "terminator"},
        "line": _SCANNER,
    },
    "display": {
        "ssd1306": {
            "kind": _DISPLAY["kind"],
            "i2c": _DISPLAY["i2c"],
            "address": Field(int, "on that bus", 0x3C, 0x3C, 0x3D),
        }
    },
}
"""Table -> kind -> its keys, where they are not those of ``schema.TABLES``."""


def table_of(name: str, given: dict[str, object]) -> Table:
    """The keys that a table of that name has, by the kind it asks for."""
    kind = given.get("kind")
    return VARIANTS.get(name, {}).get(kind, TABLES[name]) if isinstance(kind, str) else TABLES[name]
