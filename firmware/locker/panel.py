"""What people touch and see: keypad, scanner, display, buzzer and lamp, made as the configuration says.

Each kind's driver is imported only when it is asked for: what is not wired takes no heap.
"""

from .drivers.buzzer import Buzzer
from .drivers.lamp import Lamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import ports


class Panel:
    """``hear(text)`` is called when a part falls silent, and when it is back."""

    def __init__(self, raw, buses, hear):
        self.display: ports.Display = _display(raw["display"], buses, hear)
        self.buzzer: ports.Buzzer = Buzzer(raw["buzzer"]["pin"])
        self.lamp: ports.Lamp = Lamp(raw["led"]["pin"])
        self.keypad: ports.Keypad = _keypad(raw["keypad"])
        self.scanner: ports.Scanner | None = _scanner(raw["scanner"], hear)


def _display(part, buses, hear):
    from .drivers.display import CharacterDisplay

    return CharacterDisplay(buses[part["i2c"]], part["address"], part["columns"], part["rows"], hear)


def _keypad(part):
    from .drivers.keypad import MatrixKeypad

    return MatrixKeypad(part["rows"], part["cols"], part["keys"], part["debounce_ms"])


def _scanner(part, hear):
    if not part:
        return None
    from .drivers.scanner import Gm65Scanner

    return Gm65Scanner(
        part["uart"], part["tx"], part["rx"], part["baud"], part["terminator"], "continuous", hear
    )
