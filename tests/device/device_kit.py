"""What the tests of ``consigne device`` share: boards made ready, a host that answers, a cabinet file."""

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from consigne import firmware_dir
from consigne.cabinet.compiler import compile_cabinet, device_json, open_cabinet, spelled_out
from consigne.cabinet.profiles import hardware_dir
from consigne.device import image, interpreter, provision
from consigne.device.board import Board
from consigne.device.brokerfiles import BrokerFiles
from consigne.device.hostapi import Host
from consigne.device.provision import Wanted
from consigne.firmware import application, layout, rom
from consigne.server.api import create_app
from consigne.server.service import HostService
from consigne.server.storage.models import lockers
from consigne.sim.virtualboard import image as chip_image
from consigne.sim.virtualboard.board import VirtualBoard
from consigne.sim.virtualboard.psram import Psram
from littlefs import LittleFS, LittleFSError
from sqlalchemy import select

TOKEN = "a token for tests"
WIFI_PASSWORD = "the password of the wifi"
_NEVER = 1 << 40
COMMAND = [sys.executable, "-m", "consigne.cli", "device"]
OFFICIAL, ROMFS = chip_image.OFFICIAL_PSRAM, chip_image.ROMFS
BOARD_OF = {OFFICIAL: {}, ROMFS: {"psram": Psram()}}
"""Kinds of image, and the boards that they are for, as ``board_with`` takes it."""
both_kinds = pytest.mark.parametrize("kind", BOARD_OF)
"""A test on an official image, which loads the application, and on one that executes it in place."""
# The demo's doors on an ESP32, which the virtual board is unless told otherwise: what stands before
# [network], and the pins of three doors that hang on its own; the first is on a second expander.
_ESP32_HEAD = """\
format = 1
board = "esp32-devkitc-ve"
language = "en"
digits = 8

[locks]
arm_pin = 25
pulse_ms = 400
rest_ms = 1500
volts = 12
amps = 2.2

[supply]
volts = 12
amps = 5

[[i2c]]
id = 0
scl = 22
sda = 21

[[expander]]
name = "A"
kind = "mcp23017"
address = 0x20
int_pin = 14

[[expander]]
name = "B"
kind = "mcp23017"
address = 0x21

[keypad]
rows = [26, 27, 32, 33]
cols = [4, 5, 15]
keys = "123456789*0#"

[scanner]
kind = "gm65"
uart = 2
tx = 13
rx = 34

[display]
kind = "hd44780"
address = 0x27
shifter = true

[buzzer]
pin = 2

[lamp]
pin = 12

"""
_ESP32_PINS = {"5": "18", "6": "19", "7": "23", "16": "35", "17": "36", "18": "39"}
_TECHNICIAN_TOML = '\n[[holder]]\nrole = "technician"\naction = "service"\nnumber = 1\n'


class NoBar:
    """A progress bar that nobody sees."""

    def say(self, text):
        pass

    def advance(self, done, total):
        pass


def micropython_file(folder, version="v1.28.0", chip_id=0, **more):
    """What one downloads for this chip, or builds."""
    file = folder / f"micropython-{version}-{chip_id}.bin"
    file.write_bytes(chip_image.release(version, chip_id, **more))
    return file


def ready_flash(folder, kind=chip_image.OFFICIAL_PSRAM, built=None, files=None, chip_id=0):
    """The flash of a board that ``device flash`` was done with: a fresh copy is quicker than the command.

    ``built``: another application than this one; ``files``: what lies on the board besides.
    """
    micropython = interpreter.read(micropython_file(folder, chip_id=chip_id, kind=kind))
    return image.whole_flash(image.parts(micropython, built or application.build(), fresh=True, files=files))


def board_with(flash, folder, config=None, **more):
    """A virtual board whose flash holds these bytes; the port keeps its name."""
    file = folder / "flash.bin"
    if flash is not None:
        file.write_bytes(flash)
    return VirtualBoard(file, config, link=folder / "port", **more)


def _on_esp32(text):
    """The demo's file for an ESP32."""
    text = _ESP32_HEAD + text[text.index("[network]") :]
    text = text.replace('on = "gpio"\nlock = 4\nreed = 15\n', 'on = "B"\nlock = 0\nreed = 8\n')
    return re.sub(
        r'(on = "gpio"\nlock = )(\d+)(\nreed = )(\d+)',
        lambda found: f"{found[1]}{_ESP32_PINS[found[2]]}{found[3]}{_ESP32_PINS[found[4]]}\npull_up = true",
        text,
    )


def cabinet_file(folder, *, reference=False, technician=True, network=False, clock=True):
    """The demo's cabinet as a file of the site, offline and with a clock chip unless told otherwise.

    On an ESP32; with ``reference`` as it is shipped, on an ESP32-S3.
    """
    text = (hardware_dir() / "cabinets" / "demo.toml").read_text()
    if not reference:
        text = _on_esp32(text)
    if not network:
        head, _, rest = text.partition("[network]")
        text = head + rest[rest.index("\n[") :] if rest else head
    if technician and '"technician"' not in text:
        text += _TECHNICIAN_TOML
    if clock and "[clock]" not in text:
        text = text.replace("[front]", '[clock]\nkind = "ds3231"\ni2c = 0\n\n[front]')
    file = folder / "cabinet.toml"
    file.write_text(text)
    return file


def compiled(file):
    """``(configuration for the device, the same for the simulator)``."""
    cabinet = open_cabinet(file)
    config = compile_cabinet(cabinet)[0]
    return config, spelled_out(cabinet, config)


def wanted(locker, config, *, production=False, ca=None):
    files = BrokerFiles(secrets.token_urlsafe(12), ca)
    text = device_json(config).encode()
    return Wanted(locker, config, text, "Europe/Paris", WIFI_PASSWORD, files, production)


@contextmanager
def running_host(folder):
    """A host with its API on the loopback, without a broker: ``(url, host)``."""
    host = HostService(f"sqlite:///{folder / 'host.db'}", broker_port=1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(create_app(host, token=TOKEN), log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", host
        finally:
            server.should_exit = True
            thread.join()
            host.database.close()


def identity_on(board_flash):
    """The identity in a flash image, read by littlefs as a stranger would; None when there is none."""
    vfs = layout.partition("vfs")
    blocks = vfs.size // layout.SECTOR_BYTES
    lfs = LittleFS(block_size=layout.SECTOR_BYTES, block_count=blocks, mount=False)
    lfs.context.buffer[:] = board_flash[vfs.offset : vfs.end]
    try:
        lfs.mount()
        with lfs.open("identity.json", "rb") as file:
            return json.loads(file.read())
    except (LittleFSError, FileNotFoundError):
        return None


def flash_of(folder):
    return Path(folder, "flash.bin").read_bytes()


def environment(**more):
    """For commands: the environment with the Wi-Fi password that nobody types."""
    path = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    return {**os.environ, "PATH": path, "CONSIGNE_WIFI_PASSWORD": WIFI_PASSWORD, **more}


def key_of(host, locker):
    """The device key that the host has."""
    with host.database.read() as connection:
        row = connection.execute(select(lockers).where(lockers.c.id == locker)).first()
    return row.device_key.reveal()


def partition_of(folder, label):
    return image.partition_in(Path(folder, "flash.bin"), label)


def lose_records(file):
    """Rub out the second record of the journal, whatever it says."""
    data = bytearray(file.read_bytes())
    start = layout.partition("journal").offset
    sector = next(at for at in range(start, start + 0x10_0000, 4096) if data[at : at + 1] == b"J")
    data[sector + 32 : sector + 48] = bytes(16)
    file.write_bytes(data)


def changed(application_, number, rng):
    """The same application with one file more, which differs each time."""
    vfs_files = rom.compiled(rom.sources(firmware_dir()), Path(tempfile.mkdtemp()))
    vfs_files["extra.mpy"] = rng.randbytes(1500)
    vfs_files["number.txt"] = str(number).encode()
    return application.Application(rom.pack(vfs_files), application_.boot_files)


def bring_back(board):
    """Cable in and power on, whichever was gone, and no cut planned any more."""
    board.pull_cable_after(_NEVER)
    board.pull_cable()
    board.plug_cable()
    if not board.powered:
        board.restore_power()


def consigne(*words, env=None):
    """Run ``consigne device ...``: ``(exit status, what it said)``."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)],
        check=False,
        capture_output=True, text=True, timeout=600, env=env, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def said(board, text):
    return lambda: any(text in line for _, _, line in board.log)


def made_locker(board, config, url, name="L0001", **more):
    """Provision through the library; returns when it serves."""
    with Board(board.port) as line:
        line.enter_service()
        provision.provision(line, Host(url, TOKEN), wanted(name, config, **more), lambda text: None)
    board.wait_for(said(board, "ready"), 20)
