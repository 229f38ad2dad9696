"""``/docs`` in a real browser that reaches this host and nothing else: read, and tried out."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from consigne.broker.broker import free_port
from consigne.server.fleet.fleet import Fleet
from consigne.server.people.accounts import Accounts
from consigne.server.people.roles import Role
from consigne.server.storage.database import Database
from consigne.server.storage.documents import Place
from lab import screenshots
from person import CHROMIUM_ARGUMENTS, LOOK_MS
from playwright.sync_api import Page, expect, sync_playwright

HOST, PASSWORD, START_S = "host.example", "correct horse battery", 300.0


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a running ``consigne serve`` with one locker and an operator; its broker is away."""
    directory = tmp_path_factory.mktemp("served")
    url = f"sqlite:///{directory / 'host.db'}"
    database = Database(url)
    Fleet(database).register("L1", bytes(range(32)), place=Place("Gare du Nord"))
    accounts = Accounts(database)
    accounts.add("Ada", Role.OPERATOR, by="test")
    accounts.set_password("Ada", PASSWORD, "test")
    database.close()
    listening = free_port()
    command = [str(Path(sys.executable).with_name("consigne")), "serve", "--database", url]
    command += ["--broker", "127.0.0.1:1", "--listen", f"127.0.0.1:{listening}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    too_late = threading.Timer(START_S, process.kill)
    too_late.start()
    assert process.stderr is not None
    log = ""
    for line in process.stderr:
        log += line
        if "Uvicorn running" in line:
            break
    too_late.cancel()
    rest = threading.Thread(target=process.stderr.read)  # else the host stops when the pipe is full
    rest.start()
    assert process.poll() is None, log
    yield listening
    process.terminate()
    process.wait(600)
    rest.join()


@pytest.fixture
def page(port: int) -> Iterator[tuple[Page, list[str]]]:
    """A page of somebody logged in, and what went wrong or elsewhere."""
    only_here = f"--host-resolver-rules=MAP {HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    complaints: list[str] = []
    with sync_playwright() as playwright:
        arguments = [*CHROMIUM_ARGUMENTS, only_here]
        browser = playwright.chromium.launch(executable_path=screenshots.chromium(), args=arguments)
        opened = browser.new_page()
        opened.set_default_timeout(LOOK_MS)
        opened.goto(f"http://{HOST}:{port}/login")
        opened.fill("input[name=name]", "Ada")
        opened.fill("input[name=password]", PASSWORD)
        opened.press("input[name=password]", "Enter")
        opened.wait_for_url("**/desk")
        opened.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        opened.on("pageerror", lambda error: complaints.append(str(error)))

        def asked(address: str) -> None:
            if urlsplit(address).scheme != "data" and urlsplit(address).hostname != HOST:
                complaints.append(f"asked elsewhere: {address}")

        opened.on("request", lambda request: asked(request.url))
        yield opened, complaints
        browser.close()


def test_the_api_is_read_and_tried_out_without_the_internet(page: tuple[Page, list[str]], port: int) -> None:
    shown, complaints = page
    answer = shown.goto(f"http://{HOST}:{port}/docs")
    assert answer is not None and "script-src 'self';" in answer.headers["content-security-policy"]
    operation = shown.locator("#operations-lockers-list_lockers")
    expect(operation).to_contain_text("Lockers in the order of their names")
    assert shown.locator(".opblock").count() > 40
    operation.click()
    expect(operation).to_contain_text("For operators.")
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table")).to_contain_text("Gare du Nord")
    assert complaints == []


def test_no_page_is_left_that_needs_another_host(page: tuple[Page, list[str]], port: int) -> None:
    answer = page[0].goto(f"http://{HOST}:{port}/redoc")
    assert answer is not None and answer.status == 404
