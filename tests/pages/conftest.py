"""The demo as people start it, in a process of its own, and a real Chromium that looks at it."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import screenshots
from person import CHROMIUM_ARGUMENTS, LOOK_MS, Person
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

START_S = 300.0
expect.set_options(timeout=LOOK_MS)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running ``consigne demo``."""
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    log = tmp_path_factory.mktemp("demo") / "errors.txt"
    done = log.with_name("cabinet.txt")
    command = [str(Path(sys.executable).with_name("consigne")), "demo", "--no-browser", "--log", str(done)]
    command += ["--port", str(port)]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )
    assert process.stdout is not None
    too_late = threading.Timer(START_S, process.kill)
    too_late.start()
    first = process.stdout.readline()
    too_late.cancel()
    assert address in first, f"the demo did not start: {first}{log.read_text()}"
    yield address
    process.send_signal(signal.SIGINT)
    process.wait(600)
    process.stdout.close()
    assert process.returncode == 0, f"the demo did not end in good order: {log.read_text()}"
    assert log.read_text() == "", "the demo complained while it ran"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for one file of tests: Playwright's event loop must end before other tests run theirs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=screenshots.chromium(), args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def profile(chromium: Browser) -> Iterator[BrowserContext]:
    """Its cookies and its cache: a script that a page has loaded is not compiled again for the next."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    yield context
    context.close()


@pytest.fixture
def person(demo: str, profile: BrowserContext) -> Iterator[Person]:
    """A person before a freshly loaded page; the page's console must stay free of errors."""
    page: Page = profile.new_page()
    page.set_default_timeout(LOOK_MS)
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        print(f"the page says: {message.text}")  # read when a test fails: why it was loaded anew
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text}")

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    page.on("requestfailed", lambda request: complaints.append(f"not loaded: {request.url}"))
    page.goto(demo)
    someone = Person(page)
    someone.puts_in_order()
    someone.sees_connected()
    someone.sees_clock_set()
    yield someone
    page.close()
    assert complaints == []
