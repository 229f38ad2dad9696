"""What an operator's command says when it was given what cannot be: one sentence, and no traceback."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from consigne.broker import config
from consigne.cli import app
from consigne.server.fleet.fleet import Fleet
from consigne.server.people import audit
from consigne.server.people.accounts import Accounts
from consigne.server.people.roles import Role
from consigne.server.storage.database import Database
from consigne.server.storage.documents import Place
from host_kit import database_at, register
from typer.testing import CliRunner

PASSWORD = "correct horse battery"


@pytest.fixture
def at(tmp_path, monkeypatch):
    """An empty folder that the commands are given in, with a text file, and no settings from outside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONSIGNE_DATABASE", raising=False)
    Path("notes.txt").write_text("Not a certificate, nor a database.\n" * 100)
    return tmp_path


@pytest.fixture(scope="module")
def pair():
    """A certificate and its key, and a key of another."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("one", "other"):
            config.write(Path(folder, name), [], host="b.example")
        yield (
            Path(folder, "one", "server.crt"),
            Path(folder, "one", "server.key"),
            Path(folder, "other", "server.key"),
        )


@pytest.fixture
def ada(at):
    """The account of an operator, in the database that commands take by themselves."""
    with database_at(at / "consigne.db") as database:
        Accounts(database).add("Ada", Role.OPERATOR, by="test")


def said(*words, **more):
    """``(exit status, what was printed as one line)``."""
    done = CliRunner().invoke(app, [str(word) for word in words], **more)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, " ".join(done.output.split())


@pytest.mark.parametrize(
    "options", [("--certificate", "--key"), ("--client-certificate", "--client-key")], ids=["https", "mqtt"]
)
def test_a_host_that_is_given_no_certificates_says_which_option_is_wrong(at, pair, options):
    certificate, _, other = pair
    for files, told in (
        (("notes.txt", "notes.txt"), "notes.txt is not a certificate in PEM"),
        ((certificate, "notes.txt"), "notes.txt is not a private key in PEM"),
        ((certificate, certificate), "server.crt is not a private key in PEM"),
        ((certificate, other), "is not the key of"),
    ):
        status, text = said("serve", options[0], files[0], options[1], files[1])
        assert status == 2 and told in text and f"{options[0]} and {options[1]}: " in text, text
    assert not Path("consigne.db").exists()


def test_an_authority_that_is_none_is_not_taken_for_a_broken_database(at):
    status, text = said("serve", "--ca", "notes.txt")
    assert status == 2 and "--ca: notes.txt is not a certificate in PEM" in text


def test_a_key_that_is_locked_is_refused_and_nobody_asked_for_its_passphrase(at, pair):
    locked = at / "locked.key"
    words = ["openssl", "pkey", "-in", pair[1], "-aes256", "-passout", "pass:word", "-out", locked]
    subprocess.run(words, check=True)
    status, text = said("serve", "--certificate", pair[0], "--key", locked)
    assert status == 2 and "without a passphrase" in text


def test_a_port_that_another_has_ends_the_host_in_one_sentence(at):
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        command = [
            sys.executable,
            "-m",
            "consigne.cli",
            "serve",
            "--listen",
            listen,
            "--broker",
            "127.0.0.1:1",
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    told = " ".join(done.stderr.split())
    assert f"HTTP cannot be served at {listen} (Address already in use); choose another with --listen" in told


def test_a_name_that_no_machine_has_ends_the_host_in_one_sentence(at):
    words = ["serve", "--listen", "nohost.invalid:8080", "--broker", "127.0.0.1:1"]
    command = [sys.executable, "-m", "consigne.cli", *words]
    given = {**os.environ, "CONSIGNE_API_TOKEN": "a token"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, env=given)
    told = " ".join(done.stderr.split())
    assert done.returncode == 2 and "HTTP cannot be served at nohost.invalid:8080 (" in told
    assert "Traceback" not in told and "Unknown error" not in told, told


@pytest.mark.parametrize("where", ["notes.txt", "/proc/nowhere", "notes.txt/below"])
def test_a_folder_that_no_broker_can_have_is_said(at, where):
    status, text = said("broker-config", where, "--host", "b.example")
    assert status == 2 and "cannot be written: " in text


@pytest.mark.parametrize(
    "host", ["", "h h; rm", "-h", "a..b", "300.1.1.1", "a" * 64, "http://b.example", "b:8883"]
)
def test_a_broker_that_nobody_could_reach_is_not_configured(at, host):
    status, text = said("broker-config", "broker", "--host", host)
    assert status == 2 and "is neither a DNS name such as" in text and not Path("broker").exists()


@pytest.mark.parametrize(
    "host", ["b", "b.example", "xn--bcher-kva.example", "mqtt_1", "192.0.2.1", "2001:db8::1"]
)
def test_every_name_and_address_of_a_host_is_one(host):
    assert config.is_host(host)


def test_a_broker_gets_no_certificate_that_it_could_not_start_with(at, pair):
    for files, told in (
        (("notes.txt", "notes.txt"), "not a certificate"),
        ((pair[0], pair[2]), "not the key of"),
    ):
        words = [
            "broker-config",
            "broker",
            "--host",
            "b.example",
            "--certificate",
            files[0],
            "--key",
            files[1],
        ]
        status, text = said(*words)
        assert status == 2 and told in text and not Path("broker").exists()


def test_what_root_writes_is_for_mosquittos_group(at):
    """Started by root, mosquitto becomes its own user before it reads the passwords."""
    status, text = said("broker-config", "broker", "--host", "b.example", "--locker", "L9")
    assert status == 0 and text.startswith("1 locker broker: ")
    if os.geteuid() == 0 and config.brokers_group():
        assert (
            Path("broker/passwords").group() == config.GROUP and Path("broker/ca.key").group() != config.GROUP
        )
        assert "--group" not in text
    else:
        assert "add --group mosquitto" in text


def test_a_broker_in_a_folder_that_is_closed_to_its_user_is_warned_of(at):
    at.chmod(0o700)
    assert f"it cannot reach a folder in {at}" in said("broker-config", "broker", "--host", "b.example")[1]


def test_a_file_that_is_no_database_is_said_to_be_none(at):
    status, text = said("account", "list", "--database", "sqlite:///notes.txt")
    assert status == 2 and "the database sqlite:///notes.txt cannot be opened: file is not a" in text


@pytest.mark.parametrize(
    "url", ["rubbish", "postgresql+asyncpg://user:secret@host/name", "mysql://user:secret@host/name", ""]
)
def test_what_is_no_database_of_ours_is_refused_with_what_is_taken_and_no_password(at, url):
    for words in (["account", "list"], ["serve"]):
        status, text = said(*words, "--database", url)
        assert (
            status == 2 and "secret" not in text and "SQLAlchemy" not in text.replace("SQLAlchemy URL of", "")
        )
        assert "give sqlite:///consigne.db or postgresql://user:password@host/name" in text, text


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://127.0.0.1:1/x?password=geheim", "x?password=*** cannot be opened"),
        ("postgresql://127.0.0.1:1/x?PASSFILE=geheim", "x?PASSFILE=*** cannot be opened"),
        (
            "postgresql://u:geheim@127.0.0.1:1/x?sslpassword=geheim&user=u",
            "***@127.0.0.1:1/x?sslpassword=***",
        ),
        ("postgresql://u:ge@heim:geheim@h/x", "more than one @: write @ in a password as %40"),
        ("postgresql://u:pass@geheim@127.0.0.1:1/x", "more than one @: write @ in a password as %40"),
        ("postgresql://u:geheim\udcff@127.0.0.1:1/x", "the database's URL is no text in UTF-8"),
        ("postgresql://u:geheim", "the port in the database's URL is no number"),
    ],
)
def test_no_part_of_a_password_is_printed_however_it_is_given(at, url, told):
    status, text = said("account", "list", "--database", url)
    assert status == 2 and told in text and "heim" not in text, text


@pytest.mark.parametrize("query", ["timeout=abc", "foo=bar", "check_same_thread=x", "foo"])
def test_settings_of_sqlite_are_the_hosts_own_and_refused_in_one_sentence(at, query, recwarn):
    status, text = said("account", "list", "--database", f"sqlite:///h.db?{query}")
    assert status == 2 and "SQLite's URL ends with the name of its file: leave out ? and what" in text, text
    assert not recwarn.list and not Path("h.db").exists()


def test_an_at_sign_in_the_name_of_sqlites_file_is_no_password(at):
    assert said("account", "list", "--database", "sqlite:///a@b@c.db")[0] == 0


@pytest.mark.parametrize("option", ["--broker", "--listen"])
@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("a..b:1883", "'a..b' is no host's name: a part of it is empty"),
        (f"{'x' * 64}.example:1883", "is no host's name: a part of it is empty or longer than 63"),
        (f"h:{'1' * 5_000}", "is not host:port"),
        ("h:٣", "is not host:port"),
        ("[]:1883", "is not host:port"),
    ],
    ids=["empty part", "long part", "long port", "other digits", "no name"],
)
def test_an_address_that_nobody_can_look_up_is_refused_at_the_start(at, option, address, told):
    """Otherwise a host would run without ever having a broker."""
    last = ["--listen", "h:0"] if option == "--broker" else []
    status, text = said("serve", option, address, *last)
    assert status == 2 and f"{option}" in text and told in text and len(text) < 400, text


def test_a_name_or_password_that_mqtt_cannot_carry_is_refused_and_not_shown(at):
    for option, given in (("--user", "u" * 70_000), ("--password", "geheim\udcff")):
        status, text = said("serve", option, given, "--ca", "notes.txt")
        assert status == 2 and f"{option} is not a text in UTF-8 of at most 65535 bytes" in text
        assert "geheim" not in text


@pytest.mark.parametrize("given", ["1_0", " 7", "٣", "x", "-1", "32768", "9" * 5_000])
def test_a_number_is_plain_digits(at, ada, given):
    status, text = said("account", "add", "Bo", "--role", "carrier", f"--holder={given}")
    assert status == 2 and "is not a whole number from 0 to 32767" in text and len(text) < 300, text


def test_every_number_of_the_hosts_commands_is_plain_digits(at):
    for words in (
        ["serve", "--workers", "1_0", "--broker", "h:0"],
        ["broker-config", "broker", "--host", "..", "--port", "8_883"],
    ):
        status, text = said(*words)
        assert status == 2 and "_" in text and "is not a whole number from 1 to " in text, text


@pytest.mark.parametrize("token", ["tökén", "geheim\n", " geheim", "geheim ", "ge\theim"])
def test_a_token_that_no_request_could_show_is_refused_at_the_start_and_not_printed(at, token, monkeypatch):
    monkeypatch.setenv("CONSIGNE_API_TOKEN", token)
    with database_at(at / "consigne.db"), socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        status, text = said("serve", "--listen", listen, "--broker", "127.0.0.1:1")
    assert status == 2 and "CONSIGNE_API_TOKEN cannot be sent in a header" in text, text
    assert "heim" not in text and "tök" not in text


@pytest.mark.parametrize("option", ["--notices", "--ca", "--certificate", "--client-certificate"])
def test_a_pipe_or_a_folder_in_the_place_of_a_file_is_told_and_not_waited_for(at, option):
    os.mkfifo("pipe", 0o600)
    Path("folder").mkdir()
    waiting = os.open("pipe", os.O_RDWR)
    letting_go = threading.Timer(180, os.close, [waiting])  # who waits at it after all waits no longer
    letting_go.start()
    key = [] if option in ("--notices", "--ca") else [option.replace("certificate", "key"), "notes.txt"]
    for file, told in (
        ("pipe", "pipe cannot be read: it is a device or a pipe and no file"),
        ("folder", "folder cannot be read: Is a directory"),
    ):
        status, text = said("serve", option, file, *key)
        assert status == 2 and told in text and option in text, text
        assert "database" not in text
    assert letting_go.is_alive(), "it was waited for"
    letting_go.cancel()
    os.close(waiting)


def test_of_a_file_no_more_is_read_than_anybody_would_write(at):
    with open("large.toml", "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.truncate(100 << 20)
    status, text = said("serve", "--notices", "large.toml")
    assert status == 2 and "--notices: large.toml has more than 65536 bytes" in text, text


def test_a_folder_that_is_misspelt_makes_no_second_database(at):
    url = f"sqlite:///{at}/nowhere/host.db"
    status, text = said("account", "add", "Ada", "--role", "operator", "--database", url)
    assert status == 2 and f"there is no folder {at}/nowhere" in text and not Path("nowhere").exists()


def test_the_command_that_is_named_next_works_on_the_same_database(at, monkeypatch):
    add = ["account", "add", "--role", "operator"]
    assert said(*add, "Ada")[1].endswith("consigne account password Ada")
    given = said(*add, "Bo Li", "--database", "sqlite:///other.db")[1]
    assert given.endswith("consigne account password 'Bo Li' --database sqlite:///other.db")
    monkeypatch.setenv("CONSIGNE_DATABASE", "sqlite:///third.db")
    assert said(*add, "Cy")[1].endswith("consigne account password Cy")


def test_a_role_that_is_none_is_refused_with_those_there_are(at):
    status, text = said("account", "add", "Ada", "--role", "king")
    assert status == 2 and "there is no role 'king': choose one of operator, carrier," in text


def test_nobody_types_a_password_for_an_account_that_is_not_there(at):
    status, text = said("account", "password", "Nobody", input=f"{PASSWORD}\n")
    assert status == 2 and "there is no account 'Nobody'" in text and "assword:" not in text


def test_a_password_that_is_none_is_told_both_limits_and_what_it_is_made_of(at, ada):
    for given, told in (
        ("short", "a password has 12 to 256 characters, this one 5"),
        ("x" * 300, "a password has 12 to 256 characters, this one 300"),
        ("\udcff" * 13, "a password is text in UTF-8 without NUL"),
    ):
        status, text = said("account", "password", "Ada", "--password", given)
        assert status == 2 and told in text, text
    status, text = said("account", "password", "Ada", input=b"\xff\xfe" * 20 + b"\n")
    assert status == 2 and "the password on standard input is no text in UTF-8" in text


def test_a_name_of_bytes_that_are_no_text_is_nobodys(at, ada):
    clerk = ["account", "add", "Bo", "--role", "clerk", "--holder", "1", "--locker"]
    for words, told in (
        (["account", "password"], "there is no account"),
        (["account", "key"], "there is no account"),
        (["account", "disable"], "there is no account"),
        (["retire"], "no locker A? is registered"),
        (clerk, "no counter A? is registered"),
        (["broker-config", "broker", "--host", "b.example", "--locker"], "A?"),
    ):
        status, text = said(*words, "A\udcff")
        assert status == 2 and told in text, text


def test_a_password_comes_without_a_terminal_too_and_nothing_is_said_of_pythons(at):
    database = Database("sqlite:///consigne.db")
    Accounts(database).add("Ada", Role.OPERATOR, by="test")
    command = [sys.executable, "-m", "consigne.cli", "account", "password", "Ada"]
    more = {"capture_output": True, "text": True, "timeout": 300, "start_new_session": True}
    done = subprocess.run(command, check=False, input=f"{PASSWORD}\n", **more)
    told = "The password of Ada was changed; sessions opened with an old one have ended.\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, told, "")
    assert Accounts(database).log_in("Ada", PASSWORD)
    database.close()
    done = subprocess.run(command, check=False, input="", **more)
    assert done.returncode == 2 and "give the password on standard input" in done.stderr


def test_every_column_of_the_accounts_has_a_name(at):
    head = said("account", "list")[1].split("┃")
    names = [word.strip() for word in head[1:7]]
    assert names == ["name", "role", "holder", "locker", "password", "state"]


def test_no_broker_lets_in_what_was_retired_or_has_no_device(at):
    database = Database("sqlite:///consigne.db")
    register(database, ["L1"])
    Fleet(database).register_counter("C1", 5, Place("Shop"))
    Fleet(database).retire("L1")
    database.close()
    for name, told in (
        ("L1", r"--locker: L1 was retired on [\d-]+: it serves nobody any more"),
        ("C1", "--locker: C1 is a counter: it has no device that speaks with the broker"),
    ):
        status, text = said("broker-config", "broker", "--host", "b.example", "--locker", name)
        assert status == 2 and re.search(told, text) and not Path("broker").exists(), text


def test_of_a_counter_that_is_retired_nothing_is_to_be_erased(at):
    database = Database("sqlite:///consigne.db")
    register(database, ["L1"])
    Fleet(database).register_counter("C1", 5, Place("Shop"))
    database.close()
    status, text = said("retire", "C1")
    assert status == 0 and "C1 is retired" in text and not re.search("erase|broker", text)


def test_every_lockers_clock_is_shown_and_one_is_given_the_hosts_time_by_whoever_ordered_it(at):
    assert said("clock") == (0, "No locker is registered yet.")
    database = Database("sqlite:///consigne.db")
    register(database, ["L1"])
    status, text = said("clock")
    assert status == 0 and re.fullmatch("L1 never told", text), text
    status, text = said("clock", "set", "L1")
    assert status == 0 and "as soon as it asks" in text and "consigne clock" in text, text
    with database.read() as connection:
        entry = audit.trail(connection, "L1")[0]
    assert entry.action == "clock" and entry.by.endswith(" at the console")
    database.close()
    status, text = said("clock", "set", "L9")
    assert status == 2 and "L9" in text, text
