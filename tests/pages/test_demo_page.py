"""The demo's page, used by a person in Chromium, with the firmware on MicroPython behind it."""

import io
import json
import re

import pytest
import zxingcpp
from person import LOOK_MS, Person
from PIL import Image
from playwright.sync_api import expect


def test_a_parcel_is_deposited_and_collected_by_clicking(person: Person) -> None:
    parcel, code = person.announce(size="M")
    stored = person.deposit(parcel)
    person.sees_parcel(parcel, "in_locker")
    cell = person.page.locator(f'.cell[data-door="{stored}"]')
    expect(cell).to_have_attribute("data-content", "parcel")
    assert person.collect(code) == stored
    person.sees_parcel(parcel, "collected")
    expect(cell).to_have_attribute("data-content", "empty")
    expect(person.page.locator('.feed-line[data-kind="collected"]').first).to_contain_text(parcel)


def test_the_computers_keyboard_types_on_the_keypad(person: Person) -> None:
    for key, shown in (("1", "1_"), ("2", "12_"), ("3", "123_"), ("Backspace", "12_"), ("4", "124_")):
        person.page.keyboard.press(key)
        person.reads(shown)
    person.page.keyboard.press("Enter")
    person.reads("A code has")


def test_a_wrong_code_is_refused_and_no_door_moves(person: Person) -> None:
    person.enter("00000000")
    person.reads("This code is not")
    expect(person.page.locator(".bay.open")).to_have_count(0)
    expect(person.page.locator('.feed-line[data-kind="refused"]').first).to_be_visible()


def test_without_network_a_parcel_is_collected_and_its_events_arrive_later(person: Person) -> None:
    parcel, code = person.announce()
    person.deposit(parcel)
    person.switch("Network", False)
    person.sees_connected(False)
    person.collect(code)
    person.sees_parcel(parcel, "in_locker")  # the host cannot know yet
    person.switch("Network", True)
    person.sees_connected()
    person.sees_parcel(parcel, "collected")


def test_power_cut_with_a_door_open_forgets_nothing(person: Person) -> None:
    parcel, code = person.announce()
    stored = person.deposit(parcel)
    person.enter(code)
    assert person.open_door() == stored
    person.switch("Power", False)
    expect(person.page.locator(".lcd")).to_have_attribute("data-lines", f"{' ' * 20}\n" * 3 + " " * 20)
    assert person.open_door() == stored  # a door needs no power to stay open
    person.switch("Power", True)
    person.reads("Type your code")
    person.sees_connected()
    person.put_in_or_take_out(stored)
    person.push_shut(stored)
    person.sees_parcel(parcel, "collected")


@pytest.mark.parametrize("kind", [zxingcpp.BarcodeFormat.Code128, zxingcpp.BarcodeFormat.QRCode])
def test_a_picture_of_a_label_is_scanned(person: Person, kind: zxingcpp.BarcodeFormat) -> None:
    parcel, code = person.announce()
    drawn = zxingcpp.write_barcode_to_image(
        zxingcpp.create_barcode(parcel, kind), scale=3, add_quiet_zones=True
    )
    picture = io.BytesIO()
    Image.fromarray(drawn).save(picture, "PNG")

    def scan() -> None:
        with person.page.expect_file_chooser() as chooser:
            person.page.get_by_role("button", name="Picture…").click()
        chooser.value.set_files({"name": "label.png", "mimeType": "image/png", "buffer": picture.getvalue()})

    person.deposit(parcel, scan)
    person.collect(code)


def test_a_picture_without_a_code_says_so(person: Person) -> None:
    blank = io.BytesIO()
    Image.new("RGB", (200, 100), "white").save(blank, "PNG")
    with person.page.expect_file_chooser() as chooser:
        person.page.get_by_role("button", name="Picture…").click()
    chooser.value.set_files({"name": "wall.png", "mimeType": "image/png", "buffer": blank.getvalue()})
    expect(person.page.get_by_text("No barcode and no QR code was found")).to_be_visible()


def test_the_pick_up_qr_opens_the_door_as_its_digits_do(person: Person) -> None:
    parcel, _ = person.announce(kind="at random")
    stored = person.deposit(parcel)
    person.page.get_by_role("button", name=f"scan pick-up QR {parcel}").click()
    assert person.open_door() == stored
    person.reads("Take your parcel")
    person.put_in_or_take_out(stored)
    person.push_shut(stored)
    person.sees_parcel(parcel, "collected")


def test_a_door_forced_open_shows_as_an_alarm(person: Person) -> None:
    person.page.get_by_label("pry door 6 open").click()
    expect(person.door("6")).to_have_class("bay open")
    expect(person.page.locator('.feed-line[data-kind="forced"]').first).to_contain_text("door 6")
    person.push_shut("6")


def test_a_page_shows_an_open_door_before_it_is_connected(person: Person, demo: str) -> None:
    """Else whoever loads it anew in the middle of an errand sees the door shut, and a push at it is lost."""
    person.page.get_by_label("pry door 5 open").click()
    expect(person.door("5")).to_have_class("bay open")
    with person.page.context.new_page() as unconnected:
        unconnected.route_web_socket(re.compile("_nicegui_ws"), lambda _: None)
        unconnected.route(re.compile("_nicegui_ws"), lambda _: None)  # polled, where there is no WebSocket
        unconnected.goto(demo)
        expect(unconnected.locator('.bay[data-door="5"]')).to_have_class("bay open")
    person.page.reload(wait_until="commit")
    person.push_shut("5")
    expect(person.page.locator('.feed-line[data-kind="closed"]').first).to_contain_text("door 5")


def test_a_busy_computer_has_four_seconds_to_answer_a_ping_of_the_page(person: Person, demo: str) -> None:
    """Whoever is late is cut off, and the page loaded anew."""
    opened = person.page.request.get(f"{demo}_nicegui_ws/socket.io/?EIO=4&transport=polling").text()
    assert json.loads(opened.removeprefix("0"))["pingTimeout"] >= 4_000


def test_a_misread_parcel_number_cannot_be_announced(person: Person) -> None:
    number = person.page.get_by_label("parcel number")
    number.clear()
    number.press_sequentially("RR123456780FR", delay=60)  # at a hand's pace: the page hears each key
    person.page.get_by_role("button", name="Announce", exact=True).click()
    expect(person.page.get_by_text("check digit")).to_be_visible()


def test_two_pages_show_the_same_cabinet(person: Person, demo: str) -> None:
    with person.page.context.browser.new_page() as other:  # type: ignore[union-attr]
        other.set_default_timeout(LOOK_MS)
        other.goto(demo)
        watching = Person(other)
        person.press("42")
        watching.reads("42_")
        person.press("**")
