"""A person at the demo's page: clicks, types, looks at the display; waits for what should follow."""

import contextlib
import re
from typing import Any

from consigne.demo.headless import HAND_S
from playwright.sync_api import Locator, Page, expect

LOST_MS = 15_000  # a page may be loaded anew after this long without its host
LOOK_MS = 180_000  # ends a test that hangs, not one that is slow

CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Person:
    """Acts on one page; ``page`` is at the demo's address."""

    def __init__(self, page: Page) -> None:
        self.page = page

    # --- at the cabinet ----------------------------------------------------------------------------
    def press(self, keys: str) -> None:
        """Click the keypad's keys one after another."""
        for key in keys:
            self.page.get_by_label(f"key {key}", exact=True).click()

    def enter(self, code: str) -> None:
        """Type a code as people do, with an eye on the display."""
        for count in range(1, len(code) + 1):
            self.press(code[count - 1])
            self.reads(f"\n{code[:count]}_")  # a line of its own: no key was taken twice
        self.press("#")

    def reads(self, text: str) -> None:
        """Wait until the display shows this text somewhere."""
        glass = self.page.locator(".lcd")
        expect(glass).to_have_attribute("data-lines", re.compile(re.escape(text)))

    def door(self, name: str) -> Locator:
        return self.page.locator(f'.bay[data-door="{name}"]')

    def open_door(self) -> str:
        """Wait until a door stands open; its name."""
        opened = self.page.locator(".bay.open")
        expect(opened).to_have_count(1)
        return str(opened.get_attribute("data-door"))

    def put_in_or_take_out(self, name: str) -> None:
        """As a hand does while the display names the open door."""
        self.page.wait_for_timeout(1000 * HAND_S)
        self.page.get_by_label(f"inside of door {name}", exact=True).click()

    def push_shut(self, name: str) -> None:
        """Click the open door's edge, which swung out beside its compartment; again on a page loaded anew."""
        leaf, is_open = self.page.get_by_label(f"door {name}", exact=True), re.compile(r"\bopen\b")
        loaded = None
        while (now := self.page.evaluate("performance.timeOrigin")) != loaded:
            loaded = now
            leaf.dispatch_event("click")
            with contextlib.suppress(AssertionError):
                expect(self.door(name)).not_to_have_class(is_open, timeout=LOST_MS)
        expect(self.door(name)).not_to_have_class(is_open)

    def scan(self, text: str) -> None:
        """Type what the barcode says, and scan it."""
        self.page.get_by_label("text for the scanner").fill(text)
        self.page.get_by_role("button", name="Scan", exact=True).click()

    def switch(self, name: str, on: bool) -> None:
        """Throw a switch and wait until it stands so."""
        lever = self.page.get_by_role("switch", name=name)
        if (lever.get_attribute("aria-checked") == "true") != on:
            lever.click()
        expect(lever).to_have_attribute("aria-checked", "true" if on else "false")

    def puts_in_order(self) -> None:
        """Undo what a test that failed before may have left: a switch thrown, a door open."""
        for lever in ("Network", "Power"):
            self.switch(lever, True)
        for opened in self.page.locator(".bay.open").all():
            self.push_shut(str(opened.get_attribute("data-door")))

    # --- at the operator's desk ---------------------------------------------------------------------
    def announce(self, size: str = "S", kind: str = "from the label") -> tuple[str, str]:
        """Announce the parcel that is suggested; its number and its pick-up code."""
        number = self.page.get_by_label("parcel number")
        expect(number).not_to_have_value("")
        parcel = number.input_value()
        self.page.get_by_role("radio", name=size, exact=True).click()
        self.page.get_by_role("radio", name=kind, exact=True).click()
        self.page.get_by_role("button", name="Announce", exact=True).click()
        ticket = self.page.locator(".ticket", has_text=parcel)
        code = ticket.locator("[data-digits]").get_attribute("data-digits")
        return parcel, str(code)

    def courier_code(self) -> str:
        shown = self.page.locator(".courier [data-digits]")
        expect(shown).to_have_attribute("data-digits", re.compile(r"^\d{8}$"))
        return str(shown.get_attribute("data-digits"))

    def sees_parcel(self, parcel: str, state: str) -> None:
        """Wait until the operator's list has the parcel in this state."""
        line = self.page.locator(f'.parcel-line[data-parcel="{parcel}"]')
        expect(line).to_have_attribute("data-state", state)

    def sees_connected(self, up: bool = True) -> None:
        state: dict[str, Any] = {"timeout": 2 * LOOK_MS}
        expect(self.page.locator(".locker-line .pill").first).to_have_attribute(
            "data-up", str(up).lower(), **state
        )

    def sees_clock_set(self) -> None:
        expect(self.page.locator(".locker-line")).to_contain_text("clock set", timeout=2 * LOOK_MS)

    # --- whole errands --------------------------------------------------------------------------------
    def deposit(self, parcel: str, scan: Any = None) -> str:
        """As the courier: code, label, parcel in, door shut, done; the door's name."""
        self.enter(self.courier_code())
        self.reads("Scan the next")
        if scan is None:
            self.scan(parcel)
        else:
            scan()
        self.reads("Put the parcel in")  # not before: a door shut before it was seen open springs open again
        door = self.open_door()
        self.put_in_or_take_out(door)
        self.push_shut(door)
        self.reads("Parcels put in: 1")
        self.press("#")
        self.sees_parcel(parcel, "in_locker")
        return door

    def collect(self, code: str) -> str:
        """As the customer: code, parcel out, door shut; the door's name."""
        self.enter(code)
        door = self.open_door()
        self.reads("Take your parcel")
        self.put_in_or_take_out(door)
        self.push_shut(door)
        self.reads("Thank you!")
        return door
