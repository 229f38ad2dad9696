"""A board is replaced under a locker with parcels in it: one command, and the locker serves as before."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import device_kit as kit
import uvicorn
from consigne.broker.broker import Mosquitto
from consigne.server.api import create_app
from consigne.server.people import audit
from consigne.server.service import HostService

INSIDE, REVOKED, NEXT = "RR123456785FR", "JD000000000000000001", "JD000000000000000002"
HAND_US = 3_000_000
PATIENCE_S = 180.0  # on a busy machine; ends a test that hangs


def eventually(condition, what):
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, what
        time.sleep(0.05)


@contextmanager
def whole_host(folder):
    """Broker, host and API, in a loop of their own: ``(API's address, host, broker's port)``."""
    made, over = {}, threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    async def serve():
        broker = Mosquitto()
        await broker.start()
        host = HostService(f"sqlite:///{folder / 'host.db'}", broker.host, broker.port)
        await host.start()
        config = uvicorn.Config(create_app(host, token=kit.TOKEN), log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        await host.ready(PATIENCE_S)
        made.update(host=host, port=broker.port)
        while not over.is_set():
            await asyncio.sleep(0.05)
        server.should_exit = True
        await serving
        await host.stop()
        await broker.stop()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    eventually(lambda: made, "the host is there")
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", made["host"], made["port"]
    finally:
        over.set()
        thread.join()


def provision(board, url, file, *more):
    words = ["provision", "L0001", "--cabinet", file, "--host", url, "--token", kit.TOKEN, "-p", board.port]
    return subprocess.run(
        [sys.executable, "-m", "consigne.cli", "device", *map(str, words), *more],
        check=False,
        capture_output=True, text=True, timeout=600, env=kit.environment(),
    )  # fmt: skip


def serves(host):
    """Whether the locker is connected and has been told what lies in it."""
    locker = host.fleet.locker("L0001")
    return locker.connected and locker.status is not None and not locker.status.wants and locker.status.trust


def open_door(board):
    return next((index for index, door in enumerate(board.doors) if door.is_open), None)


def shut(board):
    """Shut the door that stands open, after what a hand needs in there; its number."""
    index, since_us = open_door(board), board.clock.now_us()
    board.wait_for(lambda: board.clock.now_us() - since_us > HAND_US, 20)
    board.push_shut(index)
    board.wait_for(lambda: not board.doors[index].is_open, 20)
    return index


def opened(board, keys):
    """Type, and shut the door that opens; its number."""
    board.type(keys)
    board.wait_for(lambda: open_door(board) is not None, 20)
    return shut(board)


def idle(board):
    """Wait until nobody is being served."""
    board.wait_for(lambda: "type your code" in " ".join(board.display()).lower(), 60)


def deposited(board, host, parcel):
    """A courier with the host's code leaves a parcel; the door."""
    idle(board)
    board.type(host.passes.window_code("L0001", role=1, action=1, holder=7).code + "#")
    board.wait_for(lambda: "scan the next" in " ".join(board.display()).lower(), 20)
    assert board.scan(parcel)
    board.wait_for(lambda: open_door(board) is not None, 20)
    index = shut(board)
    eventually(lambda: host.parcels.get(parcel).state == "in_locker", "the host knows it")
    board.type("#")
    return index


def test_a_swapped_board_serves_in_one_go_and_gives_no_parcel_away(tmp_path, ready):
    places = [tmp_path / name for name in ("first", "second")]
    for place in places:
        place.mkdir()
    with whole_host(tmp_path) as (url, host, port):
        file = kit.cabinet_file(tmp_path, network=True)
        file.write_text(file.read_text().replace("port = 1883", f"port = {port}"))
        sim = kit.compiled(file)[1]
        with kit.board_with(ready, places[0], sim) as board:
            assert provision(board, url, file, "--timezone", "UTC").returncode == 0
            eventually(lambda: serves(host), "a new locker is told that it is empty")
            for parcel in (INSIDE, REVOKED, NEXT):
                host.parcels.announce(parcel, "L0001")
            host.kick()
            eventually(lambda: host.fleet.locker("L0001").grants.are_there, "announced")
            doors = [deposited(board, host, parcel) for parcel in (INSIDE, REVOKED)]
            withdrawn = host.parcels.code(REVOKED)
            host.parcels.revoke(REVOKED)
            epoch = host.fleet.locker("L0001").status.epoch
        with kit.board_with(ready, places[1], sim) as board:
            refused = provision(board, url, file)
            assert refused.returncode == 1 and "give --replace" in refused.stderr, refused
            done = provision(board, url, file, "--replace", "--timezone", "UTC")
            assert done.returncode == 0 and "key of the former board" in done.stdout, (
                done.stdout + done.stderr
            )
            assert host.parcels.code(INSIDE) not in done.stdout
            eventually(
                lambda: serves(host) and host.fleet.locker("L0001").status.epoch != epoch, "it is told"
            )
            held = host.fleet.compartments("L0001")
            assert [held[door].parcel for door in doors] == [INSIDE, REVOKED]
            assert deposited(board, host, NEXT) not in doors
            idle(board)
            board.type(withdrawn + "#")
            board.wait_for(lambda: "withdrawn" in " ".join(board.display()).lower(), 20)
            assert open_door(board) is None
            idle(board)
            assert opened(board, host.parcels.code(INSIDE) + "#") == doors[0]
            eventually(lambda: host.parcels.get(INSIDE).state == "collected", "collected")
        with host.database.read() as connection:
            trail = [(entry.action, entry.by) for entry in audit.trail(connection, "L0001")]
        assert [who for what, who in trail if what == "give key"] == ["api token"], trail


def test_without_the_host_or_for_an_unknown_locker_no_key_is_had(tmp_path, ready, site):
    file, _, sim = site
    with kit.running_host(tmp_path) as (url, _), kit.board_with(ready, tmp_path, sim) as board:
        unknown = provision(board, url, file, "--replace")
        assert unknown.returncode == 1 and "without --replace" in unknown.stderr, unknown
        away = provision(board, "http://127.0.0.1:1", file, "--replace")
        assert away.returncode == 1 and "cannot be reached" in away.stderr and "--host" in away.stderr
        with kit.Board(board.port) as line:
            line.enter_service()
            assert line.read_file("/identity.new") is None and line.read_file("/identity.json") is None
            line.restart()
