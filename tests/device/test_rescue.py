"""A locker in production that does not start: what a technician reads on its console, and the way in."""

import hashlib
import json
import re
import sys
from types import SimpleNamespace

import device_kit as kit
import pytest
import serial
from consigne.device.board import Board
from consigne.device.doctor import Finding
from consigne.device.errors import LockedError
from consigne.device.onboard import doctor as examination
from consigne.protocol import codes
from consigne.sim.board.flash import NorFlash
from console_kit import Terminal
from locker import rescue
from locker.core import records
from locker.journal.log import Journal

KEY = hashlib.sha256(b"a key for tests").digest()
IDENTITY = {"locker": "L0001", "device_key": KEY.hex(), "wifi_password": "secret"}
NOW_S = 1_790_000_000


def record(journal, kind, *values):
    journal.append(kind, records.pack(kind, *values), NOW_S)


@pytest.fixture
def board(tmp_path, monkeypatch):
    """The files and the journal of a locker, as the rescue finds them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "identity.json").write_text(json.dumps(IDENTITY))
    (tmp_path / "config.json").write_text(json.dumps({"holders": [[3, 4, 1]], "doors": "wrong"}))
    flash = NorFlash(256 * 1024)
    journal = Journal(flash)
    journal.open()
    found = SimpleNamespace(find=lambda *_, **__: [flash], TYPE_DATA=1)
    monkeypatch.setitem(sys.modules, "esp32", SimpleNamespace(Partition=found))
    monkeypatch.delitem(sys.modules, "locker.drivers.flash", raising=False)
    return SimpleNamespace(files=tmp_path, flash=flash, journal=journal)


class Line(Terminal):
    """A console on what the rescue has put together."""

    def __init__(self):
        self.rescue = rescue.Rescue("SystemExit: cannot start: config.json.doors: expected list")
        self.rescue.open()
        self.attach(self.rescue, self.rescue, "0.1.0 did not start")


def number(said):
    (shown,) = re.findall(r"code to number (\d{3}) (\d{3}) (\d{3})", said)
    return int("".join(shown))


def kinds(flash):
    journal, found = Journal(flash), []
    journal.open()
    journal.replay(lambda kind, t, payload, seq: found.append(records.describe(kind, payload)["kind"]))
    return found


def test_a_configuration_that_is_wrong_shuts_no_technician_out(board):
    line = Line()
    shown = number(line.type("\r"))
    assert "not taken, 19 tries left" in line.type("00000000\r")
    assert "not taken" in line.type(codes.console_code(KEY, 1, shown) + "\r")
    shown = number(line.type("\r"))
    assert "right; starting for service" in line.type(codes.console_code(KEY, 1, shown) + "\r")
    assert line.rescue._ended and (board.files / "service").exists()
    assert kinds(board.flash) == ["attempt", "refused", "attempt", "refused", "attempt", "accepted"]


def test_what_failed_can_be_read_and_no_key(board):
    said = Line().type("?")
    assert "did not start" in said and "last: SystemExit: cannot start: config.json.doors" in said
    assert KEY.hex() not in said and "secret" not in said


def test_tries_spent_before_the_start_failed_are_spent(board):
    for _ in range(20):
        record(board.journal, records.ATTEMPT, 1)
        record(board.journal, records.REFUSED, 8, 1)
    line = Line()
    answer = codes.console_code(KEY, 1, number(line.type("\r")))
    assert "too many wrong codes" in line.type(answer + "\r") and not line.rescue._ended


def test_a_technician_whose_codes_were_revoked_is_not_let_in_here_either(board):
    record(board.journal, records.HOLDER_COUNTER, 3, 4, 1, 40_000)
    line = Line()
    assert "not taken" in line.type(codes.console_code(KEY, 1, number(line.type("\r"))) + "\r")


def test_a_record_that_the_start_failed_at_is_not_folded_here(board):
    board.journal.append(records.GRANT, b"\x00", NOW_S)  # far too short
    line = Line()
    assert "right" in line.type(codes.console_code(KEY, 1, number(line.type("\r"))) + "\r")


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("identity.json", None, "consigne device provision"),
        ("identity.json", '{"locker": "L0001", "device_key": "00"}', "identity.json.device_key"),
        ("config.json", "{", "config.json is damaged"),
        ("config.json", "[]", "AttributeError"),
    ],
)
def test_where_no_code_can_be_checked_the_console_says_why_and_lets_nobody_in(board, file, content, why):
    if content is None:
        (board.files / file).unlink()
    else:
        (board.files / file).write_text(content)
    line = Line()
    for said in (line.type("\r"), line.type("12345678\r")):
        assert "no code can be checked" in said and why in said and "device_key': '" not in said
    assert not line.rescue._ended


def test_without_a_journal_that_takes_records_no_code_is_compared(board):
    board.flash.data[:] = bytes(range(256)) * (len(board.flash.data) // 256)
    line = Line()
    assert "no code can be checked" in line.type("12345678\r")


@kit.both_kinds
def test_a_board_that_cannot_start_says_so_and_starts_for_service_with_the_operators_code(tmp_path, kind):
    config, sim = kit.compiled(kit.cabinet_file(tmp_path))
    config["doors"][0]["size"] = 9
    ready = kit.ready_flash(tmp_path, kind)
    with kit.board_with(ready, tmp_path, sim, **kit.BOARD_OF[kind]) as board:
        with Board(board.port) as line:
            line.enter_service()
            line.write_file("config.json", json.dumps(config).encode())
            line.write_file("identity.json", json.dumps(IDENTITY).encode())
            line.write_file("production", b"")
            line.restart()
        with serial.Serial(board.port, 115_200, timeout=600, exclusive=True) as port:
            told = port.read_until(b"technician's code: ").decode()
            assert "did not start: SystemExit: cannot start: config.json.doors[0].size" in told, told
        with pytest.raises(LockedError, match="the clock is not set") as refused, Board(board.port) as line:
            line.enter_service()
        told = str(refused.value)
        with Board(board.port, codes.console_code(KEY, 1, number(told))) as line:
            found = line.enter_service()
            assert found["started"][0], "started for service"
            line.remove_file("production")


def test_doctor_says_how_far_the_time_is_ahead_that_a_locker_took_as_provisional(board, capsys):
    def seen():
        examination.journal()
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [row for row in rows if row[0] != "journal"]

    assert seen() == []
    record(board.journal, records.TIME_AHEAD, 400 * 86_400)
    record(board.journal, records.ATTEMPT, 0)
    (row,) = seen()
    told = "400.0 days ahead of the time that it believes; not confirmed"
    assert row == ["provisional time", "warn", told] and "consigne clock set" in Finding(*row).advice
    record(board.journal, records.TIME_AHEAD, 0)
    assert seen() == []
