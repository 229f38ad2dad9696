"""Shared by all pages: the style sheets, the masthead, and small building blocks."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from consigne.protocol.names import SIZES

LOOK = Path(__file__).parent
SHEETS = ("base.css", "cabinet.css", "terminal.css", "operator.css", "fleet.css")

MARK = """<svg class="mark" viewBox="0 0 32 32" fill="none" aria-hidden="true">
<rect x="1.5" y="1.5" width="29" height="29" rx="7" fill="#17404b"/>
<rect x="6" y="6" width="8.5" height="8.5" rx="1.6" fill="#f5f2ea"/>
<rect x="6" y="17.5" width="8.5" height="8.5" rx="1.6" fill="#f5f2ea" opacity=".55"/>
<rect x="17.5" y="6" width="8.5" height="20" rx="1.6" fill="#f5f2ea" opacity=".55"/>
<path d="M17.5 7.6 23 5v22l-5.500-2.600z" fill="#f2994a"/></svg>"""

HORN = """<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"
stroke-linejoin="round" aria-hidden="true"><path d="M4 9.500h3.500L12 5.500v13l-4.500-4H4z"/>
<path d="M15.500 9a4.500 4.500 0 0 1 0 6M18.200 6.500a8 8 0 0 1 0 11"/></svg>"""


@cache
def style() -> str:
    """All style sheets as one text; read once."""
    return "\n".join((LOOK / name).read_text(encoding="utf-8") for name in SHEETS)


def dress(about: str, links: tuple[tuple[str, str], ...] = (), account: str = "") -> None:
    """Add the style sheets and the masthead to the page that is being built.

    Parameters
    ----------
    about
        One line beside the product's name.
    links
        ``(text, address)`` of the masthead's links.
    account
        The account that is logged in and may log out; "" for none.
    """
    ui.add_css(style())
    with ui.element("header").classes("masthead"):
        ui.html(MARK, sanitize=False)
        ui.label("Consigne").classes("name")
        ui.label(about).classes("about")
        box("gap")
        for text, address in links:
            ui.link(text, address)
        if account:
            with ui.element("form").props("method=post action=/logout"):
                Text(f"{account} · log out", "plain press small", "button")


def box(classes: str = "", tag: str = "div") -> ui.element:
    """An element with classes, to be filled with ``with``."""
    return ui.element(tag).classes(classes)


class Text(TextElement):  # type: ignore[misc]  # mypy does not follow nicegui
    """An element that shows text as it is, never as markup."""

    def __init__(self, content: str, classes: str = "", tag: str = "span") -> None:
        super().__init__(tag=tag, text=content)
        self.classes(classes)


def button(
    label: str,
    on_click: Callable[..., Any],
    classes: str = "press",
    name: str = "",
    js_handler: str = "(...args) => emit(...args)",
) -> ui.element:
    """A button in the pages' style; ``name`` is its accessible name when the label is not one.

    ``js_handler`` runs in the browser and emits what ``on_click`` is given; if left out, the event.
    """
    element = Text(label, f"plain {classes}", "button").props("type=button")
    if name:
        element.props["aria-label"] = name
    element.on("click", on_click, js_handler=js_handler)
    return element


def toggle(label: str, value: bool, on_change: Callable[[bool], Any]) -> ui.element:
    """A switch; the caller keeps ``aria-checked`` true to the world with ``set_toggle``."""
    element = ui.element("button").classes("plain toggle").props("type=button role=switch")
    element.props["aria-checked"] = "true" if value else "false"
    element.props["aria-label"] = label
    with element:
        box("track")
        Text(label)
    element.on("click", lambda: on_change(element.props["aria-checked"] != "true"))
    return element


def set_toggle(element: ui.element, value: bool) -> None:
    """Show a switch as on or off; sends nothing when it already is."""
    wanted = "true" if value else "false"
    if element.props["aria-checked"] != wanted:
        element.props["aria-checked"] = wanted
        element.update()


def set_class(element: ui.element, name: str, wanted: bool) -> None:
    """Add or remove one class; sends nothing when it already is so."""
    if wanted and name not in element.classes:
        element.classes(add=name)
    elif not wanted and name in element.classes:
        element.classes(remove=name)


class Choice:
    """A row of buttons of which one is chosen.

    Parameters
    ----------
    options
        ``(value, label)`` pairs; the first is chosen at the start.
    """

    def __init__(self, options: tuple[tuple[Any, str], ...], name: str) -> None:
        self.value = options[0][0]
        self._buttons: dict[Any, ui.element] = {}
        with box("choice").props(f'role=radiogroup aria-label="{name}"'):
            for value, label in options:
                self._buttons[value] = button(label, lambda _, value=value: self.choose(value), "")
                self._buttons[value].props("role=radio")
        self.choose(self.value)

    def choose(self, value: Any) -> None:
        """Make ``value`` the chosen one."""
        self.value = value
        for other, element in self._buttons.items():
            set_class(element, "on", other == value)
            element.props["aria-checked"] = "true" if other == value else "false"
            element.update()


def size_name(size: int) -> str:
    """The letter of a compartment size; sizes beyond the table show as their number."""
    return SIZES.get(size, str(size))
