"""Two boards under one identity, both on line: the broker lets in whoever came last, the host names both."""

import asyncio

from consigne.broker.broker import Mosquitto
from consigne.server.service import HostService
from consigne.server.storage.documents import Door
from mqtt_kit import DEVICE_KEY, LOCKER, Device
from server_kit import PATIENCE_S, broker_of, go, until


def test_two_boards_under_one_name_are_one_alarm_that_tells_them_apart(tmp_path):
    async def scene():
        async with broker_of(Mosquitto) as broker:
            host = HostService(f"sqlite:///{tmp_path / 'host.db'}", broker.host, broker.port)
            host.fleet.register(LOCKER, DEVICE_KEY, doors=[Door("1", 1)])
            await host.start()
            await host.ready(PATIENCE_S)
            retry = {"retry_s": 0.5, "retry_most_s": 1}
            boards = [await asyncio.to_thread(Device, broker.port, **retry) for _ in range(2)]
            try:
                await until(lambda: [one for one in host.alarms.open(LOCKER) if one.kind == "two_boards"])
                alarms = [one for one in host.alarms.open(LOCKER) if one.kind == "two_boards"]
            finally:
                for board in boards:
                    board.kill()
                await host.stop()
        (alarm,) = alarms
        assert alarm.data["one"] != alarm.data["other"]
        assert all(str(alarm.data[name]).startswith("journal ") for name in ("one", "other"))

    go(scene)
