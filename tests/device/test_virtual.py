"""The commands, as a technician gives them, on a virtual board: from bare to serving, and back to nothing."""

import random
import time

import device_kit as kit
from consigne.device import push
from consigne.device.board import Board
from consigne.device.errors import DeviceError
from consigne.firmware import application
from consigne.protocol import codes


@kit.both_kinds
def test_a_bare_board_serves_a_customer_after_three_commands(tmp_path, site, kind):
    file, _, sim = site
    image = kit.micropython_file(tmp_path, kind=kind)
    with (
        kit.running_host(tmp_path) as (url, host),
        kit.board_with(None, tmp_path, sim, **kit.BOARD_OF[kind]) as board,
    ):
        status, told = kit.consigne("flash", image, "-p", board.port)
        assert status == 0, told
        # Given again it finds all in place.
        status, told = kit.consigne("flash", image, "-p", board.port)
        assert status == 0 and "keys and journal kept" in told
        words = ["provision", "L0001", "--cabinet", file, "--host", url, "--token", kit.TOKEN]
        status, told = kit.consigne(*words, "-p", board.port, env=kit.environment())
        assert status == 0 and "registered at the host" in told, told
        board.wait_for(kit.said(board, "ready"), 20)
        key = kit.key_of(host, "L0001")
        assert key.hex() not in told
        # The courier of today deposits a parcel; the clock was set while provisioning.
        board.type(codes.window_code(key, 1, 1, 7, int(time.time())) + "#", keys_per_s=3)
        board.wait_for(lambda: "Scan the next" in " ".join(board.display()), 10)
        board.scan("RR123456785FR")
        board.wait_for(lambda: "size" in " ".join(board.display()).lower(), 10)
        board.type("1")
        board.wait_for(lambda: any(door.is_open for door in board.doors), 10)
        board.push_shut(next(i for i, door in enumerate(board.doors) if door.is_open))
        board.wait_for(lambda: not any(door.is_open for door in board.doors), 10)
        # Every part is well, and an update goes into the other slot.
        status, told = kit.consigne("doctor", "-p", board.port, env=kit.environment(COLUMNS="200"))
        how = "loaded into memory" if kind == kit.OFFICIAL else "executed in place"
        assert status == 0 and f"generation 1 in slot 0, {how}" in told, told
        with Board(board.port) as line:
            line.enter_service()
            done = push.push(line, kit.changed(application.build(), 1, random.Random(1)))
            board.log.clear()
            line.restart()
        assert (done.slot, done.generation) == (1, 2)
        board.wait_for(kit.said(board, "ready"), 20)


def test_the_reference_an_esp32_s3_with_octal_psram_serves_after_the_same_commands(tmp_path):
    file = kit.cabinet_file(tmp_path, reference=True)
    _, sim = kit.compiled(file)
    image = kit.micropython_file(tmp_path, chip_id=9)
    with (
        kit.running_host(tmp_path) as (url, host),
        kit.board_with(None, tmp_path, sim, chip="esp32s3") as board,
    ):
        status, told = kit.consigne("flash", image, "-p", board.port)
        assert status == 0 and "with PSRAM it serves everything" in told, told
        words = ["provision", "L0001", "--cabinet", file, "--host", url, "--token", kit.TOKEN]
        status, told = kit.consigne(*words, "-p", board.port, env=kit.environment())
        assert status == 0, told
        board.wait_for(kit.said(board, "ready"), 20)
        board.type(
            codes.window_code(kit.key_of(host, "L0001"), 1, 1, 7, int(time.time())) + "#", keys_per_s=3
        )
        board.wait_for(lambda: "Scan the next" in " ".join(board.display()), 10)
        status, told = kit.consigne("doctor", "-p", board.port, env=kit.environment(COLUMNS="200"))
        assert status == 0 and "generation 1 in slot 0" in told, told


def test_two_boards_are_done_at_once(tmp_path, ready):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()
    with kit.board_with(ready, one) as a, kit.board_with(ready, two) as b:
        status, told = kit.consigne("push", "-p", a.port, "-p", b.port)
    assert status == 0 and told.count("generation") == 2


@kit.both_kinds
def test_an_update_cut_anywhere_on_the_real_interpreter_ends_well(tmp_path, ready_by_kind, kind):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    rng = random.Random(seed)
    with kit.board_with(ready_by_kind[kind], tmp_path, **kit.BOARD_OF[kind]) as board:
        generation = 1
        for number in range(2):
            wanted = kit.changed(application.build(), number, rng)
            how = rng.choice((board.pull_cable_after, board.cut_power_after, board.reset_after))
            how(rng.randrange(200, 14_000))
            try:
                with Board(board.port) as line:
                    line.enter_service()
                    push.push(line, wanted)
            except DeviceError:
                kit.bring_back(board)
            with Board(board.port) as line:
                started = line.enter_service()["started"]
                assert started[2] >= 0 and started[3] >= generation
                generation = push.push(line, wanted).generation
                line.restart(service=True)
                assert line.survey()["started"][3] == generation
