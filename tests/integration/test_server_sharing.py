"""Several workers only where the broker shares subscriptions: asked before, said in one sentence."""

import asyncio
import subprocess
import sys

import pytest
from consigne.broker.broker import EmbeddedBroker, Mosquitto, free_port
from consigne.server.ingest import sharing
from consigne.server.ingest.sharing import CannotShare
from server_kit import broker_of, go


def test_mosquitto_shares_and_the_embedded_broker_does_not():
    async def run():
        async with broker_of(Mosquitto) as broker:
            await sharing.check(broker.host, broker.port, None, None, None)
        async with broker_of(EmbeddedBroker) as broker:
            with pytest.raises(CannotShare, match=r"--workers 1, or use mosquitto"):
                await sharing.check(broker.host, broker.port, None, None, None)

    go(run)


def test_serve_with_workers_ends_with_that_sentence_instead_of_hearing_nothing(tmp_path):
    async def run():
        async with broker_of(EmbeddedBroker) as broker:
            arguments = ["serve", "--database", f"sqlite:///{tmp_path}/host.db", "--workers", "2"]
            arguments += ["--broker", f"{broker.host}:{broker.port}", "--listen", f"127.0.0.1:{free_port()}"]
            command = [sys.executable, "-m", "consigne.cli", *arguments]
            return await asyncio.to_thread(
                subprocess.run, command, capture_output=True, text=True, timeout=300
            )

    ended = {}

    async def scene():
        ended["it"] = await run()

    go(scene)
    assert ended["it"].returncode == 2
    assert "does not share subscriptions" in " ".join(ended["it"].stderr.split())


class Answers:
    """A broker that answers a CONNECT with these bytes, or closes."""

    def __init__(self, answer):
        self.answer = answer

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        await reader.read(200)
        writer.write(self.answer)
        await writer.drain()
        writer.close()

    async def __aexit__(self, *exc):
        self._server.close()
        await self._server.wait_closed()


PROPERTIES_BEFORE = b"\x21\x00\x14\x12\x00\x02ab\x26\x00\x01k\x00\x01v"  # receive maximum, client id, a pair


@pytest.mark.parametrize(
    "answer,raises",
    [
        (b"\x20\x03\x00\x00\x00", None),
        (b"\x20\x05\x00\x00\x02\x2a\x01", None),
        (b"\x20\x05\x00\x00\x02\x2a\x00", CannotShare),
        (b"\x20\x14\x00\x00\x11" + PROPERTIES_BEFORE + b"\x2a\x00", CannotShare),
        (b"\x20\x14\x00\x00\x11" + PROPERTIES_BEFORE + b"\x2a\x01", None),
        (b"\x20\x02\x00\x01", CannotShare),
        (b"\x20\x03\x00\x84\x00", CannotShare),
        (b"\x20\x03\x00\x86\x00", ConnectionError),
        (b"", CannotShare),
        (b"\x20\xff\xff\xff\xff\xff", CannotShare),
        (b"HTTP/1.1 400", CannotShare),
    ],
)
def test_a_broker_is_taken_at_its_word(answer, raises):
    async def run():
        async with Answers(answer) as port:
            if raises is None:
                await sharing.check("127.0.0.1", port, "user", "password", None)
            else:
                with pytest.raises(raises):
                    await sharing.check("127.0.0.1", port, "user", "password", None)

    go(run)
