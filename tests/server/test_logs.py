"""The lines of the host's log: what a person searches for, and what a program collects."""

import json
import logging
import re
import sys

import pytest
from consigne.server import logs
from consigne.server.logform import LogForm
from consigne.server.storage.models import lockers
from consigne.server.storage.secret import Secret
from host_kit import database_at, device_key
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

HEAD = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO|WARNING|ERROR|CRITICAL) [a-z_.]+( \[\S+\])?: \S?"
)
log = logging.getLogger("consigne.server.test")


@pytest.fixture
def written(capsys, monkeypatch):
    """Configures the log in a form; returns what gives its lines.

    Uvicorn's loggers are as in a new process: an earlier test may have run one that configured them.
    """
    for name in ("uvicorn", "uvicorn.access", "uvicorn.error"):
        for attribute, value in (("propagate", True), ("handlers", []), ("level", logging.NOTSET)):
            monkeypatch.setattr(logging.getLogger(name), attribute, value)
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)
        logging.getLogger(name)._cache.clear()  # of the levels it had
    root = logging.getLogger()
    before, level = root.handlers[:], root.level

    def lines(form):
        logs.configure(form)
        capsys.readouterr()
        return capsys.readouterr

    yield lines
    logging.captureWarnings(False)
    root.handlers[:], root.level = before, level


def as_deep(count):
    if not count:
        raise ValueError("deep " + "x" * 5_000)
    as_deep(count - 1)


def caught(function, *arguments):
    try:
        function(*arguments)
    except Exception as error:  # noqa: BLE001  whatever it is, it is what was asked for
        return error
    raise AssertionError("nothing was raised")


def test_each_line_has_its_time_in_utc_level_logger_and_locker(written):
    lines = written(LogForm.TEXT)
    log.warning("a door %s", "sticks", extra={"locker": "L7"})
    log.error("it failed", exc_info=caught(as_deep, 100))
    logging.getLogger("uvicorn.access").info('%s - "%s %s"', "1.2.3.4", "GET", "/points?find=Dupont&page=2")
    everybody = lines().err.splitlines()  # a thread that an earlier test left may say something too
    said = [line for line in everybody if f" {log.name}" in line or " uvicorn.access: " in line]
    assert re.fullmatch(r"\S+Z WARNING consigne\.server\.test \[L7\]: a door sticks", said[0])
    assert all(HEAD.match(line) and len(line) <= logs.LINE_CHARACTERS_MAX for line in said), said
    assert any("calls are left out" in line for line in said)
    assert said[-2].endswith(" .."), "what is too long is cut, and shows it"
    log.warning("x" * 10_000)
    [long] = [line for line in lines().err.splitlines() if f" {log.name}" in line]
    assert len(long) == logs.LINE_CHARACTERS_MAX and long.endswith(" ..")
    assert said[-1].endswith('INFO uvicorn.access: 1.2.3.4 - "GET /points"'), "nobody's search is kept"


def test_no_line_is_forged_by_what_is_logged(written):
    lines = written(LogForm.TEXT)
    log.warning("from outside: %s", "x\n2026-01-01T00:00:00.000Z ERROR consigne: all is lost\x1b[2J")
    [line] = lines().err.splitlines()
    assert "\\u000a2026" in line and "\\u001b[2J" in line


@pytest.mark.parametrize(
    "text",
    ["short", "\n" * 5_000 + "end", '"' * 5_000, "é" * 5_000],
    ids=["short", "lines", "quotes", "letters"],
)
def test_a_program_reads_each_line_as_one_object_within_the_limit(written, text):
    lines = written(LogForm.JSON)
    log.error("from outside: %s", text, exc_info=caught(as_deep, 50), extra={"locker": "L7"})
    log.warning("alone: %s", text)
    said = lines().err.splitlines()
    assert len(said) == 2 and all(len(line) <= logs.LINE_CHARACTERS_MAX for line in said)
    first, second = map(json.loads, said)
    assert first["locker"] == "L7" and first["level"] == "ERROR" and first["logger"] == log.name
    assert first["message"].startswith("from outside: ") and "locker" not in second
    assert "as_deep" in first["traceback"], "where it was raised is never what is left out"


def test_a_statement_that_fails_is_logged_without_its_sql_and_without_its_values(written, tmp_path):
    def refused():
        with database_at(tmp_path / "host.db", "L1") as database, database.write() as connection:
            many = [{"id": "L1", "device_key": Secret(device_key("L1")), "digits": 8}] * 500
            connection.execute(insert(lockers).values(many))

    lines = written(LogForm.TEXT)
    log.error("it failed", exc_info=caught(refused))
    said = lines().err
    assert IntegrityError.__name__ in said and "NOT NULL constraint failed: lockers.timezone" in said
    assert "INSERT" not in said and "VALUES" not in said and "digits" not in said


def test_a_log_that_nobody_reads_any_more_ends_nothing(written, monkeypatch):
    written(LogForm.TEXT)
    full = open("/dev/full", "w")  # noqa: SIM115  closing it fails, which is looked at
    monkeypatch.setattr(sys, "stderr", full)
    log.warning("x")
    monkeypatch.undo()
    with pytest.raises(OSError, match="No space left"):
        full.close()
