"""A locker out of its box, which has never known the time: firmware, broker and host are real."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from consigne.broker.broker import Mosquitto, free_port
from consigne.server.service import HostService
from lab.bench import tls
from server_kit import PATIENCE_S, until


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Mosquitto, HostService]]:
    """A broker with the certificate in ``folder``, and a host."""
    plain = free_port()
    settings = (
        f"user root\nallow_anonymous true\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key\n"
        f"listener {plain} {tls.ADDRESS}\nallow_anonymous true"
    )
    broker = Mosquitto(settings=settings)
    await broker.start()
    host = HostService(f"sqlite:///{folder}/host.db", tls.ADDRESS, plain)
    try:
        await host.start()
        await host.ready(PATIENCE_S)
        yield broker, host
    finally:
        await host.stop()
        await broker.stop()


@pytest.mark.parametrize("case", ["began yesterday", "ends in an hour"])
def test_a_locker_that_has_never_known_the_time_comes_online_and_sets_its_clock(
    tmp_path: Path, case: str
) -> None:
    seen = asyncio.run(tls.first_day(tmp_path / "locker", tls.CASES[case]))
    assert seen.handshakes == 3, "refused by the earliest time, believed, judged by the true date"


def test_a_certificate_that_has_expired_lets_nobody_in_once_the_time_is_known(tmp_path: Path) -> None:
    """It is believed for as long as the host needs to say what time it is, and no longer."""

    async def scene() -> None:
        tls.certify(tmp_path, tls.AUTHORITY, (-90, -1))
        async with served(tmp_path) as (broker, host):
            with tls.powered(tmp_path, broker.port, host) as locker:
                cable = locker.netcut
                assert cable is not None
                await until(lambda: tls.is_right(locker))  # it has been told the time
                await until(lambda: not host.fleet.locker(locker.name).connected)
                tried = cable.accepted
                await until(lambda: cable.accepted >= tried + 2)
                assert not host.fleet.locker(locker.name).connected

    asyncio.run(scene())
