"""The site of the documents in a browser: from files, with no server, and nothing asked of any network."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import site_kit
from person import LOOK_MS
from playwright.sync_api import Browser, Page, Request


@pytest.fixture
def reader(chromium: Browser, tmp_path: Path) -> Iterator[tuple[Page, list[str]]]:
    """A browser at the first page, and what it asked for that is no file."""
    built = site_kit.build(site_kit.ROOT, tmp_path)
    assert built.returncode == 0, built.stderr
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(LOOK_MS)
    asked: list[str] = []

    def heard(request: Request) -> None:
        if urlsplit(request.url).scheme not in ("file", "data"):
            asked.append(request.url)

    page.on("request", heard)
    page.goto((tmp_path / "index.html").as_uri())
    page.wait_for_url(f"**/{site_kit.START}")
    yield page, asked
    context.close()


def test_who_searches_for_a_word_without_a_network_finds_the_page(reader: tuple[Page, list[str]]) -> None:
    page, asked = reader
    page.fill("input[name=q]:visible", "duress")
    page.press("input[name=q]:visible", "Enter")
    page.click("#search-results a:has-text('Who may open what')")
    page.wait_for_url("**/firmware/locker/core/ACCESS.html*")
    assert page.inner_text("h1").startswith("Who may open what")
    assert asked == []


def test_the_picture_of_the_packages_is_drawn(reader: tuple[Page, list[str]]) -> None:
    page, asked = reader
    page.click("article a:has-text('Architecture')")
    page.wait_for_url("**/architecture.html")
    page.wait_for_selector("img[src*=architecture]")
    drawn = "image => image.decode().then(() => image.naturalWidth)"
    width = page.eval_on_selector("img[src*=architecture]", drawn)
    assert width > 500
    assert asked == []
