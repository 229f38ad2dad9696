"""The panel: keypad, scanner, display, buzzer and lamp, made as the configuration says.

Each kind's driver is imported only when it is asked for: parts that are not wired take no heap.
"""

from .drivers.buzzer import Buzzer
from .drivers.lamp import Lamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import ports


class Panel:
    """``hear(text)`` is called when a part stops answering, and when it answers again."""

    def __init__(self, raw, buses, hear):
        self.display: ports.Display = _display(raw["display"], buses, hear)
        self.buzzer: ports.Buzzer = Buzzer(raw["buzzer"]["pin"])
        self.lamp: ports.Lamp = Lamp(raw["led"]["pin"])
        self.keypad: ports.Keypad = _keypad(raw["keypad"], hear)
        self.scanner: ports.Scanner | None = _scanner(raw["scanner"], hear)


def _display(part, buses, hear):
    if part["kind"] == "ssd1306":
        from .drivers.ssd1306 import OledDisplay

        return OledDisplay(buses[part["i2c"]], part["address"], hear)
    from .drivers.display import CharacterDisplay

    return CharacterDisplay(buses[part["i2c"]], part["address"], part["columns"], part["rows"], hear)


def _keypad(part, hear):
    if part["kind"] == "wiegand":
        from .drivers.wiegand import WiegandKeypad

        return WiegandKeypad(part["d0"], part["d1"], part["bits"], part["gap_ms"], hear)
    from .drivers.keypad import MatrixKeypad

    return MatrixKeypad(part["rows"], part["cols"], part["keys"], part["debounce_ms"])


def _scanner(part, hear):
    if not part:
        return None
    wired = part["uart"], part["tx"], part["rx"], part["baud"]
    if part["kind"] == "line":
        from .drivers.scanner import line_scanner

        return line_scanner(*wired, part["terminator"], hear)
    if part["kind"] == "mhet":
        from .drivers.mhetscanner import MhEtScanner

        return MhEtScanner(*wired, "continuous", hear)
    from .drivers.gm65scanner import Gm65Scanner

    return Gm65Scanner(*wired, part["terminator"], "continuous", hear)
