"""The fields of a card, whose values come with the click that uses them.

NiceGUI sends a change of a field and a click as two messages, and while a page is being connected the click
may come first; a browser that loads a page anew may keep what stood in a field and tell nobody.  The door
that is opened must be the one that the person sees chosen.
"""

from collections.abc import Awaitable, Callable, Sequence

from nicegui import ui
from nicegui.events import GenericEventArguments

from .components import Text, button

Handler = Callable[[], Awaitable[None] | None]

_READ = (
    "() => emit(Object.fromEntries([...document.querySelectorAll('[data-fields=%s]')]"
    ".map((field) => [field.getAttribute('aria-label'), field.value])))"
)


class Select:
    """A native drop-down list of ``(value, label)``; the first is chosen at the start."""

    def __init__(self, options: Sequence[tuple[str, str]]) -> None:
        self.value = options[0][0] if options else ""
        self.element = ui.element("select").props("autocomplete=off")
        self._values = {value for value, _ in options}
        with self.element:
            for value, label in options:
                Text(label, tag="option").props["value"] = value

    def set_value(self, value: str) -> None:
        """Take what a browser shows; a value that was never offered is left aside."""
        if value in self._values:
            self.value = value


class Fields:
    """The fields of one card; ``card`` is a name that no other card of the page has."""

    def __init__(self, card: str) -> None:
        self._card = card
        self._fields: dict[str, ui.input | Select] = {}

    def line(self, label: str, value: str = "", placeholder: str = "") -> ui.input:
        """A line to type text into; ``label`` is its accessible name."""
        line = ui.input(value=value, placeholder=placeholder).classes("field")
        line.props("borderless dense autocomplete=off spellcheck=false")
        self._add(label, line, line)
        return line

    def select(self, name: str, options: Sequence[tuple[str, str]]) -> Select:
        """A list to choose from; ``name`` is its accessible name."""
        made = Select(options)
        self._add(name, made, made.element)
        return made

    def _add(self, name: str, field: "ui.input | Select", element: ui.element) -> None:
        self._fields[name] = field
        element.props["aria-label"], element.props["data-fields"] = name, self._card

    def button(self, label: str, on_click: Handler, classes: str = "press") -> None:
        """A button that uses them: when ``on_click`` is called they have the values that are shown."""
        button(label, self._taking(on_click), classes, js_handler=_READ % self._card)

    def on_enter(self, line: ui.input, handler: Handler) -> None:
        """The same for the key Enter in one of them, which barcode scanners send behind a label."""
        line.on("keydown.enter", self._taking(handler), js_handler=_READ % self._card)

    def _taking(self, handler: Handler) -> Callable[[GenericEventArguments], Awaitable[None] | None]:
        def taken(event: GenericEventArguments) -> Awaitable[None] | None:
            shown = event.args if isinstance(event.args, dict) else {}
            for name, field in self._fields.items():
                field.set_value(str(shown.get(name, field.value)))
            return handler()

        return taken
