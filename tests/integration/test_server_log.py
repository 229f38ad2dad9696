"""A host's log can still be read, and its pages still be opened, whatever clients and lockers send."""

import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx2
from consigne.broker.broker import free_port
from consigne.server.ingest.store import Store
from consigne.server.pages.work import DEFECT
from host_kit import database_at, deposited, event, events

START_S = 60


@contextmanager
def serving(path, log):
    """The port where ``consigne serve`` answers with this database."""
    port = free_port()
    command = [sys.executable, "-m", "consigne.cli", "serve", "--database", f"sqlite:///{path}"]
    command += ["--broker", f"127.0.0.1:{free_port()}", "--listen", f"127.0.0.1:{port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            until_s = time.monotonic() + START_S
            while time.monotonic() < until_s and process.poll() is None:
                with socket.socket() as tried:
                    if tried.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            process.wait(60)


def pages_until(port, *wanted):
    """Open a locker's page until it shows all of this; what is read late only a browser is told."""
    until_s = time.monotonic() + START_S
    while True:
        answer = httpx2.get(f"http://127.0.0.1:{port}/desk/locker/L1", timeout=START_S)
        assert answer.status_code == 200, answer.text
        if all(told in answer.text for told in wanted):
            return
        assert time.monotonic() < until_s, answer.text


def test_requests_that_are_no_http_are_told_rarely(tmp_path):
    log = tmp_path / "serve.txt"
    with serving(tmp_path / "host.db", log) as port:
        for _ in range(40):
            with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
                client.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
                assert b" 400 " in client.recv(1_000)
    said = log.read_text()
    assert said.count("Invalid HTTP request received.") == 1 + said.count("HTTP request received. ("), said


def test_a_locker_s_page_shows_what_comes_after_an_event_that_is_not_sound(tmp_path):
    with database_at(tmp_path / "host.db", "L1") as database:
        odd = ({"kind": "deposited", "parcel": "X1"}, {"kind": "command"}, {"kind": "forced", "door": -500})
        rows = [[seq, 1_790_000_000, what] for seq, what in enumerate(odd, 1)]
        Store(database).commit([events("L1", 1, *rows, deposited(9, "X2"))])
    with serving(tmp_path / "host.db", tmp_path / "serve.txt") as port:
        pages_until(port, "X1", "X2", "-500")
    assert "Traceback" not in (tmp_path / "serve.txt").read_text()


def test_a_page_that_meets_a_defect_says_so_and_the_log_has_it_once(tmp_path):
    with database_at(tmp_path / "host.db", "L1") as database:
        Store(database).commit([events("L1", 1, event(1))])
        with database.write() as connection:
            connection.exec_driver_sql("UPDATE events SET data = 'what nobody can read'")
    with serving(tmp_path / "host.db", tmp_path / "serve.txt") as port:
        for _ in range(3):
            pages_until(port, DEFECT)
    said = (tmp_path / "serve.txt").read_text()
    assert said.count("Traceback") == 1 and "a page failed" in said
