"""Brokers for small sites, the demo and the tests: amqtt that comes with Consigne, or mosquitto.

Each runs in a process of its own and is an object with ``start``, ``stop``, ``kill``, ``host`` and ``port``.
amqtt could run in the host's event loop, but there it slows the ingest down (3,600 messages of 400 bytes a
second against 4,400, two cores), and a test must be able to kill the broker.
"""

import argparse
import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.session import Session

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0


class BrokerError(RuntimeError):
    """A broker did not start; the text tells what it printed."""


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as listening:
        listening.bind((host, 0))
        return int(listening.getsockname()[1])


class ProcessBroker:
    """A broker in a process of its own; its output goes to ``directory/log``.

    Parameters
    ----------
    host
        Address to listen on.
    port
        TCP port; a free one when None.  It stays the same when the broker is started again.
    """

    deaf_to_terminal = False
    """Whether it ignores Ctrl+C at the terminal, so that the program that started it can end it last."""

    def __init__(self, host: str = "127.0.0.1", port: int | None = None) -> None:
        self.host = host
        self.port = port or free_port(host)
        self.directory = Path(tempfile.mkdtemp(prefix="consigne-broker-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process_id(self) -> int:
        """Of the running broker.  Raises ``BrokerError`` when none runs."""
        if self._process is None:
            raise BrokerError("the broker is not running")
        return self._process.pid

    def command(self) -> list[str]:
        """The program and its arguments."""
        raise NotImplementedError

    async def start(self) -> None:
        """Start; returns once connections are accepted.

        Raises
        ------
        BrokerError
            The process ended, or does not listen within ``START_TIMEOUT_S``.
        """
        with (self.directory / "log").open("ab") as output:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=self.deaf_to_terminal,
            )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._accepting(self._process)
        except TimeoutError:
            await self.kill()
            raise BrokerError(f"no answer on port {self.port}: {self._printed()}") from None

    async def _accepting(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(self.host, self.port)
                writer.close()
                return
            await asyncio.sleep(0.02)
        raise BrokerError(f"ended with {process.returncode}: {self._printed()}")

    def _printed(self) -> str:
        return (self.directory / "log").read_text(errors="replace")[-2_000:].strip()

    async def stop(self) -> None:
        """Shut it down and remove its directory."""
        await self._end(signal.SIGTERM)
        shutil.rmtree(self.directory, ignore_errors=True)

    async def kill(self) -> None:
        """Kill it: data held only in memory is lost, as in a power cut.  ``start`` starts it again."""
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            await asyncio.to_thread(process.wait, STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)
        if process.stdin is not None:
            process.stdin.close()


class EmbeddedBroker(ProcessBroker):
    """amqtt, for the demo and for a site of a few lockers: needs no installation."""

    deaf_to_terminal = True  # it ends with the process that started it, see below

    def command(self) -> list[str]:
        return [sys.executable, "-m", __name__, "--host", self.host, "--port", str(self.port)]


class Mosquitto(ProcessBroker):
    """mosquitto with a configuration of its own, if it is installed.

    Parameters
    ----------
    settings
        Lines of ``mosquitto.conf(5)`` added to the listener's: credentials, access list, TLS.
    """

    def __init__(self, host: str = "127.0.0.1", port: int | None = None, settings: str = "") -> None:
        super().__init__(host, port)
        self._settings = settings or "allow_anonymous true"

    def command(self) -> list[str]:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise BrokerError("mosquitto is not installed: apt install mosquitto")
        path = self.directory / "mosquitto.conf"
        path.write_text(f"listener {self.port} {self.host}\npersistence false\n{self._settings}\n")
        return [program, "-c", str(path)]


class _Broker(Broker):  # type: ignore[misc]  # amqtt says nothing of its types
    """amqtt 0.12 sends a new client the retained messages of *all* clients' subscriptions.

    That shows a locker other lockers' messages.  Here it gets only those of its own subscriptions.
    """

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        subscribed = self.subscriptions.get(subscription[0], [])
        if any(one.client_id == session.client_id for one, _ in subscribed):
            await super()._publish_retained_messages_for_subscription(subscription, session)


async def serve(host: str, port: int) -> None:
    """Run amqtt in this event loop until cancelled."""
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    listener = ListenerConfig(bind=f"{host}:{port}")
    broker = _Broker(BrokerConfig(listeners={"default": listener}, plugins=plugins))
    await broker.start()
    try:
        await asyncio.Event().wait()
    finally:
        await broker.shutdown()


async def _serve_until_parent_ends(host: str, port: int) -> None:
    """Serve while standard input is open: it closes when the parent process ends, in whatever way."""
    loop = asyncio.get_running_loop()
    serving = asyncio.create_task(serve(host, port))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    loop.add_reader(sys.stdin.fileno(), serving.cancel)  # nobody writes to it, so readable means closed
    with contextlib.suppress(asyncio.CancelledError):
        await serving


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serve MQTT with amqtt until standard input closes.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    asyncio.run(_serve_until_parent_ends(arguments.host, arguments.port))
