"""A host as a site runs it: the units that are shipped, their own command line, mosquitto, PostgreSQL."""

import grp
import http.client
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.parse
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from consigne.broker import config
from consigne.broker.broker import Mosquitto, free_port
from consigne.server.people.accounts import Accounts
from consigne.server.people.roles import Role
from consigne.server.storage.database import Database
from consigne.server.storage.restore import restore
from server_kit import go
from virtual_kit import eventually

DEPLOY = Path(__file__).resolve().parents[2] / "host_tools" / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
INSTALLED = "/opt/consigne/bin/"
EXPOSURE_MAX = 20
"""Of 100, as ``systemd-analyze security`` reckons; a service that says nothing of itself has 96."""
START_S = 600.0
PASSWORD = "a long enough password"


@pytest.fixture
def directory():
    """One that mosquitto may enter when, started by root, it has become its own user."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def here(unit: Path, at: Path) -> Path:
    """A copy of a unit that starts the programs of this tree, not those of an installation."""
    text = unit.read_text()
    for program in (DEPLOY / "bin").iterdir():
        text = text.replace(f"{INSTALLED}{program.name} ", f"{program} ")
    copy = at / unit.name
    copy.write_text(text.replace(INSTALLED, f"{Path(sys.executable).parent}/"))
    return copy


def analyze(*arguments):
    return subprocess.run(
        ["systemd-analyze", *map(str, arguments)], check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_unit_as_it_is_and_the_program_that_it_starts_is_there(unit, tmp_path):
    for one in UNITS:
        here(one, tmp_path)
    done = analyze("verify", tmp_path / unit.name)
    assert done.returncode == 0 and not done.stderr, done.stderr
    if unit.suffix == ".service":
        broken = tmp_path / "broken.service"
        broken.write_text((tmp_path / unit.name).read_text().replace("ExecStart=", "ExecStart=/nowhere"))
        assert "not executable" in analyze("verify", broken).stderr, "and it would say so"


@pytest.mark.parametrize("unit", [one for one in UNITS if one.suffix == ".service"], ids=lambda one: one.name)
def test_who_breaks_into_a_service_gets_no_further(unit):
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_page_installs_comes_with_the_wheel():
    page = (DEPLOY.parents[1] / "docs" / "install-host.md").read_text(encoding="utf-8")
    build = tomllib.loads((DEPLOY.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    wheel = build["build"]["targets"]["wheel"]
    shared = {target: DEPLOY.parents[1] / source for source, target in wheel["shared-data"].items()}
    for said in re.findall(r"/opt/consigne/(share/consigne/[a-z]+)/([a-z.*-]+)", page):
        assert list(shared[said[0]].glob(said[1])), said
    programs = set(
        re.findall(r"/opt/consigne/bin/(consigne-[a-z]+)", page + "".join(map(Path.read_text, UNITS)))
    )
    assert (
        programs == set(wheel["shared-scripts"].values()) == {one.name for one in (DEPLOY / "bin").iterdir()}
    )
    assert all(os.access(one, os.X_OK) for one in (DEPLOY / "bin").iterdir())


def settings_of(unit: Path) -> dict[str, list[str]]:
    """The settings of a unit's ``[Service]`` in the order in which they stand."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().partition("[Service]")[2].partition("[Install]")[0].splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


class Manager:
    """The end of sd_notify(3) that systemd has: a datagram socket whose messages are kept."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))

    def close(self):
        self._socket.close()

    def wait_for(self, state: str) -> None:
        """Return when the service has said so.  Raises ``TimeoutError``."""
        ends_s = time.monotonic() + START_S
        while (left_s := ends_s - time.monotonic()) > 0:
            self._socket.settimeout(left_s)
            if self._socket.recv(1024).decode() == state:
                return
        raise TimeoutError(state)


@dataclass
class Served:
    port: int
    manager: Manager
    process: subprocess.Popen
    broker: Mosquitto

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_S)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            answer.read()
            return answer
        finally:
            connection.close()

    def is_healthy(self):
        return self.ask("GET", "/healthz").status == 200


class OwnBroker(Mosquitto):
    """mosquitto as ``consigne broker-config --group`` wrote it for this site."""

    def __init__(self, at: Path) -> None:
        super().__init__(host="127.0.0.1")
        self.at = at
        group = "mosquitto" if os.getuid() == 0 else grp.getgrgid(os.getgid()).gr_name
        config.write(at, ["L0001"], host=self.host, port=self.port, group=group)

    def command(self):
        program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
        return [program, "-c", str(self.at / "mosquitto.conf")]


def environment_of(*files: Path) -> dict[str, str]:
    """What a shell has after reading these files, as `consigne-host` does."""
    script = "set -a; " + "; ".join(f". {shlex.quote(str(file))}" for file in files) + "; env -0"
    done = subprocess.run(
        ["sh", "-c", script], check=True, capture_output=True, text=True, env={"PATH": "/bin"}
    )
    return dict(one.split("=", 1) for one in done.stdout.split("\0") if one)


@contextmanager
def served(directory: Path, url: str):
    """The host as ``consigne-host.service`` starts it, its broker not yet started."""
    settings = settings_of(DEPLOY / "systemd" / "consigne-host.service")
    broker = OwnBroker(directory / "broker")
    port = free_port()
    own = directory / "host.env"
    own.write_text(f"CONSIGNE_DATABASE='{url}'\nCONSIGNE_LISTEN=127.0.0.1:{port}\n")
    files = {
        "/etc/consigne/host.env": own,
        "-/etc/consigne/broker/host.env": broker.at / config.HOST_SETTINGS,
    }
    assert settings["EnvironmentFile"] == list(files) and settings["Type"] == ["notify"]
    manager = Manager(directory)
    environment = environment_of(*files.values())
    environment |= {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "200000"}
    [command] = settings["ExecStart"]
    words = shlex.split(command.replace(INSTALLED, f"{Path(sys.executable).parent}/"))
    log = directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(words, env=environment, cwd=directory, stdout=output, stderr=output)
    try:
        yield Served(port, manager, process, broker)
    except TimeoutError:
        raise AssertionError(log.read_text()) from None
    finally:
        process.kill()
        process.wait()
        manager.close()
    assert "Traceback" not in log.read_text(), log.read_text()


def test_the_host_of_the_unit_says_when_it_is_ready_lives_and_ends_and_is_well_once_its_broker_is(
    directory, postgres
):
    url = postgres.url(postgres.new_database())

    async def scene():
        with served(directory, url) as host:
            host.manager.wait_for("READY=1")
            assert not host.is_healthy(), "it serves before there is a broker, and says so"
            host.manager.wait_for("WATCHDOG=1")
            host.manager.wait_for("WATCHDOG=1")
            await host.broker.start()
            try:
                eventually(host.is_healthy, "the host reaches its broker", START_S)
            finally:
                await host.broker.stop()
            host.process.send_signal(signal.SIGTERM)
            host.manager.wait_for("STOPPING=1")
            assert host.process.wait(START_S) in (0, -signal.SIGTERM)

    go(scene)


def test_a_session_that_was_opened_over_https_never_travels_in_clear(directory, postgres):
    url = postgres.url(postgres.new_database())
    database = Database(url)
    accounts = Accounts(database)
    accounts.add("Ada", Role.OPERATOR, by="test")
    accounts.set_password("Ada", PASSWORD, "test")
    database.close()
    form = urllib.parse.urlencode({"name": "Ada", "password": PASSWORD})
    with served(directory, url) as host:
        host.manager.wait_for("READY=1")
        for scheme, secure in (("https", True), ("http", False)):
            headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-Proto": scheme}
            answer = host.ask("POST", "/login", form, headers | {"X-Forwarded-For": "192.0.2.1"})
            assert answer.status == 303
            assert ("; Secure" in answer.headers["Set-Cookie"]) is secure, scheme


BACKUP = DEPLOY / "bin" / "consigne-backup"


def back_up(to: Path, url: str, settings: Path):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "CONSIGNE_DATABASE": url}
    words = [str(BACKUP), str(to), str(settings)]
    return subprocess.run(words, env=environment, check=False, capture_output=True, text=True)


def test_a_copy_brings_back_database_and_settings_and_old_copies_go(directory, postgres):
    settings, copies = directory / "consigne", directory / "copies"
    settings.mkdir()
    (settings / "host.env").write_text("CONSIGNE_WORKERS=2\n")
    for name, days in (("20260101T000000Z", 15), ("20260102T000000Z", 13)):
        (copies / name).mkdir(parents=True)
        then = time.time() - days * 86_400
        os.utime(copies / name, (then, then))
    (copies / ".part" / "of one that was killed").mkdir(parents=True)
    url = postgres.url(postgres.new_database())
    database = Database(url)
    Accounts(database).add("Ada", Role.OPERATOR, by="test")
    database.close()
    done = back_up(copies, url, settings)
    assert done.returncode == 0, done.stderr
    kept, made = sorted(one.name for one in copies.iterdir())
    assert kept == "20260102T000000Z"
    assert {one.stat().st_mode & 0o077 for one in (copies / made).rglob("*")} == {0}, "keys lie in it"
    other = postgres.url(postgres.new_database())
    restore(other, copies / made / "host.backup")
    restored = Database(other)
    assert Accounts(restored).any()
    restored.close()
    told = ["tar", "--extract", "--gzip", "--to-stdout", f"--file={copies / made / 'settings.tar.gz'}"]
    out = subprocess.run([*told, "consigne/host.env"], check=True, capture_output=True, text=True)
    assert out.stdout == "CONSIGNE_WORKERS=2\n"


def test_a_copy_that_fails_leaves_none_that_looks_whole(directory, postgres):
    url = postgres.url(postgres.new_database())
    nowhere = back_up(directory, url.replace("/host", "/no_such_database_"), directory / "none")
    assert nowhere.returncode != 0 and "no_such_database_" in nowhere.stderr
    no_settings = back_up(directory, url, directory / "none")
    assert no_settings.returncode != 0 and not list(directory.iterdir()), "what broke off holds keys"


def test_what_the_container_is_made_of_is_there():
    root = DEPLOY.parents[1]
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    copied = [line.split()[1:-1] for line in text.splitlines() if re.match(r"COPY (?!--)", line)]
    missing = [name for names in copied for name in names if not (root / name).exists()]
    assert copied and not missing
    locks = re.findall(r"--requirement (\S+)", text)
    assert len(locks) == 2 and all((root / lock).exists() for lock in locks)
    assert text.count("USER ") == 1 and "USER 10001\n" in text, "it does not run as root"
    asked = re.search(r"HEALTHCHECK .*?(/\w+)'", text)
    assert asked and asked[1] == "/livez", "a new start mends no database, and a standby is not ready"
