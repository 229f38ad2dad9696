"""What a locker shows its broker: checked on the laptop, put onto the board, and taken by a real broker."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import device_kit as kit
import pytest
from consigne.broker import config
from consigne.broker.broker import free_port
from consigne.device import brokerfiles, doctor
from consigne.device.board import Board
from consigne.device.errors import DeviceError
from consigne.device.scripts import script
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from virtual_kit import eventually, mpremote

YEAR_S = 365 * 86_400
SBIN = os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """A broker's directory with certificates for two lockers; where they lie."""
    at = tmp_path_factory.mktemp("broker")
    config.write(at, ["L0001", "L0002"], host="127.0.0.1", client_certificates=True)
    return at / "clients"


def test_a_pair_in_the_lockers_name_is_taken_as_it_is(clients):
    pair = brokerfiles.client(clients / "L0001.crt", clients / "L0001.key", "L0001")
    assert pair.certificate[0] == pair.key[0] == 0x30  # DER
    assert repr(pair.key) not in repr(pair)


@pytest.mark.parametrize(
    ("certificate", "key", "now_s", "told"),
    [
        ("L0002.crt", "L0002.key", 0, "is in the name of L0002, not of L0001"),
        ("L0001.crt", "L0002.key", 0, "is not the key of .*L0001.crt: take the two that were made together"),
        ("L0001.crt", "L0001.key", 21 * YEAR_S, "expired on .* by this laptop's clock it is"),
        ("L0001.crt", "L0001.key", -YEAR_S, "is valid only from .* by this laptop's clock it is"),
        ("L0001.key", "L0001.key", 0, "L0001.key is not a certificate"),
        ("L0001.crt", "L0001.crt", 0, "L0001.crt is not a private key"),
    ],
    ids=["another locker's", "two that differ", "expired", "not yet valid", "a key", "no key"],
)
def test_a_pair_that_its_broker_would_refuse_never_gets_onto_a_board(clients, certificate, key, now_s, told):
    with pytest.raises(DeviceError, match=told):
        brokerfiles.client(clients / certificate, clients / key, "L0001", time.time() + now_s)


def test_a_locked_key_and_one_of_a_kind_that_a_board_cannot_use_are_refused(clients, tmp_path):
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key = load_pem_private_key((clients / "L0001.key").read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(key.private_bytes(pem, form, serialization.BestAvailableEncryption(b"word")))
    other = tmp_path / "other.key"
    none = serialization.NoEncryption()
    other.write_bytes(ed25519.Ed25519PrivateKey.generate().private_bytes(pem, form, none))
    with pytest.raises(DeviceError, match="locked with a passphrase"):
        brokerfiles.client(clients / "L0001.crt", locked, "L0001")
    with pytest.raises(DeviceError, match="does not know: take EC P-256"):
        brokerfiles.client(clients / "L0001.crt", other, "L0001")


def test_a_brokers_directory_gives_what_it_has_for_a_locker_and_says_when_that_is_nothing(tmp_path, clients):
    found = brokerfiles.gathered("L0002", clients.parent)
    assert found.client and found.ca and not found.password
    config.write(tmp_path, ["L0001"], host="127.0.0.1")
    found = brokerfiles.gathered("L0001", tmp_path)
    assert found.password and found.ca and not found.client
    credentials = tmp_path / "credentials.json"
    credentials.write_text(credentials.read_text(), encoding="utf-8-sig")  # somebody looked with Notepad
    assert brokerfiles.password(credentials, "L0001") == found.password
    with pytest.raises(DeviceError, match=r"nothing for L0009 yet: give this command with --ca .*ca.crt"):
        brokerfiles.gathered("L0009", clients.parent)
    with pytest.raises(DeviceError, match="nothing for L0009 yet"):
        brokerfiles.gathered("L0009", tmp_path)
    (tmp_path / "other").mkdir()
    with pytest.raises(DeviceError, match="is not a directory of `consigne broker-config`"):
        brokerfiles.gathered("L0009", tmp_path / "other")
    with pytest.raises(DeviceError, match="cannot be read: Is a directory"):
        brokerfiles.gathered("L0009", ca=tmp_path / "other")
    with pytest.raises(DeviceError, match="give both or neither"):
        brokerfiles.gathered("L0001", certificate=clients / "L0001.crt")


@contextmanager
def mosquitto(at, port):
    """Run from a directory of ``consigne broker-config``; gives the file that it logs to."""
    if os.getuid() == 0:  # started by root, mosquitto becomes its own user
        for path in [at.parent, at, *at.iterdir()]:
            shutil.chown(path, "mosquitto")
    log = at / "log.txt"
    command = [shutil.which("mosquitto", path=SBIN), "-c", str(at / "mosquitto.conf")]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stderr=out, stdout=out)
    try:
        eventually(lambda: f"port {port}" in log.read_text(), "the broker listens")
        yield log
    finally:
        process.terminate()
        process.wait()


def doctors_broker(board):
    """What the doctor finds of the broker."""
    with Board(board.port) as line:
        line.enter_service()
        line.run(script("doctor"))
        line.call_loaded("settings()")
        found = line.call_loaded("network(10)")[-1]
        board.log.clear()
        line.restart()
    board.wait_for(lambda: any("ready" in line for _, _, line in board.log), 20)
    return found


def test_provisioned_with_a_certificate_a_locker_gets_in_where_no_password_counts(tmp_path):
    port = free_port()
    file = kit.cabinet_file(tmp_path, network=True)
    text = file.read_text().replace("port = 1883", f"port = {port}").replace("tls = false", "tls = true")
    file.write_text(text)
    with (
        tempfile.TemporaryDirectory() as folder,
        kit.running_host(tmp_path) as (url, _),
        kit.board_with(kit.ready_flash(tmp_path), tmp_path, kit.compiled(file)[1]) as board,
    ):
        at = Path(folder, "broker")
        config.write(at, ["L0001"], host="127.0.0.1", port=port, client_certificates=True)
        expected = brokerfiles.gathered("L0001", at)
        words = ["provision", "L0001", "--cabinet", file, "--host", url, "--token", kit.TOKEN]
        done = subprocess.run(
            [sys.executable, "-m", "consigne.cli", "device", *words, "--broker", at, "-p", board.port],
            check=False,
            capture_output=True, text=True, timeout=600, env=kit.environment(),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        with mosquitto(at, port) as log:
            eventually(lambda: "as L0001 (" in log.read_text() and "u'L0001'" in log.read_text(), "it is in")
            assert doctors_broker(board) == ["broker", "pass", "takes L0001"]
        found = doctors_broker(board)  # nobody listens any more
        assert found[1] == "fail" and found[2].startswith(f"127.0.0.1:{port} (TLS): "), found
        mpremote(board, "fs", "cp", ":client.der", tmp_path / "client.der")
        assert (tmp_path / "client.der").read_bytes() == expected.client.certificate


def test_the_doctor_knows_no_name_that_only_the_computers_hosts_file_has(tmp_path):
    """A locker asks the network's name server; a pass for a name that it cannot find would be a lie."""
    file = kit.cabinet_file(tmp_path, network=True)
    with (
        kit.running_host(tmp_path) as (url, _),
        kit.board_with(kit.ready_flash(tmp_path), tmp_path, kit.compiled(file)[1]) as board,
    ):
        words = ["provision", "L0001", "--cabinet", file, "--host", url, "--token", kit.TOKEN]
        done = subprocess.run(
            [sys.executable, "-m", "consigne.cli", "device", *words, "-p", board.port],
            check=False,
            capture_output=True, text=True, timeout=600, env=kit.environment(),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        with Board(board.port) as line:
            line.enter_service()
            line.run(script("doctor"))
            line.call_loaded("settings()")
            line.run("from locker.net.link import WifiLink\nWifiLink.name_server = lambda self: '192.0.2.1'")
            line.run("patient.raw['network']['broker'] = 'localhost'")
            found = line.call_loaded("network(10)", timeout_s=600)[-1]
    assert found == ["broker's name", "fail", "the name server (192.0.2.1) does not know localhost"]
    assert "hosts file does not count" in doctor.Finding(*found).advice
