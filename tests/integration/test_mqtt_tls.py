"""Names and TLS on MicroPython: whom the locker asks, whom it believes, and what it keeps."""

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mqtt_kit import PATIENCE_S, START_S, Device, Mosquitto, ended, eventually
from mqtt_servers import NameServer


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
DAY_S = 86_400


ALWAYS = ("20200101000000Z", "20991231235959Z")


def make_ca(folder: Path, first: str = ALWAYS[0], last: str = ALWAYS[1]) -> None:
    """A CA in ``folder``, its certificate also as DER."""
    folder.mkdir(exist_ok=True)
    (folder / "index").touch()
    (folder / "index.attr").write_text("unique_subject = no\n")
    (folder / "serial").write_text("01\n")
    _certify(folder, "ca", "test CA", first, last, "basicConstraints=critical,CA:TRUE", "-selfsign")


def sign(folder: Path, who: str, name: str, first: str, last: str) -> None:
    """A certificate ``who``.pem for ``name`` by the CA of the folder; key and certificate also as DER."""
    _certify(folder, who, name, first, last, f"subjectAltName=DNS:{name}", "-cert", "ca.pem")
    openssl(folder, "ec", "-in", f"{who}.key", "-outform", "DER", "-out", f"{who}_key.der")


def _certify(folder: Path, who: str, name: str, first: str, last: str, extension: str, *by: str) -> None:
    openssl(folder, "req", *CURVE, "-keyout", f"{who}.key", "-out", f"{who}.csr", "-subj", f"/CN={name}")
    (folder / "ca.conf").write_text(
        "[ca]\ndefault_ca=own\n[own]\nnew_certs_dir=.\ndatabase=index\nserial=serial\ndefault_md=sha256\n"
        f"policy=any\n[any]\ncommonName=supplied\n[extensions]\n{extension}\n"
    )
    openssl(
        folder, "ca", "-batch", "-config", "ca.conf", "-extensions", "extensions", "-in", f"{who}.csr",
        "-keyfile", "ca.key", "-out", f"{who}.pem", "-startdate", first, "-enddate", last, "-notext", *by,
    )  # fmt: skip
    openssl(folder, "x509", "-in", f"{who}.pem", "-outform", "DER", "-out", f"{who}.der")


def make_certificates(folder: Path, name: str, first: str = ALWAYS[0], last: str = ALWAYS[1]) -> None:
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


def device_of(folder: Path, broker: Any, names: NameServer, **options: Any) -> Device:
    common = {"host": "broker.test", "name_server": "127.0.0.1", "name_port": names.port}
    return Device(broker.port, ca=str(folder / "ca.der"), retry_s=0.01, retry_most_s=0.5, **common, **options)


@dataclass
class InPieces:
    """A way to a server on which whatever that sends comes in pieces of seven bytes, each a while after the
    other: of a TLS record a part is there, and the rest is not.

    ``hold`` lets one more piece through; ``held`` is set once that is with the client, which is so until
    ``let_go``.
    """

    target: int

    def __post_init__(self) -> None:
        self.held, self._flows = threading.Event(), threading.Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                far = socket.create_connection(("127.0.0.1", self.target))
                threading.Thread(target=self._pass_on, args=(near, far), daemon=True).start()
                threading.Thread(target=self._pass_on_pieces, args=(far, near), daemon=True).start()

    def _pass_on(self, source: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)

    def _pass_on_pieces(self, source: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(7):
                to.sendall(data)
                time.sleep(0.002)
                if not self._flows.is_set():
                    self.held.set()
                    self._flows.wait()
            to.shutdown(socket.SHUT_WR)

    def hold(self) -> None:
        self.held.clear()
        self._flows.clear()

    def let_go(self) -> None:
        self._flows.set()

    def kill(self) -> None:
        self._listener.close()


def test_a_record_of_which_the_rest_is_still_to_come_ends_no_connection(tmp_path: Path) -> None:
    make_certificates(tmp_path, "broker.test")
    broker = tls_broker(tmp_path)
    way = InPieces(broker.port)
    names = NameServer({"broker.test": "127.0.0.1"})
    device = device_of(tmp_path, way, names)
    with ended(broker, names, way, device):
        device.wait_up()
        for _ in range(3):
            eventually(lambda: device.state()["in_flight"] == 0, "nothing is on its way")
            way.hold()
            device.ask("append", 1)
            assert way.held.wait(PATIENCE_S), "of what acknowledges the event a piece is there"
            device.wait_looked()
            assert device.state()["in_flight"] == 1
            way.let_go()
        eventually(lambda: device.state()["in_flight"] == 0, "all is acknowledged")
        assert device.state()["up"] and device.state()["errors"] == []


def at(epoch_s: int) -> str:
    """A time as ``openssl ca`` takes it."""
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(epoch_s))


@contextmanager
def one_device(folder: Path, **options: Any) -> Iterator[Device]:
    """A device and a broker whose certificates lie in ``folder``."""
    broker = tls_broker(folder)
    names = NameServer({"broker.test": "127.0.0.1"})
    device = device_of(folder, broker, names, **options)
    with ended(broker, names, device):
        yield device


EARLIEST_S = 1_704_067_200  # 2024-01-01, core/timekeeping.py
EXPIRED, FUTURE = "The certificate validity has expired", "The certificate validity starts in the future"
TOOK_DATE = f"OSError: TLS: \n{FUTURE}\n"
AGAIN = "OSError: the certificate is to be judged by the true date"
# (of the CA, of the broker's) in days from START_S; the floor (0: an empty journal); the calendars, in days
UNKNOWN_TIME = {
    "began years before the earliest time": ((-2000, 9000), (-1500, 900), 0, ["earliest"]),
    "began yesterday": ((-2000, 9000), (-1, 89), 0, ["earliest", -1]),
    "ends tomorrow": ((-2000, 9000), (-89, 1), 0, ["earliest", -89]),
    "of a CA that is younger": ((-1, 9000), (-20, 70), 0, ["earliest", -1]),
    "a day long": ((-2000, 9000), (-0.5, 0.5), 0, ["earliest", -0.5]),
    "a floor of years ago": ((-2000, 9000), (-1, 89), START_S - 900 * DAY_S, [-900, -1]),
    "a floor of yesterday": ((-2000, 9000), (-30, 60), START_S - DAY_S, [-1]),
    "begins after 2038": ((-2000, 20000), (4200, 4290), 0, ["earliest", 4200]),
}


@pytest.mark.parametrize("case", UNKNOWN_TIME)
def test_a_board_that_does_not_know_the_time_comes_online_and_judges_again_when_it_does(
    tmp_path: Path, case: str
) -> None:
    ca, broker, floor_s, wanted = UNKNOWN_TIME[case]
    make_ca(tmp_path, *[at(START_S + round(day * DAY_S)) for day in ca])
    sign(tmp_path, "server", "broker.test", *[at(START_S + round(day * DAY_S)) for day in broker])
    dates = [EARLIEST_S if day == "earliest" else START_S + round(day * DAY_S) for day in wanted]
    with one_device(tmp_path, floor=floor_s) as device:
        device.wait_up()
        assert device.state()["calendar"] == dates
        assert device.state()["errors"] == [TOOK_DATE] * (len(dates) - 1)
        true_s = START_S + round((broker[0] + broker[1]) / 2 * DAY_S)
        device.ask("set_time", true_s)
        again = abs(dates[-1] - true_s) >= DAY_S
        if again:
            eventually(lambda: device.state()["errors"][-1:] == [AGAIN], "judged by the true date")
            eventually(lambda: len(device.state()["calendar"]) > len(dates), "connecting again")
        device.wait_up()
        assert device.state()["calendar"] == dates + [true_s] * again
        assert abs(device.clock.unix_s() - device.state()["calendar"][-1]) < 60


def test_with_a_clock_chip_that_is_right_one_handshake_is_enough(tmp_path: Path) -> None:
    make_certificates(tmp_path, "broker.test", at(START_S - DAY_S), at(START_S + 89 * DAY_S))
    with one_device(tmp_path, chip=START_S) as device:
        device.wait_up()
        device.ask("set_time", START_S + 2)
        device.wait_looked()
        assert device.state()["up"] and device.state()["calendar"] == [START_S]


def refused(device: Device, words: str, tries: int = 3) -> list[int]:
    """The dates by which it tried, having been refused for ``words`` alone."""
    eventually(lambda: len(device.state()["errors"]) >= tries, "tried again")
    state = device.state()
    assert set(state["errors"]) == {f"OSError: TLS: \n{words}\n"} and not state["up"]
    return sorted(set(state["calendar"]))


def test_whoever_knows_the_time_takes_no_certificate_outside_its_dates(tmp_path: Path) -> None:
    for folder, dates, words in (
        (tmp_path / "old", (at(START_S - 90 * DAY_S), at(START_S - DAY_S)), EXPIRED),
        (tmp_path / "new", (at(START_S + DAY_S), at(START_S + 90 * DAY_S)), FUTURE),
    ):
        make_certificates(folder, "broker.test", *dates)
        with one_device(folder) as device:
            assert refused(device, words) == [START_S]
        with one_device(folder, chip=START_S) as device:
            assert refused(device, words) == [START_S], "a clock chip's time counts like the host's"


def test_what_had_expired_on_the_floor_stays_refused_and_so_do_dates_that_never_meet(tmp_path: Path) -> None:
    make_certificates(tmp_path / "old", "broker.test", last=at(START_S - DAY_S))
    with one_device(tmp_path / "old", floor=START_S) as device:
        assert refused(device, EXPIRED) == [START_S]
    make_ca(tmp_path / "never", at(START_S), at(START_S + 10 * DAY_S))
    sign(tmp_path / "never", "server", "broker.test", at(START_S + 20 * DAY_S), at(START_S + 30 * DAY_S))
    with one_device(tmp_path / "never", floor=0) as device:
        assert refused(device, FUTURE) == [EARLIEST_S]


def test_a_stranger_moves_no_calendar(tmp_path: Path) -> None:
    make_certificates(tmp_path, "broker.test")
    make_certificates(tmp_path / "other", "broker.test", at(START_S + DAY_S))
    broker = tls_broker(tmp_path / "other")
    names = NameServer({"broker.test": "127.0.0.1"})
    device = device_of(tmp_path, broker, names, floor=START_S)
    with ended(broker, names, device):
        eventually(lambda: len(device.state()["calendar"]) >= 3, "tried again")
        assert "not correctly signed" in device.state()["error"] and FUTURE in device.state()["error"]
        assert set(device.state()["calendar"]) == {START_S}


@pytest.mark.parametrize("wrong_days", [365, -365], ids=["ahead", "behind"])
def test_a_clock_chip_that_is_wrong_by_a_year_keeps_nobody_offline_for_more_than_an_hour(
    tmp_path: Path, wrong_days: int
) -> None:
    first_s, last_s = START_S - 30 * DAY_S, START_S + 60 * DAY_S
    make_certificates(tmp_path, "broker.test", at(first_s), at(last_s))
    chip_s = START_S + wrong_days * DAY_S
    with one_device(tmp_path, chip=chip_s) as device:
        assert refused(device, EXPIRED if wrong_days > 0 else FUTURE) == [chip_s]
        device.ask("wait", 3500)
        tries = len(device.state()["errors"])
        eventually(lambda: len(device.state()["errors"]) > tries + 1, "still refused")
        assert set(device.state()["calendar"]) == {chip_s}
        device.ask("wait", 101)
        device.wait_up()
        assert device.state()["calendar"][-1] == (last_s - 3600 if wrong_days > 0 else first_s)
        device.wait_looked()
        assert device.state()["up"], "nobody has said another time yet"


def test_a_host_that_was_wrong_by_a_year_keeps_nobody_offline_for_more_than_a_day(tmp_path: Path) -> None:
    make_certificates(tmp_path, "broker.test", at(START_S - 30 * DAY_S), at(START_S + 60 * DAY_S))
    with one_device(tmp_path) as device:
        device.wait_up()
        device.ask("set_time", START_S + 365 * DAY_S)
        device.ask("plug", False)
        eventually(lambda: not device.state()["up"], "the link is down")
        device.ask("plug", True)
        eventually(lambda: EXPIRED in device.state()["error"], "refused")
        device.ask("wait", 86_000)
        tries = len(device.state()["errors"])
        eventually(lambda: len(device.state()["errors"]) > tries + 1, "still refused")
        assert set(device.state()["calendar"]) == {START_S, START_S + 365 * DAY_S}
        device.ask("wait", 401)
        device.wait_up()


def test_an_hour_makes_no_difference_to_a_certificate(tmp_path: Path) -> None:
    make_certificates(tmp_path, "broker.test")
    with one_device(tmp_path, floor=START_S) as device:
        device.wait_up()
        device.ask("set_time", START_S + 3600)
        device.wait_looked()
        assert device.state()["up"] and device.state()["errors"] == []


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
