"""What the MQTT tests stand on: real brokers, the device on the real interpreter, a host that listens."""

import asyncio
import atexit
import contextlib
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gmqtt
from consigne.sim.grounds.chipclock import DESCRIPTOR, ChipClock
from consigne.sim.grounds.process import ROM_BOOT
from locker.core import codes

ROOT = Path(__file__).resolve().parents[2]
DEVICE_KEY = bytes(range(32))
LOCKER = "L0001"
PREFIX = f"consigne/1/{LOCKER}/"
START_S = 1_790_000_000  # the device's clock in these tests
PATIENCE_S = 180.0  # ends a test that hangs, not one that is slow


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def eventually(check: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """The first true value of ``check``; fails with ``what`` when there is none in time."""
    end = time.monotonic() + patience_s
    while not (value := check()):
        assert time.monotonic() < end, f"not within {patience_s} s: {what}"
        time.sleep(0.01)
    return value


def seal(topic: str, body: dict[str, Any] | bytes, label: str = codes.LABEL_COMMAND) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
    return codes.frame_head(codes.derive(DEVICE_KEY, label), topic, data) + data


def unseal(topic: str, frame: bytes) -> dict[str, Any]:
    body = codes.open_frame(codes.derive(DEVICE_KEY, codes.LABEL_EVENT), topic, frame)
    assert body is not None, f"a frame of {len(frame)} bytes on {topic} is not the locker's"
    value: dict[str, Any] = json.loads(bytes(body))
    return value


class Process:
    """A child process that does not outlive the tests, whichever way they end."""

    def __init__(self, *command: str, **options: Any):
        self.process = subprocess.Popen(command, **options)
        atexit.register(self.process.kill)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Like a machine whose cable was cut: the kernel still takes bytes, nobody reads them."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


class Mosquitto(Process):
    """mosquitto on a port of its own; ``extra`` are more lines of its configuration."""

    def __init__(self, folder: Path, port: int | None = None, extra: str = "allow_anonymous true"):
        self.port = port or free_port()
        path = folder / f"mosquitto-{self.port}.conf"
        path.write_text(f"listener {self.port} 127.0.0.1\nmax_queued_messages 0\nuser root\n{extra}\n")
        program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        assert program, "mosquitto is not installed"
        super().__init__(program, "-c", str(path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self._listens, "mosquitto listens")

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


class Amqtt:
    """The embedded broker of the demo, in a thread of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._start())

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)

    async def _start(self) -> None:
        from amqtt.broker import Broker

        self._broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        await self._broker.start()

    def kill(self) -> None:
        self._run(self._broker.shutdown())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


class Device(Process):
    """The client and the sync on MicroPython, see ``mqtt_device.py``."""

    def __init__(self, port: int, heap_kb: int = 4096, **options: Any):
        options.update(port=port, locker=options.get("locker", LOCKER), device_key=DEVICE_KEY.hex())
        self.clock = ChipClock()
        environment = {
            **os.environ,
            "MICROPYPATH": f"{ROOT}/firmware:{ROOT}/host_tools/consigne:.frozen",
            DESCRIPTOR: str(self.clock.descriptor),
        }
        super().__init__(
            sys.executable,
            str(ROM_BOOT),
            str(heap_kb),
            str(Path(__file__).with_name("mqtt_device.py")),
            pass_fds=(self.clock.descriptor,),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.events: list[list[Any]] = []
        self.links: list[bool] = []
        self.noise = ""
        self._answers: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.ask("ready", options)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if not line.startswith("["):  # the interpreter's last words
                self.noise += line
                continue
            name, value = json.loads(line)
            if name == "event":
                self.events.append(value)
            elif name == "link":
                self.links.append(value)
            else:
                self._answers.put((name, value))

    def ask(self, name: str, argument: Any = None) -> Any:
        assert self.process.stdin
        self.process.stdin.write(json.dumps([name, argument]) + "\n")
        self.process.stdin.flush()
        return self._answer(name)

    def _answer(self, name: str) -> Any:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and (self._reader.is_alive() or not self._answers.empty()):
            with contextlib.suppress(queue.Empty):
                answered, value = self._answers.get(timeout=0.2)
                assert answered == name
                return value
        raise AssertionError(f"no answer to {name}: {self.noise}")

    def state(self) -> dict[str, Any]:
        value: dict[str, Any] = self.ask("state")
        return value

    def wait_up(self) -> None:
        eventually(lambda: self.state()["up"], "the device is connected")

    def wait_looked(self) -> None:
        """Until the client has looked at its connection: a look that began after this and has ended."""
        looks = self.state()["looks"]
        eventually(lambda: self.state()["looks"] >= looks + 2, "it looked at its connection")

    def kill(self) -> None:
        super().kill()
        self._reader.join(PATIENCE_S)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class Host:
    """A host that stores what the locker says and may acknowledge it, as the ingest does."""

    def __init__(self, port: int, topics: str = "consigne/1/+/#", acknowledge: bool = False):
        self.messages: list[tuple[str, bytes]] = []
        self.events: dict[int, list[Any]] = {}  # seq -> row
        self.duplicates = 0
        self.acknowledge = acknowledge
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._topics = topics
        self._subscribed = threading.Event()
        self._client = gmqtt.Client(f"host-{free_port()}")
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_connect = lambda *_: self._client.subscribe(topics, qos=1)
        self._run(self._client.connect("127.0.0.1", port, version=4))
        assert self._subscribed.wait(PATIENCE_S)

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)

    def _on_message(self, client: Any, topic: str, payload: bytes, qos: int, properties: Any) -> int:
        if not topic.endswith(("/commands", "/ack")):
            self.messages.append((topic, bytes(payload)))
        if topic.endswith("/events"):
            body = unseal(topic, bytes(payload))
            for row in body["events"]:
                self.duplicates += row[0] in self.events
                self.events[row[0]] = row
            if self.acknowledge:
                self.send_ack(body["epoch"], self.contiguous())
        return 0

    def contiguous(self) -> int:
        seq = getattr(self, "_contiguous", 0)
        while seq + 1 in self.events:
            seq += 1
        self._contiguous = seq
        return seq

    def send_ack(self, epoch: int, seq: int) -> None:
        self.publish(PREFIX + "ack", seal(PREFIX + "ack", {"epoch": epoch, "seq": seq}))

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None:
        self._loop.call_soon_threadsafe(lambda: self._client.publish(topic, payload, qos=qos, retain=retain))

    def command(self, counter: int, name: str, topic: str = PREFIX + "commands", **fields: Any) -> bytes:
        """Send a right and timely command; returns the frame, for those who replay it."""
        body = {"id": f"c{counter}", "n": counter, "exp": START_S + 60, "cmd": name, **fields}
        frame = seal(topic, body)
        self.publish(topic, frame)
        return frame

    def on(self, name: str) -> list[dict[str, Any]]:
        """The bodies received so far on one of the locker's topics, but for questions what time it is."""
        bodies = [unseal(topic, frame) for topic, frame in list(self.messages) if topic == PREFIX + name]
        return [body for body in bodies if body.get("ask") != "time"]

    def kill(self) -> None:
        self._run(self._client.disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


@contextlib.contextmanager
def ended(*things: Any) -> Iterator[None]:
    """Kill all of ``things`` at the end, in the reverse order."""
    with contextlib.ExitStack() as stack:
        for thing in things:
            stack.callback(thing.kill)
        yield
