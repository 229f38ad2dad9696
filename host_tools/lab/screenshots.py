"""Takes the README's pictures of the demo: ``python -m lab.screenshots``.

It carries out a person's steps in a real Chromium (Playwright) with a running demo, and takes screenshots on
the way.  Pictures go to ``tests/pages/pictures``.
"""

import io
import shutil
import subprocess
import sys
from pathlib import Path

from consigne.broker.broker import free_port
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

PICTURES = Path(__file__).resolve().parents[2] / "tests" / "pages" / "pictures"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")  # the names that .ci/system-packages looks for
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]
WAIT_MS = 20_000
SWING_MS = 900  # until a door has swung open, and a hand can reach in


def chromium() -> str:
    """The browser of this machine."""
    for name in CHROMIUMS:
        if path := shutil.which(name):
            return path
    raise FileNotFoundError("no Chromium on this machine: run `make system`, or install the package chromium")


class Photographer:
    """A page of the demo, and the steps before each picture."""

    def __init__(self, page: Page, address: str) -> None:
        self._page = page
        page.goto(address)
        expect(page.locator(".locker-line")).to_contain_text("clock set", timeout=WAIT_MS)
        self._reads("Type your code")

    def _reads(self, text: str) -> None:
        expect(self._page.get_by_role("img", name=text)).to_be_visible(timeout=WAIT_MS)

    def announce(self, size: str) -> str:
        """Announce the suggested parcel; its number."""
        number = self._page.get_by_label("parcel number").input_value()
        self._page.get_by_role("radio", name=size, exact=True).click()
        self._page.get_by_role("button", name="Announce", exact=True).click()
        self._page.locator(".ticket", has_text=number).wait_for(timeout=WAIT_MS)
        return str(number)

    def choose(self, parcel: str) -> None:
        """Show a parcel's ticket."""
        self._page.locator(f'.parcel-line[data-parcel="{parcel}"]').click()
        self._page.locator(".ticket", has_text=parcel).wait_for(timeout=WAIT_MS)

    def log_in_courier(self) -> None:
        """Type the courier's code."""
        self._page.get_by_role("button", name="Type it").click()
        self._reads("Scan the next")

    def deposit(self, parcel: str, left: int) -> None:
        """Scan a label, put the parcel in, push the door shut; ``left`` were left before."""
        self._reads(f"Parcels put in: {left}")
        self._page.get_by_label("text for the scanner").fill(parcel)
        self._page.get_by_role("button", name="Scan", exact=True).click()
        self.use_door("Put the parcel in")
        self._reads(f"Parcels put in: {left + 1}")

    def open_with_qr(self, parcel: str) -> str:
        """Show a parcel's pick-up code to the scanner; the name of the door that opened."""
        self._page.get_by_role("button", name=f"scan pick-up QR {parcel}").click()
        self._reads("Take your parcel")
        return str(self._page.locator(".bay.open").get_attribute("data-door"))

    def use_door(self, asked: str) -> None:
        """Use the open door as the display asks."""
        self._reads(asked)
        name = self._page.locator(".bay.open").get_attribute("data-door")
        self._page.wait_for_timeout(SWING_MS)
        self._page.get_by_label(f"inside of door {name}", exact=True).click()
        self._page.get_by_label(f"door {name}", exact=True).dispatch_event("click")

    def press(self, key: str) -> None:
        self._page.get_by_label(f"key {key}", exact=True).click()

    def network(self, on: bool) -> None:
        """Throw the network switch and wait until the host has noticed."""
        self._page.get_by_role("switch", name="Network").click()
        pill = self._page.locator(".locker-line .pill").first
        expect(pill).to_have_attribute("data-up", str(on).lower(), timeout=WAIT_MS)

    def take(self, name: str) -> None:
        """Take a screenshot of the page once its doors have stopped moving."""
        self._page.mouse.move(2, 2)
        self._page.wait_for_timeout(SWING_MS)
        save(self._page.screenshot(), name)

    def take_terminal(self, name: str) -> None:
        """Photograph display, scanner and keypad alone."""
        save(self._page.locator(".terminal").screenshot(), name)


def save(picture: bytes, name: str) -> None:
    """Keep a picture, packed as tightly as PNG allows."""
    with Image.open(io.BytesIO(picture)) as shot:
        shot.convert("RGB").save(PICTURES / f"{name}.png", optimize=True)


def photograph(address: str) -> None:
    """All pictures, in one visit."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, device_scale_factor=1.5)
        visit = Photographer(page, address)
        parcels = [visit.announce(size) for size in ("S", "M", "L", "S")]
        visit.log_in_courier()
        for left, parcel in enumerate(parcels[:3]):
            visit.deposit(parcel, left)
        visit.press("#")
        visit.choose(parcels[1])
        visit.open_with_qr(parcels[1])
        visit.take("demo")
        visit.take_terminal("terminal")
        visit.use_door("Take your parcel")
        visit.choose(parcels[2])
        visit.network(False)
        visit.open_with_qr(parcels[2])
        visit.take("outage")
        browser.close()


def main() -> None:
    """Start a demo, photograph it, end it."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [str(Path(sys.executable).with_name("consigne")), "demo", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        if not process.stdout.readline():
            sys.exit("the demo did not start")
        photograph(f"http://127.0.0.1:{port}/")
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    main()
