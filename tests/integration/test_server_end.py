"""``consigne serve`` is told to end while a client stalls: what was received is committed all the same."""

import asyncio
import signal
import subprocess
import sys

import pytest
from consigne.broker.broker import free_port
from server_kit import PATIENCE_S, go, until

HALF = (
    b"POST /login HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n"
)


async def connected(port):
    """A connection, once somebody listens."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_host_told_to_end_closes_its_database_whoever_stalls(tmp_path, told):
    port, path, log = free_port(), tmp_path / "host.db", tmp_path / "serve.txt"
    command = [sys.executable, "-m", "consigne.cli", "serve", "--database", f"sqlite:///{path}"]
    command += ["--broker", f"127.0.0.1:{free_port()}", "--listen", f"127.0.0.1:{port}"]

    async def scene():
        reader, writer = await connected(port)
        writer.write(HALF)
        assert b"100 Continue" in await reader.readline(), "the host waits for the body"
        process.send_signal(told)
        await until(lambda: process.poll() is not None)
        answer = await reader.read()
        assert b" 503 " in answer and b"the host is being stopped" in answer
        writer.close()

    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            go(scene)
        finally:
            process.kill()
            process.wait()
    said = log.read_text()
    assert process.returncode == 0, said
    assert not path.with_name("host.db-wal").exists(), "SQLite's last connection was closed in order"
    assert "timeout graceful shutdown exceeded" in said, "the end did not wait for the body's time"
    assert "Traceback" not in said, said
    repeated = said.count("times in the last")
    assert said.count("no broker at") == 1 + repeated, "a broker that is away is told once, then rarely"
