"""What a technician is told when something is wrong: one sentence, and it says what to do."""

import dataclasses
import errno
import io
import os
import termios
import time

import device_kit as kit
import pytest
import serial
from consigne.cabinet.problems import CabinetError
from consigne.cli import app
from consigne.commandline.screen import Screen
from consigne.device import (
    brokerfiles,
    cli,
    doctor,
    errors,
    hostapi,
    image,
    interpreter,
    journal,
    push,
    serialline,
)
from consigne.device import provision as provisioning
from consigne.device.board import Board
from consigne.device.brokerfiles import BrokerFiles
from consigne.device.content import BYTES_MAX
from consigne.device.errors import CableError, DeviceError
from consigne.device.esptooljob import Cause, Failure, Job
from consigne.device.hostapi import Host
from consigne.device.rombootloader import RomBootLoader, trouble
from consigne.firmware import application, slots
from consigne.sim.virtualboard import image as chip_image
from consigne.sim.virtualboard.board import VirtualBoard, install
from locker.core import events
from locker.core.windows import SLOT_S
from typer.testing import CliRunner

# It prints as it goes on: mpremote waits for the next word, however long the whole takes.
_FILL = """
try:
 for i in range(200):
  with open('/more{}'.format(i), 'wb') as f: f.write(bytes(8192))
  print(i)
except OSError: pass
"""


def is_one_sentence(text):
    assert "Traceback" not in text and "\n" not in text.strip(), text
    return True


# --- the port ----------------------------------------------------------------------------------------


def test_no_such_port():
    status, told = kit.consigne("push", "-p", "/dev/ttyUSB_none")
    assert status == 1 and "no such port; plug the board in" in told and is_one_sentence(told)


STEERING = "t\x1b]0;title\x07\nt"
"""A name that gives the terminal another title."""


@pytest.mark.parametrize("command", ["doctor", "logs"])
def test_a_port_of_any_name_does_not_steer_the_terminal(command):
    done = CliRunner().invoke(app, ["device", command, "-p", STEERING])
    assert done.exit_code == 1 and is_one_sentence(done.output)
    told = "t\\u001b]0;title\\u0007\\u000at: no such port"
    assert told in done.output and not set(done.output) & set("\x1b\x07"), done.output


def test_what_a_board_says_of_itself_does_not_steer_the_terminal():
    printed = io.StringIO()
    screen = Screen(file=printed, width=200)
    screen.print(doctor.table(STEERING, [doctor.Finding("door " + STEERING, doctor.FAIL, STEERING)]))
    screen.print(STEERING, markup=False, highlight=False)
    assert printed.getvalue().count("]0;title\\u0007") == 4 and not set(printed.getvalue()) & set("\x1b\x07")


def test_a_file_is_no_port(tmp_path):
    file = tmp_path / "port"
    file.write_bytes(b"root:x:0:0")
    with (
        pytest.raises(DeviceError, match="is not a serial port; see `consigne device ports`"),
        Board(str(file)),
    ):
        pass


def test_a_port_that_another_program_has(tmp_path):
    with kit.board_with(None, tmp_path) as board:
        taken = serial.Serial(board.port, exclusive=True)
        with pytest.raises(DeviceError, match="in use by another program; close"), Board(board.port):
            raise AssertionError("it was opened")
        taken.close()


def test_a_board_without_micropython(tmp_path):
    with (
        kit.board_with(None, tmp_path) as board,
        Board(board.port, patience_s=0.5) as line,
        pytest.raises(DeviceError, match="no MicroPython answers; flash the board with"),
    ):
        line.enter()


def test_a_cable_that_is_pulled(tmp_path):
    install(tmp_path / "flash.bin")
    with kit.board_with(None, tmp_path) as board, Board(board.port) as line:
        line.enter()
        board.pull_cable()
        with pytest.raises(DeviceError, match="went away in the middle; check cable and supply"):
            line.run("print(1)")


def test_several_boards_and_none_named(monkeypatch):
    from consigne.device import parallel

    ports = [type("Port", (), {"device": name, "vid": 1})() for name in ("/dev/ttyUSB1", "/dev/ttyUSB0")]
    monkeypatch.setattr(parallel.list_ports, "comports", lambda: ports)
    with pytest.raises(DeviceError, match=r"say which with --port .*ttyUSB0, /dev/ttyUSB1"):
        parallel.choose(None)
    monkeypatch.setattr(parallel.list_ports, "comports", list)
    with pytest.raises(DeviceError, match="no board is plugged in; check the cable"):
        parallel.choose(None)


# --- the board ---------------------------------------------------------------------------------------


def test_another_chip_than_the_image_is_for(tmp_path):
    with VirtualBoard(tmp_path / "flash.bin", chip="esp32s3", link=tmp_path / "port") as board:
        status, told = kit.consigne("flash", kit.micropython_file(tmp_path), "-p", board.port)
    assert status == 1 and "this board has an ESP32-S3, the image is for ESP32; take ESP32_GENERIC_S3" in told


def test_a_micropython_too_old_on_the_board(tmp_path):
    install(tmp_path / "flash.bin", "v1.24.1")
    with kit.board_with(None, tmp_path) as board, Board(board.port) as line:
        found = line.enter_service()
        config, _ = kit.compiled(kit.cabinet_file(tmp_path))
        with pytest.raises(DeviceError, match=r"1\.24\.1 is too old, 1\.25\.0 or later is needed"):
            provisioning.check(board.port, found, kit.wanted("L1", config))


def test_a_board_with_the_stock_partitions(tmp_path):
    install(tmp_path / "flash.bin")
    data = bytearray(kit.flash_of(tmp_path))
    from consigne.firmware import layout

    data[layout.TABLE_OFFSET : layout.TABLE_OFFSET + 0xC00] = layout.binary(chip_image.STOCK)
    with kit.board_with(bytes(data), tmp_path) as board, Board(board.port) as line:
        line.enter_service()
        with pytest.raises(DeviceError, match=r"no room for the application .* flash it"):
            push.push(line, application.build())


def test_an_update_of_a_board_that_is_nobodys_says_that_it_does_not_serve_and_what_to_do():
    of_a_locker = {"identity.json": "aa", "config.json": "bb"}
    bare = dict.fromkeys(of_a_locker)
    for done, begins in (
        (push.Pushed(1, 7, 0, 0), "up to date, generation 7 in slot 1"),
        (push.Pushed(1, 7, 512, 2), "generation 7 in slot 1, 512 bytes sent, verified"),
    ):
        for files, missing in (
            (of_a_locker, ""),
            (bare, "identity.json and config.json"),
            ({**of_a_locker, "config.json": None}, "config.json"),
        ):
            what_to_do = f"; it does not serve without {missing}: give `consigne device provision` next"
            assert push.told(done, surveyed(files=files)) == begins + (what_to_do if missing else "")


def test_a_full_file_system_and_the_old_file_stays(tmp_path):
    install(tmp_path / "flash.bin")
    with kit.board_with(None, tmp_path) as board, Board(board.port) as line:
        line.enter_service()
        line.write_file("/config.json", b"old")
        line.run(_FILL)
        with pytest.raises(DeviceError, match="file system is full; remove what is not Consigne's"):
            line.write_file("/config.json", bytes(20_000))
        assert line.read_file("/config.json") == b"old"


# --- what is to become of it -----------------------------------------------------------------------------


def surveyed(**more):
    """What a good board tells of itself."""
    found = {
        "version": [1, 28, 0], "machine": "Generic ESP32 module with ESP32", "rom_bytes": 0x8_0000,
        "started": [True, False, 0, 1], "files": {},
    }  # fmt: skip
    return {**found, **more}


@pytest.fixture
def wanted(tmp_path):
    return kit.wanted("L1", kit.compiled(kit.cabinet_file(tmp_path))[0])


def test_a_configuration_for_another_board(wanted):
    found = surveyed(machine="Generic ESP32S3 module with ESP32S3")
    with pytest.raises(DeviceError, match="the cabinet file is for an esp32, this board is an esp32s3"):
        provisioning.check("port", found, wanted)


def test_a_board_without_an_application(wanted):
    with pytest.raises(DeviceError, match="use `consigne device push` first"):
        provisioning.check("port", surveyed(started=[True, False, -1, 0]), wanted)


def test_production_without_a_technician_who_could_open_it(tmp_path):
    config = kit.compiled(kit.cabinet_file(tmp_path, technician=False))[0]
    with pytest.raises(DeviceError, match="has no \\[\\[holder\\]\\] with role 'technician'"):
        provisioning.check("port", surveyed(), kit.wanted("L1", config, production=True))


def test_in_production_only_a_technician_for_service_will_do(tmp_path):
    config = kit.compiled(kit.cabinet_file(tmp_path, technician=False))[0]
    for role in SLOT_S:
        for action in range(events.HANDOVER + 1):
            held = dataclasses.replace(
                kit.wanted("L1", config, production=True), config={**config, "holders": [[role, action, 1]]}
            )
            if (role, action) == (events.TECHNICIAN, events.SERVICE):
                provisioning.check_wanted(held)
            else:
                with pytest.raises(DeviceError, match="opens to a technician's code only"):
                    provisioning.check_wanted(held)


def test_tls_without_an_authority_and_wifi_without_a_password(wanted):
    network = {"kind": "wifi", "ssid": "x", "broker": "b", "port": 8883, "tls": True}
    config = {**wanted.config, "network": network}
    with pytest.raises(DeviceError, match="give its authority with --ca"):
        provisioning.check("port", surveyed(), dataclasses.replace(wanted, config=config))
    config["network"] = {**network, "tls": False}
    none = dataclasses.replace(wanted, config=config, wifi_password="")
    with pytest.raises(DeviceError, match="CONSIGNE_WIFI_PASSWORD"):
        provisioning.check("port", surveyed(), none)


def test_an_authority_for_a_broker_that_the_cabinet_reaches_in_clear(wanted):
    network = {"kind": "wifi", "ssid": "x", "broker": "b", "port": 1883, "tls": False}
    config, files = {**wanted.config, "network": network}, BrokerFiles("password", b"authority")
    with pytest.raises(DeviceError, match=r"in clear, at port 1883; .* set tls = true and the TLS port"):
        provisioning.check("port", surveyed(), dataclasses.replace(wanted, config=config, broker=files))
    alone = dataclasses.replace(wanted, config=config, broker=BrokerFiles("password"))
    provisioning.check("port", surveyed(), alone)


def test_a_cabinet_file_that_is_wrong_says_where(tmp_path):
    file = kit.cabinet_file(tmp_path)
    file.write_text(file.read_text().replace("i2c", "i2d", 1))
    with pytest.raises(DeviceError, match=r"cabinet\.toml") as told:
        cli._wanted("L1", file, BrokerFiles(), "UTC", False)
    assert not isinstance(told.value, CabinetError)


def test_secrets_are_in_no_text_that_python_makes_of_them(wanted):
    shown = repr(wanted) + str(wanted.broker)
    assert kit.WIFI_PASSWORD not in shown and wanted.broker.password not in shown


# --- image files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["/dev/full", "/dev/null", "pipe"])
@pytest.mark.parametrize(
    "reads",
    [interpreter.read, lambda file: image.partition_in(file, "journal"), brokerfiles.authority],
    ids=["MicroPython", "flash", "certificate"],
)
def test_what_is_no_file_is_not_waited_for_nor_read_without_end(reads, name, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DeviceError, match="cannot be read: it is a device or a pipe and no file"):
        reads(tmp_path / name)


def test_a_file_that_is_longer_than_any_flash_is_not_read_to_its_end(tmp_path):
    (tmp_path / "flash.bin").touch()
    os.truncate(tmp_path / "flash.bin", BYTES_MAX + 1)
    with pytest.raises(DeviceError, match=f"flash.bin has more than {BYTES_MAX} bytes"):
        image.partition_in(tmp_path / "flash.bin", "journal")


def test_a_good_image_is_read(tmp_path):
    found = interpreter.read(kit.micropython_file(tmp_path, "v1.26.1"))
    assert (found.chip, found.offset, found.version) == ("esp32", 0x1000, (1, 26, 1))


@pytest.mark.parametrize("where", [0x100, 0x3000, 0xF040, 0x1_2000])
def test_a_damaged_image(tmp_path, where):
    file = kit.micropython_file(tmp_path)
    data = bytearray(file.read_bytes())
    data[where] ^= 1
    file.write_bytes(data)
    with pytest.raises(DeviceError, match="is damaged or was cut short; download it again"):
        interpreter.read(file)


@pytest.mark.parametrize("length", [0, 20, 0x4000, 0xF000, 0x1_4000])
def test_an_image_cut_short(tmp_path, length):
    file = kit.micropython_file(tmp_path)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(DeviceError, match=r"download it again|not a MicroPython image"):
        interpreter.read(file)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (b"\x7fELF" + bytes(100), "take the .bin"),
        (chip_image.release("v1.20.0"), "1.20.0 is too old"),
        (chip_image.release("v1.28.0", 2), "for a chip of kind 2"),
    ],
    ids=["elf", "old", "another chip"],
)
def test_a_file_that_is_no_image_for_this(tmp_path, made, told):
    file = tmp_path / "file.bin"
    file.write_bytes(made)
    with pytest.raises(DeviceError, match=told) as error:
        interpreter.read(file)
    assert is_one_sentence(str(error.value))


def test_another_program_for_the_same_chip(tmp_path):
    data = chip_image.release("v1.28.0")[:0xF000] + chip_image.build("v1.28.0", "blink")
    file = tmp_path / "file.bin"
    file.write_bytes(data)
    with pytest.raises(DeviceError, match="but not of MicroPython"):
        interpreter.read(file)


def test_flash_that_ends_within_the_journal(tmp_path):
    from consigne.firmware import layout

    data = bytearray(b"\xff" * 0x38_0000)
    data[layout.TABLE_OFFSET : layout.TABLE_OFFSET + 0xC00] = layout.binary()
    file = tmp_path / "flash.bin"
    file.write_bytes(data)
    with pytest.raises(DeviceError, match="ends at byte 3670016, within the partition 'journal'"):
        image.partition_in(file, "journal")


def test_a_journal_of_noise_is_told_and_raises_nothing():
    dump = journal.decode(bytes(range(256)) * 4096)
    assert not dump.entries and not dump.proven


def test_an_application_that_fits_no_slot():
    from consigne.firmware import rom

    with pytest.raises(slots.TooLarge, match="more than a slot holds"):
        slots.seal(rom.pack({"main.mpy": bytes(300_000)}), 1)


# --- clocks, the host ------------------------------------------------------------------------------------


def test_a_laptop_whose_clock_is_wrong(tmp_path):
    with kit.running_host(tmp_path) as (url, _):
        host = Host(url, kit.TOKEN)
        assert abs(host.check_clock()) < 5
        with pytest.raises(DeviceError, match="s behind the host's; set it right"):
            host.check_clock(time.time() - 7200)
        with pytest.raises(DeviceError, match="s ahead of the host's"):
            host.check_clock(time.time() + 400)
    with pytest.raises(DeviceError, match="believes that today is 2000-01-01; set its clock"):
        hostapi.check_sane(946_684_800)


@pytest.mark.parametrize("token", ["geheim\n", "tökén", " geheim"])
def test_a_token_that_no_request_could_show_is_told_and_not_printed(token):
    with pytest.raises(DeviceError, match="CONSIGNE_TOKEN cannot be sent in a header") as told:
        Host("http://127.0.0.1:9", token).check_token()
    assert "heim" not in str(told.value) and is_one_sentence(str(told.value))


@pytest.mark.parametrize(
    "url", ["http://a..b", f"http://{'x' * 64}.example", "http://[::1", "http://é\udcff"]
)
def test_an_address_that_nobody_can_look_up_is_no_hosts(url):
    with pytest.raises(DeviceError, match=r"is not the address of a host, as https://host\.example"):
        Host(url).check_clock()


def test_a_host_that_cannot_be_reached_or_wants_a_token(tmp_path):
    with pytest.raises(DeviceError, match=r"cannot be reached .* check --host"):
        Host("http://127.0.0.1:9").check_clock()
    with pytest.raises(DeviceError, match="is not the address of a host"):
        Host("127.0.0.1:9").check_clock()
    body = {"id": "L1", "device_key": os.urandom(32).hex()}
    with kit.running_host(tmp_path) as (url, _):
        with pytest.raises(DeviceError, match="wants its API token"):
            Host(url).register(body)
        with pytest.raises(DeviceError, match="does not know this token"):
            Host(url, "wrong").check_token()
        with pytest.raises(DeviceError, match="does not speak TLS there: give --host with http://"):
            Host(url.replace("http:", "https:")).check_clock()
        assert Host(url, kit.TOKEN).register(body) is True
        assert Host(url, kit.TOKEN).register(body) is False


def test_a_name_that_is_taken_stays_so_and_nobody_is_sent_to_retire_it_for_nothing(tmp_path):
    body = {"id": "L1", "device_key": os.urandom(32).hex()}
    with kit.running_host(tmp_path) as (url, host):
        assert Host(url, kit.TOKEN).register(body)
        other = {**body, "device_key": os.urandom(32).hex()}
        with pytest.raises(
            DeviceError, match=r"L1 with another key .* do not have the old one retired"
        ) as told:
            Host(url, kit.TOKEN).register(other)
        assert "give --replace" in str(told.value)
        host.fleet.retire("L1")
        for one in (body, other):
            with pytest.raises(
                DeviceError, match=r"L1 was retired on .* a name is never given again"
            ) as told:
                Host(url, kit.TOKEN).register(one)
            assert "another key" not in str(told.value)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (Failure(Cause.PORT, "no such file", errno.ENOENT), "no such port"),
        (Failure(Cause.OTHER_CHIP, "ESP32-S3"), "has a ESP32-S3, the image is for esp32"),
        (Failure(Cause.SILENT, "no serial data"), "hold BOOT"),
        (Failure(Cause.FLASH, "MD5"), "does not keep what is written"),
        (Failure(Cause.GONE, "disconnected"), "went away in the middle"),
        (Failure(Cause.REFUSED, "Secure Boot V1"), "esptool says 'Secure Boot V1'"),
    ],
)
def test_what_esptool_fails_at_in_a_technicians_words(failure, told):
    assert told in str(trouble("port", Job("port", 115_200, "esp32"), failure))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            serial.SerialException(errno.EIO, "Could not exclusively lock port: gone"),
            "went away in the middle",
        ),
        (serial.SerialException(errno.EAGAIN, "Could not exclusively lock port: taken"), "in use by another"),
        (serial.SerialException("could not open port /dev/locker: no reason"), "cannot be opened"),
        (serial.SerialException("could not open port 'COM7': FileNotFoundError(2)"), "no such port"),
        (serial.SerialException("could not open port 'COM7': Access is denied"), "not allowed"),
    ],
)
def test_a_port_that_is_gone_is_not_told_as_one_that_another_program_has(error, told):
    assert told in str(errors.port_trouble("/dev/locker", error))


def test_a_terminal_that_goes_while_it_is_set_up_is_told_as_a_cable_that_was_pulled(monkeypatch):
    """pyserial lets through what ``termios`` raises then, and that is no ``OSError``."""

    def gone(*_, **__):
        raise termios.error(errno.EIO, "Input/output error")

    monkeypatch.setattr(serialline, "SerialTransport", gone)
    with pytest.raises(CableError, match="went away in the middle"):
        serialline.SerialLine("COM7").open()


def test_an_option_that_esptool_has_not_is_told_before_anything_is_done():
    with pytest.raises(DeviceError, match=r"--no-stubb; known are --no-stub, --before MODE"):
        RomBootLoader("port", options=("--no-stubb",)).look()


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ("Traceback\nOSError: [Errno 28] ENOSPC", "file system is full"),
        ("Traceback\nMemoryError: memory allocation failed", "not enough memory"),
        ("Traceback\nOSError: flash: sector 7 does not keep what is written", "worn or the supply sags"),
        ("Traceback\nValueError: what?", "reset it and try again"),
    ],
)
def test_what_the_board_raises_in_a_technicians_words(raised, told):
    assert told in str(errors.from_board("port", raised)) and is_one_sentence(told)


@pytest.mark.parametrize("baud", ["0", "-9600", "3000000"])
def test_a_baud_rate_that_no_loader_speaks_is_refused(baud):
    status, told = kit.consigne("erase", "-p", "/dev/ttyUSB_none", "--yes", "--baud", baud)
    assert status == 2 and "--baud" in told and "Traceback" not in told
