"""Every shipped cabinet on the page, in a window and on a phone: nothing covers anything, all is in reach."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from consigne.broker.broker import free_port
from consigne.cabinet.newfile import new_file
from consigne.cabinet.profiles import hardware_dir, profiles
from fronts_kit import WORDS
from person import LOOK_MS
from playwright.sync_api import BrowserContext, Page, expect

FILES = sorted((hardware_dir() / "cabinets").glob("*.toml"))
NAMES = [*(file.stem for file in FILES), "two"]
WINDOW, PHONE = (1280, 800), (390, 844)

# Of all that can be pressed: what is not hit in its middle once it was scrolled to, and what is too low.
COVERED = """(finger) => {
  const wrong = [];
  const here = ".key, .lcd, .scan-window, .toggle, .press, .bay .face.front";
  for (const element of document.querySelectorAll(here)) {
    element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    const { left, top, width, height } = element.getBoundingClientRect();
    const hit = document.elementFromPoint(left + width / 2, top + height / 2);
    const name = element.className + " " + element.textContent;
    const small = Math.min(height, width) < finger;
    if (!hit || !(element.contains(hit) || hit.contains(element)))
      wrong.push(`${name} is covered by ${hit ? hit.className : "nothing"}`);
    if (small && element.matches(".face")) wrong.push(`${name}: ${width} x ${height}`);
  }
  return wrong;
}"""
FINGER_PX = 40
# The doors' places within the steel, each as (name, left, top, right, bottom).
DOORS = """() => {
  const steel = document.querySelector(".columns").getBoundingClientRect();
  return [...document.querySelectorAll(".bay")].map((bay) => {
    const { left, top, right, bottom } = bay.getBoundingClientRect();
    return [bay.dataset.door, left - steel.left, top - steel.top, right - steel.left, bottom - steel.top];
  });
}"""
# Where the open leaf ends at the right: at the edge of what scrolls, at the latest.
LEAF_ENDS = """() => {
  const steel = document.querySelector(".columns"), edge = steel.getBoundingClientRect().right;
  const { right } = document.querySelector(".bay.open .face.back").getBoundingClientRect();
  return getComputedStyle(steel).overflowX === "auto" ? Math.min(right, edge) : right;
}"""
CARD_BEGINS = "() => document.querySelector('.stage > .card').getBoundingClientRect().left"
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the pages; two doors are the smallest cabinet."""
    small = tmp_path_factory.mktemp("fronts") / "two.toml"
    small.write_text(new_file(profiles()["esp32-devkitc"], 2, None, 24))
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("fronts_kit.py")), str(port)]
    with subprocess.Popen([*command, *map(str, FILES), str(small)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listening\n"
        yield f"http://127.0.0.1:{port}/"
        process.terminate()


def shown(profile: BrowserContext, address: str, size: tuple[int, int] = WINDOW) -> Page:
    page = profile.new_page()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.set_default_timeout(LOOK_MS)
    page.goto(address)
    expect(page.locator(".lcd")).to_have_attribute("data-lines", re.compile("Type your code"))
    return page


def look_all_over(page: Page) -> None:
    """Nothing covers another, all can be touched."""
    doors = page.evaluate(DOORS)
    overlaps = [
        (one[0], two[0]) for at, one in enumerate(doors) for two in doors[:at]
        if one[1] < two[3] and two[1] < one[3] and one[2] < two[4] and two[2] < one[4]
    ]  # fmt: skip
    assert overlaps == []
    assert page.evaluate(COVERED, FINGER_PX) == []
    assert page.evaluate(OVERFLOW) <= 0, "the page itself is never wider than its window"


@pytest.mark.parametrize("name", NAMES)
def test_all_of_a_shipped_cabinet_can_be_touched_on_a_phone(
    pages: str, profile: BrowserContext, name: str
) -> None:
    page = shown(profile, pages + name, PHONE)
    look_all_over(page)
    page.close()


@pytest.mark.parametrize("name", NAMES)
def test_all_can_be_touched_in_a_window_and_an_open_door_hides_nothing_beside_and_is_shut_with_a_finger(
    pages: str, profile: BrowserContext, name: str
) -> None:
    page = shown(profile, pages + name)
    look_all_over(page)
    page.emulate_media(reduced_motion="reduce")
    door = page.locator(".bay.hinge-right, .bay").last
    label = door.get_attribute("data-door")
    page.get_by_label(f"pry door {label} open", exact=True).dispatch_event("click")
    shut = page.get_by_label(f"push door {label} shut", exact=True)
    expect(shut).to_be_visible()
    page.wait_for_timeout(100)  # the leaf swings for 10 ms
    assert page.evaluate(LEAF_ENDS) <= page.evaluate(CARD_BEGINS)
    shut.click()
    expect(shut).to_be_hidden()
    page.close()


def test_a_door_that_opens_out_of_sight_is_brought_into_sight(pages: str, profile: BrowserContext) -> None:
    page = shown(profile, pages + "boards-96")
    page.get_by_label("pry door 96 open").dispatch_event("click")
    inside = page.get_by_label("inside of door 96", exact=True)
    expect(inside).to_be_in_viewport(ratio=0.99)
    page.get_by_label("pry door 1 open", exact=True).dispatch_event("click")
    expect(page.get_by_label("inside of door 1", exact=True)).to_be_in_viewport(ratio=0.99)
    page.close()


def test_a_firmware_that_ended_is_told_in_its_consoles_words_until_the_power_goes(
    pages: str, profile: BrowserContext
) -> None:
    page = shown(profile, pages + "ended")
    told = page.get_by_role("alert")
    expect(told).to_contain_text(f"The firmware ended: {WORDS[-1]}")
    expect(told).to_contain_text(WORDS[0])
    page.get_by_role("switch", name="Power").click()
    expect(told).to_be_hidden()
    page.close()
