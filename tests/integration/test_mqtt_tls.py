"""Names and TLS on MicroPython: whom the locker asks, whom it believes, and what it keeps."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from mqtt_kit import START_S, Device, Mosquitto, ended, eventually
from mqtt_servers import NameServer


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
DAY_S = 86_400


def make_ca(folder: Path) -> None:
    """A CA in ``folder``, its certificate also as DER."""
    folder.mkdir(exist_ok=True)
    openssl(folder, "req", "-x509", *CURVE, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA")
    openssl(folder, "x509", "-in", "ca.pem", "-outform", "DER", "-out", "ca.der")
    (folder / "index").touch()
    (folder / "serial").write_text("01\n")


def sign(folder: Path, who: str, name: str, first: str, last: str) -> None:
    """A certificate ``who``.pem for ``name`` by the CA of the folder; key and certificate also as DER."""
    openssl(folder, "req", *CURVE, "-keyout", f"{who}.key", "-out", f"{who}.csr", "-subj", f"/CN={name}")
    (folder / "ca.conf").write_text(
        "[ca]\ndefault_ca=own\n[own]\nnew_certs_dir=.\ndatabase=index\nserial=serial\ndefault_md=sha256\n"
        f"policy=any\n[any]\ncommonName=supplied\n[names]\nsubjectAltName=DNS:{name}\n"
    )
    openssl(
        folder, "ca", "-batch", "-config", "ca.conf", "-extensions", "names", "-in", f"{who}.csr",
        "-cert", "ca.pem", "-keyfile", "ca.key", "-out", f"{who}.pem",
        "-startdate", first, "-enddate", last, "-notext",
    )  # fmt: skip
    openssl(folder, "x509", "-in", f"{who}.pem", "-outform", "DER", "-out", f"{who}.der")
    openssl(folder, "ec", "-in", f"{who}.key", "-outform", "DER", "-out", f"{who}_key.der")


def make_certificates(
    folder: Path, name: str, first: str = "20200101000000Z", last: str = "20991231235959Z"
) -> None:
    """A CA and a server certificate for ``name``, valid from ``first`` to ``last``."""
    make_ca(folder)
    sign(folder, "server", name, first, last)


def tls_broker(folder: Path, extra: str = "allow_anonymous true") -> Mosquitto:
    return Mosquitto(folder, extra=f"{extra}\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key")


def refusal(device: Device) -> str:
    """Why the first connection did not come about."""
    error = eventually(lambda: device.state()["error"], "the refusal")
    assert not device.state()["up"]
    return str(error).upper()


def test_tls_connects_only_to_the_right_name_signed_by_the_right_ca(tmp_path: Path) -> None:
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
        assert "CN" in refusal(wrong_name)
        assert "TRUST" in refusal(wrong_ca)


def device_of(folder: Path, broker: Mosquitto, names: NameServer, **options: Any) -> Device:
    common = {"host": "broker.test", "name_server": "127.0.0.1", "name_port": names.port}
    return Device(broker.port, ca=str(folder / "ca.der"), retry_s=0.01, retry_most_s=0.5, **common, **options)


@pytest.mark.parametrize(
    "first,last,words",
    [
        ("20200101000000Z", "20210101000000Z", "EXPIRED"),
        ("20980101000000Z", "20990101000000Z", "IN THE FUTURE"),
    ],
)
def test_a_certificate_is_refused_outside_its_dates(
    tmp_path: Path, first: str, last: str, words: str
) -> None:
    make_certificates(tmp_path, "broker.test", first, last)
    broker = tls_broker(tmp_path)
    names = NameServer({"broker.test": "127.0.0.1"})
    device = device_of(tmp_path, broker, names)
    with ended(broker, names, device):
        assert words in refusal(device)
        eventually(lambda: len(device.state()["calendar"]) >= 3, "tried again")
        assert set(device.state()["calendar"]) == {START_S}, "by the time that is known, whatever it says"


def test_on_the_floor_a_certificate_of_the_future_is_tried_a_month_later_and_an_expired_one_is_not(
    tmp_path: Path,
) -> None:
    make_certificates(tmp_path, "broker.test", "20980101000000Z")
    make_certificates(tmp_path / "old", "broker.test", last="20210101000000Z")
    future, expired = tls_broker(tmp_path), tls_broker(tmp_path / "old")
    names = NameServer({"broker.test": "127.0.0.1"})
    hopeful = device_of(tmp_path, future, names, floor=True)
    hopeless = device_of(tmp_path / "old", expired, names, floor=True)
    with ended(future, expired, names, hopeful, hopeless):
        eventually(lambda: len(hopeful.state()["calendar"]) >= 4, "four tries")
        assert hopeful.state()["calendar"][:4] == [START_S + 30 * DAY_S * month for month in range(4)]
        hopeful.ask("set_time", START_S + 5)
        eventually(lambda: hopeful.state()["calendar"][-1] == START_S + 5, "back to the time that is known")
        eventually(lambda: len(hopeless.state()["calendar"]) >= 3, "three tries")
        assert set(hopeless.state()["calendar"]) == {START_S}


def test_a_certificate_believed_on_the_floor_is_judged_again_once_the_time_is_known(tmp_path: Path) -> None:
    make_certificates(tmp_path, "broker.test")
    broker = tls_broker(tmp_path)
    names = NameServer({"broker.test": "127.0.0.1"})
    device = device_of(tmp_path, broker, names, floor=True)
    near = device_of(tmp_path, broker, names, floor=True, locker="L2")
    with ended(broker, names, device, near):
        device.wait_up()
        near.wait_up()
        device.ask("set_time", START_S + 100 * DAY_S)
        near.ask("set_time", START_S + 3600)
        eventually(lambda: device.state()["calendar"][1:] == [START_S + 100 * DAY_S], "judged again")
        device.wait_up()
        assert device.state()["errors"] == ["OSError: the certificate is to be judged by the true date"]
        assert near.state()["errors"] == [], "an hour makes no difference to a certificate"


def test_a_broker_that_wants_a_certificate_gets_ours_and_takes_no_other(tmp_path: Path) -> None:
    make_certificates(tmp_path, "broker.test")
    sign(tmp_path, "client", "L0001", "20200101000000Z", "20991231235959Z")
    make_ca(tmp_path / "other")
    sign(tmp_path / "other", "client", "L0001", "20200101000000Z", "20991231235959Z")
    wants = f"cafile {tmp_path}/ca.pem\nrequire_certificate true\nuse_identity_as_username true"
    broker = tls_broker(tmp_path, wants)
    names = NameServer({"broker.test": "127.0.0.1"})

    def with_certificate(folder: Path) -> Device:
        own = {"certificate": str(folder / "client.der"), "key": str(folder / "client_key.der")}
        return device_of(tmp_path, broker, names, **own)

    right, wrong = with_certificate(tmp_path), with_certificate(tmp_path / "other")
    without = device_of(tmp_path, broker, names)
    with ended(broker, names, right, wrong, without):
        right.wait_up()
        refusal(wrong)
        refusal(without)


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
