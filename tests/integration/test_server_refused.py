"""What the host's log says of a broker that hangs up, and of its own end: one sentence, no traceback."""

import logging
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from consigne.broker import config
from consigne.broker.broker import Mosquitto, free_port
from consigne.server.ingest.mqtt import HostClient
from server_kit import broker_of, go, until


@pytest.fixture
def authority(tmp_path):
    """Where a broker's certificate and its authority lie."""
    config.write(tmp_path / "broker", [], host="localhost")
    return tmp_path / "broker"


def tls_broker(folder):
    certificate = f"certfile {folder}/server.crt\nkeyfile {folder}/server.key\nuser root"
    return lambda: Mosquitto(settings=f"allow_anonymous true\n{certificate}")


def of_gmqtt(caplog):
    return [one for one in caplog.records if one.name.startswith("gmqtt")]


def test_a_broker_that_wants_tls_is_not_said_to_be_away_without_a_reason(authority, caplog):
    async def run():
        async with broker_of(tls_broker(authority)) as broker:
            client = HostClient("localhost", broker.port, client_id="host")
            client.start()
            await until(lambda: "no broker at" in caplog.text)
            await client.stop()

    go(run)
    assert "it closed the connection at once: does it want TLS? give --ca" in caplog.text
    assert not of_gmqtt(caplog)


def test_a_broker_that_ends_and_a_host_that_ends_are_no_errors_of_the_client(authority, caplog):
    caplog.set_level(logging.WARNING)

    async def run():
        context = ssl.create_default_context(cafile=authority / "ca.crt")
        async with broker_of(tls_broker(authority)) as broker:
            client = HostClient("localhost", broker.port, client_id="host", tls=context)
            client.start()
            await client.connected.wait()
            await broker.kill()
            await until(lambda: not client.is_connected)
            await broker.start()
            await client.connected.wait()
            await client.stop()

    go(run)
    assert "is gone" in caplog.text and not of_gmqtt(caplog)


def children(pid):
    """The ingest workers of a host, by process id."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid and b"spawn_main" in words:
            found.append(int(folder.name))
    return found


def is_deaf(pid):
    """Whether Ctrl-C passes a process by."""
    status = Path(f"/proc/{pid}/status").read_text()
    blocked = next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:"))
    return int(blocked, 16) >> signal.SIGINT - 1 & 1


def test_ctrl_c_at_a_host_with_workers_is_the_hosts_alone(tmp_path):
    async def scene():
        async with broker_of(Mosquitto) as broker:
            log = tmp_path / "serve.txt"
            command = [sys.executable, "-m", "consigne.cli", "serve", "--workers", "2"]
            command += ["--database", f"sqlite:///{tmp_path}/host.db", "--listen", f"127.0.0.1:{free_port()}"]
            command += ["--broker", f"{broker.host}:{broker.port}"]
            with log.open("wb") as output:
                host = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
            try:
                await until(lambda: len(children(host.pid)) == 2)
                assert all(is_deaf(worker) for worker in children(host.pid)), "from its first moment"
                os.killpg(host.pid, signal.SIGINT)  # as a terminal does: everybody in the foreground
                await until(lambda: host.poll() is not None)
            finally:
                host.kill()
                host.wait()
            said = log.read_text()
            assert "Traceback" not in said and "KeyboardInterrupt" not in said, said

    go(scene)
