"""The commands, as a technician gives them, on a virtual board: from bare to serving, and back to nothing."""

import json
import random
import subprocess
import sys
import time

import device_kit as kit
import pytest
from consigne.device import erase, journal, push
from consigne.device import provision as provisioning
from consigne.device.board import Board
from consigne.device.errors import DeviceError
from consigne.device.hostapi import Host
from consigne.device.rombootloader import RomBootLoader
from consigne.firmware import application
from consigne.protocol import codes
from consigne.server.fleet.fleet import Fleet

_COMMAND = [sys.executable, "-m", "consigne.cli", "device"]


def consigne(*words, env=None):
    """Run ``consigne device ...``: ``(exit status, what it said)``."""
    done = subprocess.run(
        [*_COMMAND, *map(str, words)],
        check=False,
        capture_output=True, text=True, timeout=600, env=env, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="session")
def ready_by_kind(tmp_path_factory):
    """Flash with an application, by kind of image."""
    return {kind: kit.ready_flash(tmp_path_factory.mktemp("ready"), kind) for kind in kit.BOARD_OF}


@pytest.fixture(scope="session")
def ready(ready_by_kind):
    return ready_by_kind[kit.OFFICIAL]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A cabinet file, its configuration, and the same for the simulator."""
    file = kit.cabinet_file(tmp_path_factory.mktemp("site"))
    return file, *kit.compiled(file)


def said(board, text):
    return lambda: any(text in line for _, _, line in board.log)


def made_locker(board, config, url, name="L0001", **more):
    """Provision through the library; returns when it serves."""
    with Board(board.port) as line:
        line.enter_service()
        provisioning.provision(
            line, Host(url, kit.TOKEN), kit.wanted(name, config, **more), lambda text: None
        )
    board.wait_for(said(board, "ready"), 20)


@kit.both_kinds
def test_a_bare_board_serves_a_customer_after_three_commands(tmp_path, site, kind):
    file, _, sim = site
    image = kit.micropython_file(tmp_path, kind=kind)
    with (
        kit.running_host(tmp_path) as (url, host),
        kit.board_with(None, tmp_path, sim, **kit.BOARD_OF[kind]) as board,
    ):
        status, told = consigne("flash", image, "-p", board.port)
        assert status == 0, told
        # Given again it finds all in place.
        status, told = consigne("flash", image, "-p", board.port)
        assert status == 0 and "keys and journal kept" in told
        words = ["provision", "L0001", "--cabinet", file, "--host", url, "--token", kit.TOKEN]
        status, told = consigne(*words, "-p", board.port, env=kit.environment())
        assert status == 0 and "registered at the host" in told, told
        board.wait_for(said(board, "ready"), 20)
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
        status, told = consigne("doctor", "-p", board.port, env=kit.environment(COLUMNS="200"))
        how = "loaded into memory" if kind == kit.OFFICIAL else "executed in place"
        assert status == 0 and f"generation 1 in slot 0, {how}" in told, told
        with Board(board.port) as line:
            line.enter_service()
            done = push.push(line, kit.changed(application.build(), 1, random.Random(1)))
            line.restart()
        assert (done.slot, done.generation) == (1, 2)
        board.log.clear()
        board.wait_for(said(board, "ready"), 20)


def test_the_reference_an_esp32_s3_with_octal_psram_serves_after_the_same_commands(tmp_path):
    file = kit.cabinet_file(tmp_path, reference=True)
    _, sim = kit.compiled(file)
    image = kit.micropython_file(tmp_path, chip_id=9)
    with (
        kit.running_host(tmp_path) as (url, host),
        kit.board_with(None, tmp_path, sim, chip="esp32s3") as board,
    ):
        status, told = consigne("flash", image, "-p", board.port)
        assert status == 0 and "with PSRAM it serves everything" in told, told
        words = ["provision", "L0001", "--cabinet", file, "--host", url, "--token", kit.TOKEN]
        status, told = consigne(*words, "-p", board.port, env=kit.environment())
        assert status == 0, told
        board.wait_for(said(board, "ready"), 20)
        board.type(
            codes.window_code(kit.key_of(host, "L0001"), 1, 1, 7, int(time.time())) + "#", keys_per_s=3
        )
        board.wait_for(lambda: "Scan the next" in " ".join(board.display()), 10)
        status, told = consigne("doctor", "-p", board.port, env=kit.environment(COLUMNS="200"))
        assert status == 0 and "generation 1 in slot 0" in told, told


def test_two_boards_are_done_at_once(tmp_path, ready):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()
    with kit.board_with(ready, one) as a, kit.board_with(ready, two) as b:
        status, told = consigne("push", "-p", a.port, "-p", b.port)
    assert status == 0 and told.count("generation") == 2


def test_keys_of_board_and_host_agree_wherever_provisioning_is_cut(tmp_path, ready, site):
    _, config, sim = site
    rng = random.Random(11)
    with kit.running_host(tmp_path) as (url, host), kit.board_with(ready, tmp_path, sim) as board:
        for end in (800, 1_600, 2_400, 3_200):  # of some 4,000 bytes
            wanted = kit.wanted("L0001", config)
            with pytest.raises(DeviceError, match="give the same command again"), Board(board.port) as line:
                line.enter_service()
                board.pull_cable_after(rng.randrange(end - 800, end))
                provisioning.provision(line, Host(url, kit.TOKEN), wanted, lambda text: None)
            kit.bring_back(board)
        made_locker(board, config, url)
        board.cut_power()
        held = kit.identity_on(kit.flash_of(tmp_path))
        assert held["device_key"] == kit.key_of(host, "L0001").hex()
        assert len(Fleet(host.database).lockers()) == 1


@kit.both_kinds
def test_a_closed_console_lets_no_tool_in_and_erase_leaves_nothing(tmp_path, ready_by_kind, site, kind):
    _, config, sim = site
    with (
        kit.running_host(tmp_path) as (url, host),
        kit.board_with(ready_by_kind[kind], tmp_path, sim, **kit.BOARD_OF[kind]) as board,
    ):
        made_locker(board, config, url, production=True)
        tried = subprocess.run(
            ["mpremote", "connect", board.port, "fs", "cat", ":identity.json"],
            check=False,
            capture_output=True, timeout=600, env=kit.environment(),
        )  # fmt: skip
        key = kit.key_of(host, "L0001")
        assert tried.returncode and key.hex().encode() not in tried.stdout
        for words in (["push"], ["doctor"], ["journal", "dump"]):
            status, told = consigne(*words, "-p", board.port)
            assert status == 1 and "the console is closed" in told, words
        status, told = consigne("push", "-p", board.port, "--code", "00000000")
        assert status == 1 and "wrong code" in told
        flash = kit.flash_of(tmp_path)
        assert key.hex().encode() in flash and kit.WIFI_PASSWORD.encode() in flash
        board.reset()
        erase.erase(RomBootLoader(board.port, "esp32"), lambda done, total: None)
        board.cut_power()
        flash = kit.flash_of(tmp_path)
        assert key.hex().encode() not in flash and kit.WIFI_PASSWORD.encode() not in flash
        assert kit.identity_on(flash) is None


def test_a_journal_reads_the_same_from_the_board_and_from_its_flash_in_a_file(tmp_path, ready, site):
    _, config, sim = site
    with kit.running_host(tmp_path) as (url, _), kit.board_with(ready, tmp_path, sim) as board:
        made_locker(board, config, url)
        board.type("12345678#")
        board.wait_for(lambda: "known here" in " ".join(board.display()).lower(), 10)
        status, told = consigne("journal", "dump", "-p", board.port, "--json")
        assert status == 0
        board.cut_power()
    from_board = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    status, told = consigne("journal", "dump", "--image", tmp_path / "flash.bin", "--json")
    assert status == 0 and "clean" in told
    from_file = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    kinds = [record["kind"] for record in from_board]
    assert kinds[0] == "boot" and {"attempt", "refused"} <= set(kinds)
    assert from_file[: len(from_board)] == from_board  # it has started again since


def test_a_locker_whose_state_was_lost_serves_again_when_somebody_looked(tmp_path, ready, site):
    _, config, sim = site
    with kit.running_host(tmp_path) as (url, _), kit.board_with(ready, tmp_path, sim) as board:
        made_locker(board, config, url)
        board.cut_power()
    kit.lose_records(tmp_path / "flash.bin")
    answers = ["empty", "RR123456785FR", "unseen"] + ["empty"] * (len(config["doors"]) - 3)
    with kit.board_with(None, tmp_path, sim) as board:
        board.wait_for(said(board, "state not proven"), 20)
        done = subprocess.run(
            [*_COMMAND, "journal", "prove", "-p", board.port],
            check=False,
            input="\n".join(answers) + "\n", capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0 and "proven: 12 compartments, 1 of them blocked" in done.stdout, done
        board.log.clear()
        board.wait_for(said(board, "ready"), 20)
        assert not said(board, "not proven")()
        board.cut_power()
    dump = journal.decode(kit.partition_of(tmp_path, "journal"))
    assert dump.proven
    assert any(entry.data.get("parcel") == "RR123456785FR" for entry in dump.entries)


def test_doctor_names_the_part_that_fails_and_what_to_do(tmp_path, ready, site):
    _, config, sim = site
    with kit.running_host(tmp_path) as (url, _), kit.board_with(ready, tmp_path, sim) as board:
        made_locker(board, config, url)
        board.cabinet.display.silent = True
        board.doors[2].strike.dead = True
        status, told = consigne(
            "doctor", "-p", board.port, "--doors", "--yes", env=kit.environment(COLUMNS="200")
        )
    assert status == 1
    rows = {row.split("│")[1].strip(): row for row in told.splitlines() if row.count("│") == 5}
    assert "pass" in rows["PSRAM"] and "MB" in rows["PSRAM"]
    assert "at the least" in rows["internal memory"] and "while it served" in rows["Python's memory"]
    assert "fail" in rows["display"] and "SDA and SCL" in rows["display"]
    assert "fail" in rows["door 3 lock"] and "latch" in rows["door 3 lock"]
    assert "pass" in rows["door 1 lock"] and "pass" in rows["keypad"] and "pass" in rows["clock"]
    assert "not in production" in rows["console"]


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
