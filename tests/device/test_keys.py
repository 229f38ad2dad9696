"""A locker's keys, on a virtual board: host and board hold the same, no tool reads them, none is left."""

import random
import secrets
import subprocess

import device_kit as kit
import pytest
from consigne.device import erase
from consigne.device import provision as provisioning
from consigne.device.board import Board
from consigne.device.errors import DeviceError
from consigne.device.hostapi import Host
from consigne.device.rombootloader import RomBootLoader
from consigne.server.fleet.fleet import Fleet


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
        kit.made_locker(board, config, url)
        board.cut_power()
        held = kit.identity_on(kit.flash_of(tmp_path))
        assert held["device_key"] == kit.key_of(host, "L0001").hex()
        assert len(Fleet(host.database).lockers()) == 1


def test_a_host_that_refuses_leaves_a_board_that_is_nobodys(tmp_path, ready, site):
    _, config, sim = site
    with kit.running_host(tmp_path) as (url, host), kit.board_with(ready, tmp_path, sim) as board:
        body = {**provisioning.registration(kit.wanted("L0001", config), secrets.token_hex(32))}
        Host(url, kit.TOKEN).register(body)
        for token, told in (("wrong", "does not know this token"), (kit.TOKEN, "with another key than this")):
            with Board(board.port) as line, pytest.raises(DeviceError, match=told):
                line.enter_service()
                provisioning.provision(line, Host(url, token), kit.wanted("L0001", config), lambda text: None)
            with Board(board.port) as line:
                line.enter_service()
                assert line.read_file("/identity.new") is None
        kit.made_locker(board, config, url, "L0002")
        assert len(Fleet(host.database).lockers()) == 2


@kit.both_kinds
def test_a_closed_console_lets_no_tool_in_and_erase_leaves_nothing(tmp_path, ready_by_kind, site, kind):
    _, config, sim = site
    with (
        kit.running_host(tmp_path) as (url, host),
        kit.board_with(ready_by_kind[kind], tmp_path, sim, **kit.BOARD_OF[kind]) as board,
    ):
        kit.made_locker(board, config, url, production=True)
        tried = subprocess.run(
            ["mpremote", "connect", board.port, "fs", "cat", ":identity.json"],
            check=False,
            capture_output=True, timeout=600, env=kit.environment(),
        )  # fmt: skip
        key = kit.key_of(host, "L0001")
        assert tried.returncode and key.hex().encode() not in tried.stdout
        for words in (["push"], ["doctor"], ["journal", "dump"]):
            status, told = kit.consigne(*words, "-p", board.port)
            assert status == 1 and "the console is closed" in told, words
        status, told = kit.consigne("push", "-p", board.port, "--code", "00000000")
        assert status == 1 and "wrong code" in told
        flash = kit.flash_of(tmp_path)
        assert key.hex().encode() in flash and kit.WIFI_PASSWORD.encode() in flash
        board.reset()
        erase.erase(RomBootLoader(board.port, "esp32"), lambda done, total: None)
        board.cut_power()
        flash = kit.flash_of(tmp_path)
        assert key.hex().encode() not in flash and kit.WIFI_PASSWORD.encode() not in flash
        assert kit.identity_on(flash) is None
