"""One parcel's ticket: its code, large, and its QR; and how its state is said."""

from collections.abc import Callable
from typing import NamedTuple

from nicegui import ui

from consigne.ui.components import Text, box, button

from .pictures import qr_svg

STATE_LOOKS = {"announced": "", "in_locker": "busy", "collected": "good", "returned": "good", "forced": "bad"}


class Ticket(NamedTuple):
    """What is known of one parcel; ``digits`` is "" when no code opens for it, ``door`` when in none."""

    parcel: str
    state: str
    digits: str
    door: str


class Hands(NamedTuple):
    """What a ticket's buttons do at a cabinet that stands on the same page."""

    type_code: Callable[[str], None]
    scan: Callable[[str], None]


def spaced(digits: str) -> str:
    """Digits in groups of at most four, as people read them to each other."""
    half = (len(digits) + 1) // 2
    return f"{digits[:half]} {digits[half:]}" if len(digits) > 4 else digits


def state_words(ticket: Ticket) -> str:
    """Where the parcel is, in two or three words."""
    if ticket.state == "in_locker" and ticket.door:
        return f"in door {ticket.door}"
    return ticket.state.replace("_", " ")


class TicketCard:
    """One parcel's code, large, with its QR; empty until a parcel is chosen."""

    def __init__(self, hands: Hands | None) -> None:
        self._hands = hands
        self._shown: Ticket | None = Ticket("", "", "", "")
        self._card = box("ticket-place")

    def show(self, ticket: Ticket | None) -> None:
        """Show this ticket, or nothing."""
        if ticket == self._shown:
            return
        self._shown = ticket
        self._card.clear()
        if ticket is None:
            with self._card:
                Text("Its code and QR appear here.", "quiet", "div")
            return
        with self._card, box("ticket"):
            if not ticket.digits:
                box("qr spent")
                with box():
                    Text(ticket.parcel, "mono soft", "div")
                    Text(f"{state_words(ticket).capitalize()}: no code opens for it any more.", "", "div")
                return
            ui.html(qr_svg(ticket.digits), sanitize=False).classes("qr")
            with box():
                Text(ticket.parcel, "mono soft", "div")
                Text(spaced(ticket.digits), "digits", "div").props["data-digits"] = ticket.digits
                self._actions(ticket)

    def _actions(self, ticket: Ticket) -> None:
        if self._hands is None:
            Text("Type this code at the locker, then #, or show the QR code to its scanner.", "faint", "div")
            return
        hands = self._hands
        with box("acts"):
            button("Scan label", lambda: hands.scan(ticket.parcel), "press small")
            button("Type code", lambda: hands.type_code(ticket.digits), "press small")
            button("Show QR", lambda: hands.scan(ticket.digits), "press small")
