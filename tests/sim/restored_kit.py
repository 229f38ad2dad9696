"""The whole firmware and a host's own storing and sending, in virtual time; the host can be restored."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from consigne.protocol import frames, messages, topics
from consigne.server.clock import now_s
from consigne.server.fleet import commands
from consigne.server.fleet.fleet import Fleet
from consigne.server.ingest.decode import Decoder, KeyRing
from consigne.server.ingest.store import Store
from consigne.server.storage.contiguity import Gaps
from consigne.server.storage.database import Database
from consigne.server.storage.documents import Door
from consigne.sim import reference
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.broker import Broker
from consigne.sim.network.memory import MemoryNetwork
from host_kit import new_file
from sim_kit import EPOCH_S, IDENTITY, KEY

LOCKER = "L0001"
STEP_S = 1.0


class Joined:
    """A locker and its host, joined by a broker; ``sent`` are the bodies of commands that went out."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = VirtualClock()
        self.ahead_s = 0
        monkeypatch.setattr(time, "time", lambda: EPOCH_S + self.ahead_s + self.clock.now_us() / 1e6)
        network = MemoryNetwork(self.clock)
        self.broker = Broker(self.clock)
        network.listen(1883, self.broker)
        self._file, self._copy = folder / "host.db", folder / "copy.db"
        self._file.write_bytes(new_file())
        self.sent: list[dict[str, Any]] = []
        self._open()
        doors = [Door(**door) for door in reference.layout()]
        Fleet(self.database).register(LOCKER, KEY, doors=doors)
        self._network = network
        self.locker = self._board(folder / "device")
        self.broker.subscribe("consigne/1/#", self._hear)
        self.locker.start()
        self.locker.wait_for(lambda: self.broker.retained, 60)
        self.run(6)

    def _board(self, folder: Path, seed: int = 0) -> SimLocker:
        config = reference.config(1883, always_open=True)
        return SimLocker(
            config, IDENTITY, folder, "virtual", clock=self.clock, network=self._network, seed=seed
        )

    def swap_board(self, folder: Path) -> None:
        """Another board, with an empty flash and the same key, takes the place of this one."""
        self.locker.cut_power()
        self.locker = self._board(folder, seed=1)  # so that it draws another epoch
        self.locker.start()
        self.run(10)

    def shut_all(self) -> None:
        """Push every open door shut."""
        for number, door in enumerate(self.locker.doors):
            if door.is_open:
                self.locker.push_shut(number)
        self.run(5)

    def _open(self) -> None:
        self.database = Database(f"sqlite:///{self._file}")
        self.store, self._gaps = Store(self.database), Gaps()
        self._decoder = Decoder(KeyRing(self.database))
        self.store.forget_presence()

    def backup(self) -> None:
        """Copy the database, as it is now."""
        self.database.close()
        shutil.copy(self._file, self._copy)
        self._open()
        self._hear_retained()

    def restore(self) -> None:
        """Put the copy back, and start the host."""
        self.database.close()
        shutil.copy(self._copy, self._file)
        self._open()
        self._hear_retained()

    def _hear_retained(self) -> None:
        for topic, payload in self.broker.retained.items():
            self._hear(topic, payload, True)

    def stop(self) -> None:
        """End both."""
        self.locker.stop()
        self.database.close()

    def run(self, seconds: float) -> None:
        """Let both work."""
        for _ in range(int(seconds / STEP_S)):
            self.locker.run_for(STEP_S)
            self._tick()

    def typed(self, keys: str) -> bool:
        """Type a code; whether a door springs open."""
        self.run(self.locker.type(keys + "#") + 3)
        return any(door.is_open for door in self.locker.doors)

    def deposit(self, courier: str, parcel: str) -> int:
        """A courier puts a parcel in; returns the door."""
        self.locker.type(courier + "#")
        self.run(3)
        assert self.locker.scan(parcel)
        self.run(3)
        (door,) = [number for number, one in enumerate(self.locker.doors) if one.is_open]
        self.locker.push_shut(door)
        self.run(2)
        self.locker.type("#")
        self.run(15)
        return door

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic.endswith(("/ack", "/commands")):
            return
        message = self._decoder.decode(topic, payload, retained)
        assert message is not None, self._decoder.dropped
        outcome = self.store.commit([message])
        at_s = self.clock.now_us() / 1e6
        for (locker, epoch), held in outcome.held.items():
            self._gaps.note((locker, epoch), held.first_missing, at_s)
            body = messages.ack_body(epoch, held.contiguous)
            self._publish(topics.topic(locker, topics.ACK), body)
        for stream, first in outcome.behind.items():
            self._gaps.note(stream, first, at_s, 5)
        self._tick()

    def _publish(self, topic: str, body: bytes) -> None:
        self.broker.publish(topic, frames.frame(KEY, frames.LABEL_COMMAND, topic, body))

    def _tick(self) -> None:
        asked = self._gaps.due(self.clock.now_us() / 1e6)
        missing = {locker: first for (locker, _), first in asked}
        turn = self.database.transact(lambda one: commands.turn(one, [LOCKER], missing, now_s()))
        for command in turn.outgoing:
            body = frames.open_frame(KEY, frames.LABEL_COMMAND, command.topic, command.payload)
            assert body is not None
            self.sent.append(messages.load(body))
            self.broker.publish(command.topic, command.payload)
