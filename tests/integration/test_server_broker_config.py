"""What ``consigne broker-config`` writes, tried on mosquitto: who gets in, and what each may do there."""

import asyncio
import grp
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

import gmqtt
import pytest
from consigne.broker import config
from consigne.broker.broker import Mosquitto
from consigne.cli import app
from consigne.protocol import topics
from consigne.server.fleet.fleet import Fleet
from consigne.server.service import HostService
from consigne.server.storage.database import Database
from server_kit import PATIENCE_S, go, until
from typer.testing import CliRunner

PROGRAM = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")


class Configured(Mosquitto):
    """mosquitto run from a directory that the command wrote."""

    def __init__(self, at, lockers=("L1", "L2"), *, client_certificates=False):
        super().__init__()
        self.at = at
        self.client_certificates = client_certificates
        more = {"port": self.port, "client_certificates": client_certificates}
        config.write(at, lockers, host="127.0.0.1", **more)
        if os.getuid() == 0:  # started by root, mosquitto becomes its own user
            for path in [at.parent, at, *at.iterdir()]:
                shutil.chown(path, "mosquitto")
        known = at / "credentials.json"
        self.passwords = json.loads(known.read_text()) if known.exists() else {}

    def command(self):
        return [PROGRAM, "-c", str(self.at / "mosquitto.conf")]

    def trust(self, shown=None):
        """Trust in its authority; ``shown`` is whose certificate is shown to it."""
        made = ssl.create_default_context(cafile=str(self.at / "ca.crt"))
        if shown is not None:
            made.load_cert_chain(self.at / "clients" / f"{shown}.crt", self.at / "clients" / f"{shown}.key")
        return made

    def credentials(self, user):
        """What a client of this name connects with: user name, password, TLS."""
        if self.client_certificates:
            return "", None, self.trust(user)
        return user, self.passwords[user], self.trust()


class Peer:
    """A client that notes what it hears and which subscriptions it got."""

    def __init__(self, name):
        self.heard, self.granted = [], []
        self.client = gmqtt.Client(name, clean_session=True)
        self.client.set_config({"reconnect_retries": 0})
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda client, mid, qos, properties: self.granted.extend(qos)

    def _on_message(self, client, topic, payload, qos, properties):
        self.heard.append((topic, payload))
        return 0

    async def connect(self, broker, user, password, tls):
        if user:
            self.client.set_auth_credentials(user, password)
        async with asyncio.timeout(PATIENCE_S):
            await self.client.connect(
                broker.host, broker.port, ssl=tls, version=gmqtt.constants.MQTTv311, keepalive=30
            )
        return self

    async def subscribe(self, *filters):
        before = len(self.granted)
        self.client.subscribe([gmqtt.Subscription(topic, qos=1) for topic in filters])
        await until(lambda: len(self.granted) == before + len(filters))


async def answer_to_connect(broker, tls, user="", password=""):
    """What comes back to an MQTT CONNECT; None when the broker ends the connection in the TLS handshake."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(broker.host, broker.port, ssl=tls)
            texts = [b"x", *([user.encode(), password.encode()] if user else [])]
            body = b"\x00\x04MQTT\x04" + (b"\xc2" if user else b"\x02") + b"\x00\x1e"
            body += b"".join(len(text).to_bytes(2, "big") + text for text in texts)
            writer.write(bytes((0x10, len(body))) + body)
            answer = await reader.read(4)
            writer.close()
    except (ssl.SSLError, ConnectionError):
        return None
    return answer or None


@pytest.fixture
def directory():
    """Not below pytest's own directory: mosquitto started by root could not enter that."""
    with tempfile.TemporaryDirectory() as above:
        yield Path(above) / "broker"


def topics_of(locker):
    return [topics.topic(locker, name) for name in (*topics.FROM_LOCKER, topics.ACK, topics.COMMANDS)]


@pytest.mark.parametrize("client_certificates", [False, True], ids=["passwords", "certificates"])
def test_a_locker_cannot_read_or_write_anothers_branch(directory, client_certificates):
    broker = Configured(directory, client_certificates=client_certificates)

    async def run():
        await broker.start()
        try:
            peers = {}
            for user in ("L1", "L2", config.HOST_USER):
                peers[user] = await Peer(user).connect(broker, *broker.credentials(user))
            thief, victim, host = peers.values()
            await thief.subscribe(*topics_of("L2"), "#", "consigne/#", "consigne/1/+/commands", "$SYS/#")
            await victim.subscribe(topics.topic("L2", topics.COMMANDS), topics.topic("L2", topics.ACK))
            await host.subscribe(*[f"{topics.ROOT}/+/{name}" for name in topics.FROM_LOCKER])
            for topic in topics_of("L2"):
                thief.client.publish(topic, b"forged", qos=1, retain=True)
            for name in (topics.COMMANDS, topics.ACK):
                thief.client.publish(topics.topic("L1", name), b"to myself", qos=1)
                host.client.publish(topics.topic("L2", name), b"from the host", qos=1)
            for name in topics.FROM_LOCKER:
                victim.client.publish(topics.topic("L2", name), b"honest", qos=1)
                thief.client.publish(topics.topic("L1", name), b"own", qos=1)
            await until(lambda: len(host.heard) >= 8 and len(victim.heard) >= 2)
            assert sorted(host.heard) == sorted(
                [(topics.topic("L2", name), b"honest") for name in topics.FROM_LOCKER]
                + [(topics.topic("L1", name), b"own") for name in topics.FROM_LOCKER]
            )
            assert {payload for _, payload in victim.heard} == {b"from the host"}
            mine = topics.topic("L1", topics.COMMANDS)
            await thief.subscribe(mine)
            host.client.publish(mine, b"for you", qos=1)
            await until(lambda: (mine, b"for you") in thief.heard)
            assert {topic for topic, _ in thief.heard} == {mine}, "and nothing of all it asked for"
            for peer in peers.values():
                await peer.client.disconnect()
        finally:
            await broker.stop()

    go(run)


def test_only_who_has_the_password_gets_in_and_only_over_tls_of_our_authority(directory):
    broker = Configured(directory)

    async def run():
        await broker.start()
        try:
            right = broker.passwords["L1"]
            for user, password in (("L1", "wrong"), ("L1", broker.passwords["L2"]), ("L3", right)):
                with pytest.raises(gmqtt.MQTTConnectError):
                    await Peer("x").connect(broker, user, password, broker.trust())
            with pytest.raises(ssl.SSLCertVerificationError):
                await Peer("x").connect(broker, "L1", right, ssl.create_default_context())
            peer = await Peer("x").connect(broker, "L1", right, broker.trust())
            await peer.client.disconnect()
        finally:
            await broker.stop()

    go(run)


def test_a_certificate_says_who_somebody_is_whatever_name_they_give(directory):
    broker = Configured(directory, client_certificates=True)
    config.write(directory.parent / "other", ["L1"], host="127.0.0.1", client_certificates=True)

    async def run():
        await broker.start()
        try:
            foreign = broker.trust()
            at = directory.parent / "other" / "clients"
            foreign.load_cert_chain(at / "L1.crt", at / "L1.key")
            for tls in (broker.trust(), foreign):
                assert await answer_to_connect(broker, tls) is None
            assert await answer_to_connect(broker, broker.trust("L1")) == b"\x20\x02\x00\x00"
            liar = await Peer("liar").connect(broker, config.HOST_USER, "x", broker.trust("L1"))
            host = await Peer("host").connect(broker, *broker.credentials(config.HOST_USER))
            await host.subscribe(f"{topics.ROOT}/+/{topics.EVENTS}")
            for locker in ("L2", "L1"):
                liar.client.publish(topics.topic(locker, topics.EVENTS), b"said by L1", qos=1)
            await until(lambda: host.heard)
            assert host.heard == [(topics.topic("L1", topics.EVENTS), b"said by L1")]
            for peer in (liar, host):
                await peer.client.disconnect()
        finally:
            await broker.stop()

    go(run)


def test_a_locker_that_is_not_named_any_more_is_let_in_no_more_by_its_certificate(directory):
    config.write(directory, ["L1", "L2"], host="127.0.0.1", client_certificates=True)
    kept = (directory / "clients" / "L1.crt").read_bytes()
    broker = Configured(directory, ["L1"], client_certificates=True)
    assert (directory / "clients" / "L1.crt").read_bytes() == kept

    async def run():
        await broker.start()
        try:
            assert await answer_to_connect(broker, broker.trust("L2")) is None
            assert await answer_to_connect(broker, broker.trust("L1")) == b"\x20\x02\x00\x00"
        finally:
            await broker.stop()

    go(run)


def test_the_host_shows_its_certificate_too(directory):
    broker = Configured(directory, client_certificates=True)
    clients = directory / "clients"

    async def run():
        await broker.start()
        host = HostService(
            f"sqlite:///{directory.parent / 'host.db'}", broker.host, broker.port, tls=True,
            ca=str(directory / "ca.crt"), certificate=str(clients / f"{config.HOST_USER}.crt"),
            key=str(clients / f"{config.HOST_USER}.key"),
        )  # fmt: skip
        try:
            await host.start()
            await host.ready(PATIENCE_S)
        finally:
            await host.stop()
            await broker.stop()

    go(run)


def test_a_second_run_keeps_passwords_and_authority_and_shuts_out_who_left(directory):
    config.write(directory, ["L1", "L2"], host="broker.example")
    credentials = directory / "credentials.json"
    before = json.loads(credentials.read_text())
    credentials.write_text(credentials.read_text(), encoding="utf-8-sig")  # somebody looked with Notepad
    authority = (directory / "ca.crt").read_bytes()
    config.write(directory, ["L1", "L3"], host="broker.example")
    after = json.loads(credentials.read_text())
    assert after["L1"] == before["L1"] and "L2" not in after and len(after["L3"]) == 32
    users = [line.split(":")[0] for line in (directory / "passwords").read_text().splitlines()]
    assert users == [config.HOST_USER, "L1", "L3"]
    assert (directory / "ca.crt").read_bytes() == authority


def test_what_is_secret_is_readable_by_its_owner_alone_and_hashes_are_no_passwords(directory):
    config.write(directory, ["L1"], host="broker.example")
    for name in ("ca.key", "server.key", "credentials.json", "passwords", "acl"):
        assert (directory / name).stat().st_mode & 0o077 == 0, name
    assert (
        json.loads((directory / "credentials.json").read_text())["L1"]
        not in (directory / "passwords").read_text()
    )


def test_the_hash_is_the_one_mosquitto_passwd_makes(tmp_path):
    path = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(path), "L1", "secret"], check=True)
    theirs, ours = path.read_text().strip().split("$"), config.password_line("L1", "secret").split("$")
    assert [len(part) for part in ours[3:]] == [len(part) for part in theirs[3:]]
    assert ours[:3] == theirs[:3]


@pytest.mark.parametrize("name", ["", "L 1", "a/b", "+", "#", "L1\nuser x", "x" * 33, config.HOST_USER])
def test_a_name_that_would_bend_the_access_list_is_refused(directory, name):
    with pytest.raises(ValueError, match="not the name of a locker"):
        config.write(directory, [name], host="broker.example")


def test_the_command_takes_the_lockers_from_the_hosts_database(directory):
    url = f"sqlite:///{directory.parent / 'host.db'}"
    database = Database(url)
    for name in ("L7", "L8"):
        Fleet(database).register(name, os.urandom(32))
    database.close()
    done = CliRunner().invoke(
        app, ["broker-config", str(directory), "--host", "b.example", "--database", url]
    )
    assert done.exit_code == 0 and done.output.startswith("2 lockers"), done.output
    assert set(json.loads((directory / "credentials.json").read_text())) == {
        config.HOST_USER,
        "L7",
        "L8",
    }


@pytest.mark.parametrize("more", [[], ["--client-certificates"]])
def test_who_has_a_brokers_directory_is_told_how_broker_and_host_start_with_it(directory, more):
    url = f"sqlite:///{directory.parent / 'host.db'}"
    words = ["broker-config", str(directory), "--host", "b.example", "--database", url, *more]
    said = CliRunner().invoke(app, words).output
    files = re.findall(rf"{re.escape(str(directory.resolve()))}/[\w./-]+", said)
    assert len(files) == 3 and all(Path(file).exists() for file in files), said
    text = (directory / "host.env").read_text()
    settings = dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("#"))
    assert settings.pop("CONSIGNE_BROKER") == "b.example:8883"
    by_certificate = {"CONSIGNE_MQTT_CA", "CONSIGNE_MQTT_CERTIFICATE", "CONSIGNE_MQTT_KEY"}
    by_password = {"CONSIGNE_MQTT_CA", "CONSIGNE_MQTT_USER", "CONSIGNE_MQTT_PASSWORD"}
    assert set(settings) == (by_certificate if more else by_password)
    told = {Path(value) for value in settings.values() if value.startswith("/")}
    assert all(path.exists() for path in told) and len(told) == (3 if more else 1)
    config.write(directory.parent / "own", [], host="::1", certificate=(Path("a"), Path("b")))
    text = (directory.parent / "own" / "host.env").read_text()
    assert "CONSIGNE_BROKER='[::1]:8883'\nCONSIGNE_MQTT_TLS=1\n" in text


def test_mosquittos_group_reads_what_it_serves_with_and_no_secret_of_others(directory):
    """Broken into, the broker gives away neither the authority nor anybody's password."""
    mine = grp.getgrgid(os.getgid()).gr_name
    for more in ({}, {"client_certificates": True}):
        config.write(directory, ["L1"], host="b.example", group=mine, **more)
    modes = {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}
    read = {"mosquitto.conf", "server.crt", "server.key", "ca.crt", "clients.crl", "passwords", "acl"}
    assert {name for name, mode in modes.items() if mode == 0o640} == read
    assert {modes[name] for name in ("ca.key", "credentials.json", "host.env")} == {0o600}
    assert modes["clients"] == 0o700 and directory.stat().st_mode & 0o777 == 0o750


def test_a_group_that_is_not_there_is_said_in_one_sentence(directory):
    words = ["broker-config", str(directory), "--host", "b", "--group", "no-such-group"]
    done = CliRunner().invoke(app, [*words, "--database", f"sqlite:///{directory.parent / 'host.db'}"])
    assert done.exit_code == 2 and "no such group: 'no-such-group'" in done.output


def test_a_locker_may_be_let_in_before_the_host_knows_it(directory):
    words = ["broker-config", str(directory), "--host", "b", "--locker", "L5", "--locker", "L6"]
    done = CliRunner().invoke(app, [*words, "--database", f"sqlite:///{directory.parent / 'host.db'}"])
    assert done.output.startswith("2 lockers")
    assert set(json.loads((directory / "credentials.json").read_text())) == {config.HOST_USER, "L5", "L6"}


def test_a_certificate_of_ones_own_is_used(directory):
    config.write(directory.parent / "given", [], host="b.example")
    given = (directory.parent / "given" / "server.crt", directory.parent / "given" / "server.key")
    config.write(directory, [], host="b.example", certificate=given)
    text = (directory / "mosquitto.conf").read_text()
    assert f"certfile {given[0]}\n" in text and f"keyfile {given[1]}\n" in text
    assert not (directory / "server.key").exists()


@pytest.mark.parametrize("client_certificates", [False, True], ids=["passwords", "certificates"])
def test_a_new_credential_shuts_out_the_board_with_the_former_one(directory, client_certificates):
    before = Configured(directory, client_certificates=client_certificates)
    former, other = before.credentials("L1"), before.credentials("L2")
    more = {"host": "127.0.0.1", "client_certificates": client_certificates}
    config.write(directory, ["L1", "L2"], renew=["L1"], **more)
    broker = Configured(directory, client_certificates=client_certificates)

    async def run():
        await broker.start()
        try:
            for user, credentials in (("L1", broker.credentials("L1")), ("L2", other)):
                peer = await Peer(user).connect(broker, *credentials)
                await peer.subscribe(topics.topic(user, topics.ACK))
                await peer.client.disconnect()
            refused = None if client_certificates else b"\x20\x02\x00\x05"  # not authorised
            assert await answer_to_connect(broker, former[2], *former[:2]) == refused
        finally:
            await broker.stop()

    asyncio.run(run())


def test_whoever_has_no_credential_gets_no_new_one(directory):
    with pytest.raises(ValueError, match="L9"):
        config.write(directory, ["L1"], host="127.0.0.1", renew=["L9"])
    assert not directory.exists()
