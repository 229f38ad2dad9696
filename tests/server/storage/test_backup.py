"""The host's database in one file and back, as the person who has to do it in the night meets it."""

import json
import stat
import threading
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from consigne.cli import app
from consigne.server.ingest.store import Store
from consigne.server.storage import backup, migrations, postgrestools, restore
from consigne.server.storage.database import Database, as_it_is
from host_kit import deposited, device_key, event, events, new_file, register
from sqlalchemy import text
from typer.testing import CliRunner

HANGS_S = 180.0


@pytest.fixture
def url(databases):
    with databases.url() as made:
        yield made


@pytest.fixture
def empty(databases):
    """Another database, without tables."""
    with databases.url() as made:
        yield made


@pytest.fixture
def one(tmp_path):
    """Of SQLite, for what is the same on both."""
    (tmp_path / "one").mkdir()
    return f"sqlite:///{tmp_path}/one/host.db"


@pytest.fixture
def two(tmp_path):
    """Another."""
    (tmp_path / "two").mkdir()
    return f"sqlite:///{tmp_path}/two/host.db"


@pytest.fixture
def folder(tmp_path):
    """For backups."""
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups"


def given(url, *lockers, parcels=3):
    """A database with lockers, each of which left some parcels; the host is stopped."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).write_bytes(new_file())
    database = Database(url)
    register(database, lockers or ("L1", "L2"))
    store = Store(database)
    for locker in lockers or ("L1", "L2"):
        rows = [deposited(seq, f"{locker}-{seq}") for seq in range(1, parcels + 1)]
        store.commit([events(locker, 1, *rows)])
    database.close()


def consigne(*words):
    done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    return done.exit_code, " ".join(done.output.replace("│", " ").split())


def taken(url, folder):
    file = folder / "host.backup"
    code, said = consigne("backup", file, "--database", url)
    assert code == 0, said
    return file


def content(url):
    """Everything that the database holds."""
    with as_it_is(url) as connection:
        return {
            name: sorted(map(repr, connection.exec_driver_sql(f'SELECT * FROM "{name}"')))
            for name in backup.tables(connection)
        }


def rewritten(file, change=lambda told: None, database=None):
    """The same backup with another manifest, or with another database whose sum the manifest has."""
    with zipfile.ZipFile(file) as archive:
        told = json.loads(archive.read(backup.MANIFEST))
        name = "host.db" if told["database"] == "sqlite" else "host.dump"
        held = archive.read(name)
    if database is not None:
        held = database(held)
        told |= {"size": len(held), "sha256": sha256(held).hexdigest()}
    change(told)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, held)
        archive.writestr(backup.MANIFEST, json.dumps(told))
    return file


def test_what_was_backed_up_comes_back_as_it_was(url, empty, tmp_path):
    given(url)
    file = taken(url, tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["host.backup"]
    code, said = consigne("restore", file, "--database", empty)
    assert code == 0 and "Start the host now" in said
    assert content(empty) == content(url)
    database = Database(empty)  # and a host goes on with it
    outcome = Store(database).commit([events("L1", 1, deposited(3, "L1-3"), event(4))])
    assert (outcome.held["L1", 1].contiguous, outcome.repeated) == (4, 1)
    database.close()


def test_a_backup_taken_while_the_host_stores_is_of_one_moment(url, empty, tmp_path):
    """The stream's row counts the events in their transaction: a copy of two moments would differ."""
    given(url, "L1", parcels=1)
    database, stored = Database(url), [1]
    enough, stop = threading.Event(), threading.Event()

    def work():
        store = Store(database)
        while not stop.is_set():
            first = stored[0] + 1
            store.commit([events("L1", 1, *(event(seq) for seq in range(first, first + 20)))])
            stored[0] += 20
            if stored[0] > 400:
                enough.set()

    working = threading.Thread(target=work)
    working.start()
    try:
        assert enough.wait(HANGS_S)
        before = stored[0]
        manifest = backup.write(url, tmp_path / "host.backup")
        after = stored[0] + 20
    finally:
        stop.set()
        working.join(HANGS_S)
    database.close()
    assert before <= manifest.tables["events"] <= after
    restore.restore(empty, tmp_path / "host.backup")
    with as_it_is(empty) as connection:
        held = connection.execute(text("SELECT contiguous FROM streams")).scalar_one()
        rows = connection.execute(text("SELECT count(*), max(seq) FROM events")).one()
    assert tuple(rows) == (held, held) == (manifest.tables["events"],) * 2


def test_a_long_backup_does_not_begin_again_with_each_commit(tmp_path, monkeypatch):
    """SQLite's online backup does, unless it reads within one transaction: on a busy host it never ended."""
    source = tmp_path / "host.db"
    given(f"sqlite:///{source}", parcels=500)
    monkeypatch.setattr(backup, "_PAGES", 8)
    database = Database(f"sqlite:///{source}")
    seen = []

    def commit_between(said):
        with database.write() as connection:
            connection.execute(text("UPDATE lockers SET digits = digits"))
        seen.append(said)

    backup.copy_sqlite(source, tmp_path / "copy.db", commit_between)
    database.close()
    shares = [int(said.split()[1]) for said in seen]
    assert len(shares) > 10 and shares == sorted(shares) and shares[-1] == 100


def test_the_folder_keeps_so_many_and_nothing_else_is_deleted(one, folder):
    given(one)
    for day in range(1, 6):
        (folder / f"consigne-2026110{day}T031500Z.backup").write_bytes(b"older")
    (folder / "consigne-notes.txt").write_text("mine")
    code, said = consigne("backup", folder, "--keep", 3, "--database", one)
    assert code == 0 and "deleted 3 older backups" in said
    names = sorted(one.name for one in folder.iterdir())
    assert names[:2] == ["consigne-20261104T031500Z.backup", "consigne-20261105T031500Z.backup"]
    assert len(names) == 4 and "consigne-notes.txt" in names


def test_what_broke_off_leaves_no_backup_and_the_next_one_is_whole(one, folder):
    (folder / ".host.backup.part").write_bytes(b"killed outright")
    code, said = consigne("backup", folder / "host.backup", "--database", one)
    assert code == 2 and ("empty" in said or "there is no" in said)  # nothing was ever put into that database
    assert list(folder.glob("*")) == []
    given(one)
    backup.check(taken(one, folder))


def test_a_database_that_holds_something_is_replaced_only_by_the_word(url, empty, tmp_path):
    given(url)
    given(empty, "L9", parcels=7)
    before, file = content(empty), taken(url, tmp_path)
    code, said = consigne("restore", file, "--database", empty)
    assert code == 2 and "not empty (1 lockers, 7 parcels, 7 events)" in said and "--replace" in said
    assert content(empty) == before
    code, said = consigne("restore", file, "--replace", "--database", empty)
    assert code == 0, said
    assert content(empty) == content(url)


def test_tables_that_are_not_ours_are_never_deleted(one, two, folder):
    given(one)
    given(two)
    with Database(two).write() as connection:
        connection.execute(text("CREATE TABLE invoices (id INTEGER)"))
    code, said = consigne("restore", taken(one, folder), "--replace", "--database", two)
    assert code == 2 and ("not Consigne's (invoices)" in said or "in use" in said)


def test_a_running_host_keeps_its_database(url, empty, tmp_path):
    given(url)
    given(empty, "L9")
    file, host = taken(url, tmp_path), Database(empty)
    with host.read() as connection:
        connection.execute(text("SELECT 1"))
    for more in ([], ["--replace"]):
        code, said = consigne("restore", file, *more, "--database", empty)
        assert code == 2 and "in use" in said and "stop the host first" in said
    assert "L9" in str(content(empty)["lockers"])
    host.close()
    assert consigne("restore", file, "--replace", "--database", empty)[0] == 0


@pytest.mark.parametrize("harm", ["flipped", "short", "other", "sum"])
def test_a_damaged_backup_is_refused_and_the_old_database_stays(one, two, folder, harm):
    given(one)
    given(two, "L9")
    before, file = content(two), taken(one, folder)
    held = bytearray(file.read_bytes())
    if harm == "flipped":
        held[len(held) // 2] ^= 4
    elif harm == "short":
        del held[len(held) // 2 :]
    elif harm == "other":
        held[:] = b"a letter to the landlord"
    file.write_bytes(held)
    if harm == "sum":
        rewritten(file, lambda told: told.update(sha256="0" * 64))
    code, said = consigne("restore", file, "--replace", "--database", two)
    assert code == 2 and ("damaged" in said or "no backup of Consigne" in said) and "take another" in said
    assert content(two) == before
    assert [one.name for one in folder.iterdir()] == ["host.backup"]


def test_a_database_that_was_damaged_before_it_was_packed_leaves_the_old_one(url, empty, tmp_path):
    given(url, parcels=40)
    given(empty, "L9")
    before, file = content(empty), taken(url, tmp_path)
    rewritten(file, database=lambda held: held[: len(held) * 2 // 3])
    code, said = consigne("restore", file, "--replace", "--database", empty)
    assert code == 2 and ("is damaged" in said or "pg_restore failed, and nothing was changed" in said), said
    assert content(empty) == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda manifest: manifest.update(schema="9999"), "newer than"),
        (lambda manifest: manifest.update(format=2, version="7.0"), "another Consigne (7.0)"),
        (lambda manifest: manifest.update(tables="many"), "not as Consigne writes it"),
        (lambda manifest: manifest.pop("size"), "not as Consigne writes it"),
        (lambda manifest: manifest.update(program="else"), "no backup of Consigne"),
    ],
)
def test_a_manifest_that_this_consigne_cannot_take_is_told_in_words(one, two, folder, change, told):
    given(one)
    file = rewritten(taken(one, folder), change)
    code, said = consigne("restore", file, "--database", two)
    assert code == 2 and told in said


def test_a_backup_of_another_kind_of_database_is_refused(url, databases, tmp_path):
    given(url)
    kinds = {"sqlite": "postgresql://somebody@/else", "postgresql": f"sqlite:///{tmp_path}/new.db"}
    code, said = consigne("restore", taken(url, tmp_path), "--database", kinds[databases.backend])
    assert code == 2 and "give --database one of" in said
    assert not (tmp_path / "new.db").exists()


def test_the_drill_restores_compares_and_leaves_nothing(url, tmp_path):
    given(url)
    file, live = taken(url, tmp_path), Database(url)  # the host runs
    Store(live).commit([events("L1", 1, event(4), event(5))])
    before = set(databases_of(live))
    code, said = consigne("restore", "--drill", file, "--database", url)
    assert code == 0, said
    assert "events 6 6 8" in said and "can be restored" in said
    assert set(databases_of(live)) == before
    live.close()


def databases_of(database):
    if database.backend == "sqlite":
        return []
    with database.read() as connection:
        return connection.execute(text("SELECT datname FROM pg_database")).scalars().all()


def test_the_drill_says_what_is_wrong_and_fails(one, folder):
    given(one)
    file = rewritten(taken(one, folder), lambda told: told["tables"].update(events=7))
    code, said = consigne("restore", "--drill", file, "--database", one)
    assert (
        code == 1 and "events has 6 rows, and the manifest says 7" in said and "cannot be relied on" in said
    )


def test_the_drill_notices_another_hosts_backup_and_a_live_database_that_fell_behind(one, two, folder):
    given(one)
    file = taken(one, folder)
    given(two, "L1", "L9", parcels=2)
    with as_it_is(two) as connection:
        connection.execute(text("UPDATE lockers SET device_key = :key"), {"key": device_key("another")})
        connection.commit()
    code, said = consigne("restore", "--drill", file, "--database", two)
    assert code == 1
    assert "L2 of the backup are unknown" in said
    assert "no locker of the backup has the key" in said
    assert "lacks events of L1, L2 that the backup has" in said


def test_the_tools_of_postgresql_are_missed_in_words(postgres, tmp_path, monkeypatch):
    name = postgres.new_database()
    given(postgres.url(name))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgrestools, "_PROGRAMS", tmp_path)
    code, said = consigne("backup", tmp_path / "host.backup", "--database", postgres.url(name))
    assert code == 2 and "pg_dump is not installed: on Debian, apt install postgresql-client-15" in said
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
    old.chmod(0o755)
    code, said = consigne("backup", tmp_path / "host.backup", "--database", postgres.url(name))
    assert code == 2 and "the server is of PostgreSQL 15, and pg_dump here is of 9" in said
    postgres.drop(name)


def test_a_password_is_shown_to_nobody_who_lists_processes(postgres):
    url = backup.parsed_url("postgresql://consigne:p%40ss@/host?host=/run&sslpassword=hush")
    with postgrestools.reaching(url) as environment:
        assert environment["PGPASSWORD"] == "p@ss"
        file = environment["PGSERVICEFILE"]
        with open(file) as service:
            settings = service.read()
    assert "sslpassword=hush" in settings and "p@ss" not in settings
    assert postgrestools.CONNECTION == "--dbname=service=consigne"


def test_the_schema_of_a_backup_is_left_as_it_was_for_the_host_to_bring_on(url, empty, tmp_path):
    with as_it_is_or_new(url) as connection:
        migrations.command.upgrade(migrations._config(connection), "0003")
        connection.commit()
    manifest = backup.write(url, tmp_path / "host.backup")
    restore.restore(empty, tmp_path / "host.backup")
    with as_it_is(empty) as connection:
        assert migrations.version_of(connection) == manifest.schema == "0003"
    Database(empty).close()
    with as_it_is(empty) as connection:
        assert migrations.version_of(connection) == migrations.newest()


def as_it_is_or_new(url):
    if url.startswith("sqlite"):
        open(url.removeprefix("sqlite:///"), "wb").close()
    return as_it_is(url)
