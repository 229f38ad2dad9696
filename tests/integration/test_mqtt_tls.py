"""Names and TLS on MicroPython: whom the locker asks, whom it believes, and what it keeps."""

import subprocess
from pathlib import Path

from mqtt_kit import Device, Mosquitto, ended, eventually
from mqtt_servers import NameServer


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_certificates(folder: Path, name: str, last: str = "20991231235959Z") -> None:
    """A CA and a server certificate for ``name``, valid until ``last``; the CA also as DER."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl(folder, "req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA")
    openssl(folder, "x509", "-in", "ca.pem", "-outform", "DER", "-out", "ca.der")
    openssl(folder, "req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", f"/CN={name}")
    (folder / "ca.conf").write_text(
        "[ca]\ndefault_ca=own\n[own]\nnew_certs_dir=.\ndatabase=index\nserial=serial\ndefault_md=sha256\n"
        f"policy=any\n[any]\ncommonName=supplied\n[names]\nsubjectAltName=DNS:{name}\n"
    )
    (folder / "index").touch()
    (folder / "serial").write_text("01\n")
    openssl(
        folder, "ca", "-batch", "-config", "ca.conf", "-extensions", "names", "-in", "server.csr",
        "-cert", "ca.pem", "-keyfile", "ca.key", "-out", "server.pem",
        "-startdate", "20200101000000Z", "-enddate", last, "-notext",
    )  # fmt: skip


def tls_broker(folder: Path) -> Mosquitto:
    return Mosquitto(
        folder, extra=f"allow_anonymous true\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key"
    )


def test_tls_connects_only_to_the_right_name_signed_by_the_right_ca(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    make_certificates(tmp_path, "broker.test")
    make_certificates(tmp_path / "other", "broker.test")
    broker = tls_broker(tmp_path)
    names = NameServer({"broker.test": "127.0.0.1", "evil.test": "127.0.0.1"})
    common = {"name_server": "127.0.0.1", "name_port": names.port, "ca": str(tmp_path / "ca.der")}
    right = Device(broker.port, host="broker.test", **common)
    wrong_name = Device(broker.port, host="evil.test", **common)
    wrong_ca = Device(broker.port, host="broker.test", **{**common, "ca": str(tmp_path / "other" / "ca.der")})
    with ended(broker, names, right, wrong_name, wrong_ca):
        right.wait_up()
        for device in (wrong_name, wrong_ca):
            eventually(lambda device=device: device.state()["error"], "the refusal")
            assert not device.state()["up"]
        assert "CN" in wrong_name.state()["error"], wrong_name.state()["error"]
        assert "TRUST" in wrong_ca.state()["error"].upper(), wrong_ca.state()["error"]


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    make_certificates(tmp_path, "broker.test", last="20210101000000Z")
    broker = tls_broker(tmp_path)
    names = NameServer({"broker.test": "127.0.0.1"})
    device = Device(
        broker.port,
        host="broker.test",
        name_server="127.0.0.1",
        name_port=names.port,
        ca=str(tmp_path / "ca.der"),
    )
    with ended(broker, names, device):
        eventually(lambda: device.state()["error"], "the refusal")
        assert not device.state()["up"]
        assert "EXPIRED" in device.state()["error"].upper(), device.state()["error"]


def test_a_name_server_that_falls_silent_does_not_keep_the_locker_offline(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    names = NameServer({"broker.test": "127.0.0.1"})
    device = Device(broker.port, host="broker.test", name_server="127.0.0.1", name_port=names.port)
    with ended(broker, names, device):
        device.wait_up()
        names.mute = True
        device.ask("plug", False)
        eventually(lambda: not device.state()["up"], "the link is down")
        device.ask("plug", True)
        device.wait_up()
        assert names.asked > 1


def test_a_forged_answer_of_a_name_server_is_not_taken(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    names = NameServer({"broker.test": "127.0.0.1"})
    forged = b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x06broker\x04test\x00\x00\x01\x00\x01"
    record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x09"
    names.prefix = (b"", b"\x00", b"\x00\x00" + forged + record, b"\xff\xff" + forged, b"\xff" * 512)
    device = Device(broker.port, host="broker.test", name_server="127.0.0.1", name_port=names.port)
    with ended(broker, names, device):
        device.wait_up()


def test_a_name_nobody_knows_is_named_in_the_error() -> None:
    names = NameServer({})
    device = Device(1, host="broker.test", name_server="127.0.0.1", name_port=names.port)
    with ended(names, device):
        eventually(lambda: device.state()["error"], "the error")
        assert device.state()["error"] == "OSError: no address for broker.test"
