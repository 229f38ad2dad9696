"""Takes the pictures of the desk's pages: ``python tests/pages/photograph_desk.py``, into ``pictures``."""

import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "server")]

from conftest import CHROMIUM_ARGUMENTS  # noqa: E402
from consigne.protocol.telemetry import Telemetry  # noqa: E402
from consigne.server.fleet import condition  # noqa: E402
from consigne.server.storage.database import Database  # noqa: E402
from consigne.server.storage.documents import Place  # noqa: E402
from consigne.server.storage.models import alarms, compartments, lockers  # noqa: E402
from desk_kit import PASSWORD, Served, serving  # noqa: E402
from lab.screenshots import chromium, save  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from sqlalchemy import update  # noqa: E402

TOWNS = ("Lyon Part-Dieu", "Lille Flandres", "Nantes", "Toulouse Matabiau", "Rennes", "Bordeaux Saint-Jean")


def make_worth_a_picture(database: Database) -> None:
    """Some lockers of the fleet are in trouble, and the one that is there has a past."""
    now_s = int(time.time())
    with database.write() as connection:
        everywhere = update(lockers).where(lockers.c.kind == "locker")
        connection.execute(everywhere.values(up=True))
        for number, town in enumerate(TOWNS):
            here = lockers.c.id.like(f"FR-%{number}7")
            connection.execute(update(lockers).where(here).values(place=Place(town)))
        offline = lockers.c.id.like("FR-00%07")
        connection.execute(update(lockers).where(offline).values(up=False, status_at=now_s - 7_300))
        full = compartments.c.locker.like("FR-01%17")
        connection.execute(update(compartments).where(full).values(content=1))
        for number in (27, 317):
            data = '{"kind": "forced", "door": 3, "parcel": ""}'
            known = {"locker": f"FR-{number:05d}", "epoch": 1, "seq": 9, "time_s": now_s, "kind": "forced"}
            connection.execute(alarms.insert().values(**known, data=data))
        for day in range(30):
            slow = 90 + max(0, day - 12) * 6
            rows = [(4, 86, slow, 9 * max(0, day - 24), 128 * (day > 26)), (1, 82, 80 + day % 5, 0, 0)]
            rows += [(door, 84, 82 + (door + day) % 4, 0, 0) for door in (0, 2, 3)]
            condition.keep(connection, [("L1", Telemetry(1, [], rows))], now_s - (29 - day) * 86_400)


def photograph(served: Served) -> None:
    """The fleet, and one locker after two orders."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, device_scale_factor=1.5)
        page.goto(f"{served.address}/desk")
        page.get_by_label("Name").fill("Ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.locator(".fleet-line").first.wait_for()
        save(page.screenshot(), "fleet")
        page.goto(f"{served.address}/desk/locker/L1")
        page.get_by_role("button", name="Block", exact=True).click()
        page.get_by_text("Block: done.").wait_for()
        page.get_by_label("message on the display").fill("Closed on Monday|for repair")
        page.get_by_role("button", name="Show 24 h").click()
        page.get_by_text("Message: done.").wait_for()
        page.wait_for_timeout(1_500)
        save(page.screenshot(), "locker")
        browser.close()


def main() -> None:
    """Serve, make it worth a picture, photograph."""
    with tempfile.TemporaryDirectory() as directory, serving(Path(directory)) as served:
        database = Database(f"sqlite:///{directory}/host.db")
        make_worth_a_picture(database)
        database.close()
        photograph(served)


if __name__ == "__main__":
    main()
