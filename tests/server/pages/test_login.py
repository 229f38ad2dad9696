"""Logging in: whatever a browser sends is answered by the form, and only this host's own form is taken."""

import re

import api_kit
import pytest
from consigne.server.errors import Invalid
from consigne.server.people.gate import COOKIE
from consigne.server.people.roles import Role

PASSWORD = "correct horse battery"
ACCOUNT = {"name": Role.OPERATOR.value, "password": PASSWORD}


@pytest.fixture(scope="module")
def world(databases):
    """PostgreSQL stores no NUL: what one database takes may be too much for the other."""
    with databases.url() as url:
        made = api_kit.made(url)
        made.host.accounts.set_password(ACCOUNT["name"], PASSWORD, "test")
        yield made
        made.host.database.close()


def log_in(world, form=ACCOUNT, **headers):
    more = form if isinstance(form, dict) and "files" in form else {"data": form}
    return world.ask("POST", "/login", role=None, headers={"accept": "text/html", **headers}, **more)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"name": "operator"},
        {"password": PASSWORD},
        {**ACCOUNT, "name": "x" * 65},
        {**ACCOUNT, "password": "x" * 257},
    ],
)
def test_a_form_that_is_not_filled_in_is_shown_again_with_what_is_missing(world, form):
    answer = log_in(world, form)
    assert answer.status_code == 422 and answer.headers["content-type"].startswith("text/html")
    assert "type a name and a password, of at most 64 and 256 characters" in answer.text
    assert "<form" in answer.text


def test_the_form_takes_a_name_and_a_password_as_long_as_an_account_may_have(world):
    shown = world.ask("GET", "/login", role=None).text
    longest = {field: int(most) for field, most in re.findall(r'name="(\w+)"[^>]* maxlength="(\d+)"', shown)}
    assert set(longest) == {"name", "password"} and "{" not in shown.partition("<body>")[2]
    name, password = "N" * longest["name"], "p" * longest["password"]
    accounts = world.host.accounts
    accounts.add(name, Role.OPERATOR, by="test")
    accounts.set_password(name, password, "test")
    assert log_in(world, {"name": name, "password": password}).status_code == 303
    for longer in (lambda: accounts.add(name + "N", Role.OPERATOR, by="test"),
                   lambda: accounts.set_password(name, password + "p", "test")):  # fmt: skip
        with pytest.raises(Invalid):
            longer()


def test_a_form_with_what_no_page_sends_is_a_wrong_name(world):
    assert "the name or the password is wrong" in log_in(world, {**ACCOUNT, "name": "a\x00b"}).text
    assert log_in(world, {"files": {"name": ("a", b"b")}}).status_code == 400


async def _chunks():
    for _ in range(20):
        yield b"x" * 1_000


@pytest.mark.parametrize(
    ("kind", "content", "status", "told"),
    [
        ("application/x-www-form-urlencoded", b"x" * 20_000, 413, "longer than a name and a"),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"x" * 20_000, 413, "longer than a name and a"),
        ("application/x-www-form-urlencoded", _chunks, 413, "longer than a name and a password"),
        ("multipart/form-data", b"x", 400, "cannot be read as a form"),
        ("multipart/form-data; boundary=b", b"x", 400, "cannot be read as a form"),
    ],
    ids=["long", "long in parts", "long without a length", "no boundary", "no part"],
)
def test_what_is_no_form_is_answered_with_a_page_in_the_host_s_own_words(world, kind, content, status, told):
    headers = {"content-type": kind, "accept": "text/html"}
    content = content() if callable(content) else content
    answer = world.ask("POST", "/login", role=None, content=content, headers=headers)
    assert answer.status_code == status and told in answer.text, answer.text
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost.evil.example", "http://["]
)
def test_a_form_of_another_site_logs_nobody_in(world, origin):
    answer = log_in(world, origin=origin)
    assert answer.status_code == 403 and COOKIE not in answer.cookies
    assert "this was sent by a page of another site" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost"},
        {"origin": "http://localhost:8443"},
        {"origin": "https://lockers.example", "x-forwarded-host": "lockers.example"},
        {"origin": "https://lockers.example:8443", "host": "lockers.example"},
    ],
)
def test_the_hosts_own_form_logs_in_behind_a_proxy_too(world, headers):
    answer = log_in(world, **headers)
    assert answer.status_code == 303 and COOKIE in answer.cookies
