"""A host's log can still be read, and its pages still be opened, whatever clients and lockers send."""

import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx2
from consigne.broker.broker import free_port
from consigne.server.ingest.store import Store
from host_kit import database_at, event, events

START_S = 300


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
            process.wait(600)


def opened(port):
    """A locker's page, which reads its events beside the answer."""
    answer = httpx2.get(f"http://127.0.0.1:{port}/desk/locker/L1", timeout=START_S)
    assert answer.status_code == 200, answer.text


def test_requests_that_are_no_http_are_told_rarely(tmp_path):
    log = tmp_path / "serve.txt"
    with serving(tmp_path / "host.db", log) as port:
        for _ in range(40):
            with socket.create_connection(("127.0.0.1", port), timeout=180) as client:
                client.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
                assert b" 400 " in client.recv(1_000)
    said = log.read_text()
    assert said.count("Invalid HTTP request received.") == 1 + said.count("HTTP request received. ("), said


def test_a_page_that_meets_a_defect_is_opened_and_the_log_has_it_once(tmp_path):
    log = tmp_path / "serve.txt"
    with database_at(tmp_path / "host.db", "L1") as database:
        Store(database).commit([events("L1", 1, event(1))])
        with database.write() as connection:
            connection.exec_driver_sql("UPDATE events SET time_s = 'never'")
    with serving(tmp_path / "host.db", log) as port:
        until_s = time.monotonic() + START_S
        while "a page failed" not in log.read_text():
            opened(port)
            assert time.monotonic() < until_s, log.read_text()
        for _ in range(3):
            opened(port)
    assert log.read_text().count("Traceback") == 1
