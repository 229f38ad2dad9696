"""Display, scanner window, keypad, lamp and buzzer, as they sit in the cabinet's front."""

from nicegui import ui
from nicegui.events import KeyEventArguments

from consigne.ui.components import HORN, LOOK, Text, box, button, set_class

from .front import Drawn, Front, FrontView

BODY_PX, ROW_PX = 340, 20
KEYBOARD = {"Enter": "#", "Backspace": "*", "Escape": "*"}


class Lcd(ui.element, component=LOOK / "lcd.js"):  # type: ignore[misc, call-arg]  # nicegui is not followed
    """A character display drawn dot by dot."""

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__()
        self.props["columns"] = columns
        self.props["rows"] = rows
        self.props["lines"] = [" " * columns] * rows
        self.props["drawn"] = []
        self.props["lit"] = False
        self._shown: tuple[tuple[str, ...], tuple[Drawn, ...], bool] | None = None

    def show(self, lines: tuple[str, ...], drawn: tuple[Drawn, ...], lit: bool) -> None:
        """Show these lines; without its backlight the display is dark."""
        if self._shown == (lines, drawn, lit):
            return
        self._shown = (lines, drawn, lit)
        self.props["lines"] = list(lines)
        self.props["drawn"] = [[one.row, one.column, list(one.dots)] for one in drawn]
        self.props["lit"] = lit
        self.update()


def height_px(front: Front) -> float:
    """The terminal's greatest height by ``ui/terminal.css``: its display and all other parts."""
    return BODY_PX + ROW_PX * front.rows


class Terminal:
    """The part of the front that people operate; ``style`` gives its place."""

    def __init__(self, front: Front, style: str = "") -> None:
        self._front = front
        self._scanned = 0
        with box("terminal").style(style):
            with box("top"):
                self._lamp = box("lamp")
                Text("STATUS")
                self._horn = ui.html(HORN, sanitize=False).classes("horn")
            self._lcd = Lcd(front.columns, front.rows)
            self._window = box("scan-window")
            with self._window:
                Text("scanner")
            with box("keypad four" if len(front.keys) == 16 else "keypad"):
                for key in front.keys:
                    kind = {"*": "key star", "#": "key hash"}.get(key, "key")
                    button(key, lambda _, key=key: front.press(key), kind, f"key {key}")
        ui.keyboard(on_key=self._typed, repeating=False, ignore=["input", "select", "textarea"])

    def _typed(self, event: KeyEventArguments) -> None:
        if not event.action.keydown or event.modifiers.ctrl or event.modifiers.meta or event.modifiers.alt:
            return
        key = KEYBOARD.get(event.key.name, event.key.name)
        if len(key) == 1 and key in self._front.keys:
            self._front.press(key)

    def show(self, view: FrontView) -> None:
        """Draw display, lamp, buzzer and the scanner's light."""
        self._lcd.show(view.lines, view.drawn, view.lit)
        set_class(self._lamp, "on", view.lamp)
        set_class(self._horn, "on", view.horn)
        if view.scanned != self._scanned:
            self._scanned = view.scanned
            self._window.classes(add="reading")
            with self._window:
                ui.timer(1.2, lambda: self._window.classes(remove="reading"), once=True)
