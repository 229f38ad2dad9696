"""The pages of ``consigne serve``: log in, see the fleet, order lockers about, send and hand over parcels."""

import base64
import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
import zxingcpp
from consigne.protocol import codes
from consigne.server.access import aside
from consigne.server.fleet.overview import FIND_CHARACTERS_MAX
from consigne.server.storage.database import Database
from desk_kit import PASSWORD, Served, serving
from host_kit import device_key
from locker.core import events
from locker.core.codes import TOKEN_PREFIX
from person import LOOK_MS
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

PHONE_FIELD_PX = 200
"""Twenty letters of what is typed."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("desk")) as host:
        yield host


@contextmanager
def client(served: Served, name: str) -> Iterator[httpx2.Client]:
    """A browser's cookies without the browser."""
    with httpx2.Client(base_url=served.address, timeout=LOOK_MS / 1000) as made:
        answer = made.post("/login", data={"name": name, "password": PASSWORD})
        assert (answer.status_code, answer.headers["location"]) == (303, "/desk")
        yield made


@pytest.mark.parametrize(
    "path",
    [
        "/desk",
        "/desk?only=offline",
        "/desk?find=Place+2999",
        "/desk?page=60",
        "/desk?page=one",
        "/desk/locker/L1",
    ],
)
def test_a_page_of_a_fleet_of_3000_is_shown(served: Served, path: str) -> None:
    with client(served, "Ada") as ada:
        answer = ada.get(path)
        assert answer.status_code == 200 and "Consigne" in answer.text


ORDERS = {"Open", "Block", "Release", "Restart", "Beep and blink", "Set", "Show code", "Make worthless"}


@pytest.mark.parametrize(
    ("name", "buttons", "told"),
    [
        ("L1", {*ORDERS, "Announce", "Retire for ever"}, ""),
        (
            "shop",
            {"Announce", "Retire for ever"},
            "shop is a counter: people serve there, it takes no orders.",
        ),
        ("L2", set(), ": it serves nobody any more."),
    ],
)
def test_where_nobody_takes_orders_there_are_no_buttons_for_them_and_the_page_says_why(
    served: Served, name: str, buttons: set[str], told: str
) -> None:
    with client(served, "Ada") as ada:
        page = ada.get(f"/desk/locker/{name}").text
    shown = set(re.findall('"tag":"button","text":"([^"]*)"', page))
    assert shown & {*ORDERS, "Announce", "Retire for ever"} == buttons
    assert told in page and ("takes no orders" in page or "serves nobody" in page) is bool(told)


@pytest.mark.parametrize("path", ["/nothing", "/lockers/L1/nothing", "/lockers/..%2f..", "/desk/<script>"])
def test_where_nothing_is_a_browser_reads_a_page_and_everybody_else_a_sentence(
    served: Served, path: str
) -> None:
    with client(served, "Ada") as ada:
        for accept in ("*/*", "application/json"):
            answer = ada.get(path, headers={"accept": accept})
            assert answer.status_code == 404 and answer.json()["detail"].startswith("there is nothing at /")
        page = ada.get(path, headers={"accept": "text/html,*/*;q=0.8"})
        assert page.status_code == 404 and page.headers["content-type"].startswith("text/html")
        assert "There is nothing at /" in page.text and "<script" not in page.text


def test_a_page_that_is_asked_with_another_method_tells_the_right_one(served: Served) -> None:
    with client(served, "Ada") as ada:
        answer = ada.head("/desk")
    told = '{"detail":"HEAD is not for this path: ask it with GET"}'
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert int(answer.headers["content-length"]) == len(told)


def test_who_is_not_logged_in_is_asked_to_and_comes_back_to_this_host_alone(served: Served) -> None:
    with httpx2.Client(base_url=served.address, timeout=LOOK_MS / 1000) as nobody:
        sent = nobody.get("/desk/locker/L1", headers={"accept": "text/html"})
        assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=/desk/locker/L1")
        wrong = nobody.post("/login", data={"name": '"><script>', "password": "x"})
        assert wrong.status_code == 422 and "name or the password is wrong" in wrong.text
        for evil in ("https://evil.example/", "//evil.example", "/desk//evil.example", "/desk\\evil"):
            answer = nobody.post("/login", data={"name": "Ada", "password": PASSWORD, "next": evil})
            assert answer.headers["location"] == "/desk"
            cookie = answer.headers["set-cookie"]
            assert "HttpOnly" in cookie and "SameSite=lax" in cookie
        shown = nobody.get("/login", params={"next": '/desk"><script>alert(1)</script>'})
        assert "<script>alert" not in shown.text


def test_a_carrier_does_not_get_an_operators_page(served: Served) -> None:
    with client(served, "Swift") as swift:
        page = swift.get("/desk/locker/L1").text
        assert "This page is for operators" in page and "Reserve" not in page
        assert swift.post("/logout").headers["location"] == "/login"
        assert swift.get("/desk").status_code == 401


@pytest.fixture
def page(served: Served, profile: BrowserContext) -> Iterator[Page]:
    """A page of a browser in which nobody is logged in; its console must stay free of errors."""
    profile.clear_cookies()
    opened = profile.new_page()
    opened.set_default_timeout(LOOK_MS)
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    opened.close()
    assert complaints == []


def log_in(page: Page, served: Served, name: str, path: str = "/desk") -> None:
    page.goto(served.address + path)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def test_an_operator_finds_a_locker_orders_it_about_and_reads_its_answer(served: Served, page: Page) -> None:
    log_in(page, served, "Ada")
    line = page.locator(".fleet-line").first
    expect(line).to_have_attribute("data-locker", "L1")
    expect(line.locator("[data-need=alarm]")).to_have_text("1 alarm")
    find = page.get_by_placeholder("Find a locker")
    expect(find).to_have_attribute("maxlength", str(FIND_CHARACTERS_MAX))
    find.fill("gare du nord")
    page.keyboard.press("Enter")
    expect(page.locator(".fleet-line")).to_have_count(1)
    page.locator(".fleet-line").click()
    answer = page.get_by_role("status")
    page.get_by_label("compartment", exact=True).select_option(label="5")
    page.get_by_role("button", name="Block", exact=True).click()
    expect(answer).to_have_text("Block: done.")
    page.get_by_label("message on the display").fill("a line that is far too long for it")
    page.get_by_role("button", name="Show 24 h").click()
    expect(answer).to_have_text("A message is 2 lines of at most 20 characters.")
    page.get_by_role("button", name="Make worthless").click()
    expect(answer).to_have_text("Revoke: done.")
    expect(page.get_by_text(re.compile("^Revoke: "))).to_have_count(1)
    page.get_by_role("button", name="Dealt with").click()
    expect(page.get_by_text("Opened without an order")).to_have_count(1)  # the event stays, the alarm goes
    trail = page.locator(".card", has_text="Who did what").locator(".rows > div")
    expect(trail.nth(2)).to_contain_text(re.compile("Ada.*block.*door 5.*done", re.DOTALL))
    expect(trail.nth(0)).to_contain_text("clear alarm")
    assert [one["door"] for one in served.locker.talker.commands if one["cmd"] == "block"] == [4]


def test_an_operator_sends_again_what_a_locker_did_not_take_and_sets_its_clock(
    served: Served, page: Page
) -> None:
    database = Database(served.database)
    with database.write() as connection:
        aside.put(connection, "L1", aside.REVOKE, "RR123456771FR", "full", int(time.time()))
    database.close()
    log_in(page, served, "Ada")
    page.goto(f"{served.address}/desk/locker/L1")
    card = page.locator(".card", has_text="Not taken by the locker")
    expect(card.locator(".pill")).to_contain_text("that the code of parcel RR123456771FR was revoked: ")
    card.get_by_role("button", name="Send again").click()
    expect(card).to_be_hidden()
    page.get_by_role("button", name="Set its clock").click()
    expect(page.get_by_role("status")).to_contain_text("lock")


@pytest.mark.parametrize(
    ("name", "role", "holder", "what_for", "action"),
    [
        ("Swift", events.COURIER, 7, "leave parcels", events.DEPOSIT),
        ("Swift", events.COURIER, 7, "take parcels back", events.RECALL),
        ("Bazar", events.MERCHANT, 9, "take parcels back", events.RECALL),
        ("Bazar", events.MERCHANT, 9, "hand over", events.HANDOVER),
    ],
)
def test_the_code_that_a_sender_is_shown_is_for_what_was_asked(
    served: Served, page: Page, name: str, role: int, holder: int, what_for: str, action: int
) -> None:
    log_in(page, served, name)
    page.get_by_label("locker of the code").fill("L1")
    page.get_by_role("radio", name=what_for, exact=True).click()
    page.get_by_role("button", name="Show code").click()
    shown = page.locator(".digits")
    expect(shown).to_have_text(re.compile(r"^[\d ]+$"))
    digits = str(shown.text_content()).replace(" ", "")
    now_s = int(time.time())
    # A day may have begun since.
    right = {codes.window_code(device_key("L1"), role, action, holder, at_s) for at_s in (now_s - 600, now_s)}
    assert digits in right


@pytest.mark.parametrize(
    "name,path", [("Marie", "/desk"), ("Swift", "/desk"), ("Ada", "/desk"), ("Ada", "/desk/locker/L1")]
)
def test_on_a_telephone_every_field_is_wide_enough_to_read_what_is_typed(
    served: Served, page: Page, name: str, path: str
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    log_in(page, served, name, path)
    fields = page.get_by_role("textbox").or_(page.get_by_role("searchbox"))
    expect(fields.first).to_be_visible()
    for number in range(fields.count()):
        box = fields.nth(number).bounding_box()
        assert box is not None and box["width"] >= PHONE_FIELD_PX, fields.nth(number).get_attribute(
            "aria-label"
        )
        assert box["x"] + box["width"] <= 390


def test_an_order_goes_to_the_door_that_is_shown_whatever_the_page_was_told_before(
    served: Served, page: Page
) -> None:
    """As when a click overtakes the change before it, or a browser kept the field from the last time."""
    log_in(page, served, "Ada", "/desk/locker/L1")
    door = page.get_by_label("compartment", exact=True)
    door.evaluate("list => { list.value = '2' }")
    page.get_by_label("parcel to reserve for").fill("RR123456785FR")
    page.get_by_role("button", name="Reserve 24 h").click()
    expect(page.get_by_role("status")).to_have_text("Reserve: done.")
    reserved = [one for one in served.locker.talker.commands if one["cmd"] == "reserve"]
    assert [(one["door"], one["parcel"]) for one in reserved] == [(2, "RR123456785FR")]


def test_a_carrier_announces_and_a_clerk_takes_in_and_hands_over(served: Served, page: Page) -> None:
    log_in(page, served, "Swift")
    page.get_by_label("parcel number").fill("RR123456785FR")
    page.get_by_label("locker or counter").fill("port")
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_role("button", name="shop Librairie du Port").click()
    page.get_by_role("button", name="Announce", exact=True).click()
    told = page.get_by_role("status")
    expect(told).to_contain_text("Its code: ")
    code = str(told.text_content()).split("code: ")[1]
    page.get_by_role("button", name="Return label").click()
    expect(told).to_contain_text("Shop is a counter", ignore_case=True)
    page.get_by_label("parcel number").fill("RR123456771FR")
    page.get_by_label("locker or counter").fill("L1")
    page.get_by_role("button", name="Announce", exact=True).click()
    page.locator('[data-parcel="RR123456771FR"]').get_by_role("button", name="Return label").click()
    drawn = page.locator(".return-label svg")
    expect(drawn).to_be_visible()
    (read,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(drawn.screenshot())))
    token = base64.urlsafe_b64decode(read.text.removeprefix(TOKEN_PREFIX) + "==")
    assert token[1] == events.RETURN
    expect(page.locator(".return-label")).to_contain_text("show it to the scanner of L1")
    page.get_by_role("button", name="log out").click()
    log_in(page, served, "Marie")
    page.get_by_label("label of the parcel").fill("RR123456785FR")
    page.get_by_role("button", name="Take in").click()
    expect(page.get_by_role("status")).to_have_text("Put it on shelf 1.")
    page.get_by_label("customer's code").fill(code)
    page.get_by_role("button", name="Hand over, paper seen").click()
    expect(page.get_by_role("status")).to_have_text("Shelf 1: parcel RR123456785FR is handed over.")
    expect(page.locator("[data-parcel]")).to_have_count(0)
