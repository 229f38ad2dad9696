"""What is published: made by one command, verifiable, and it runs where nothing else of ours is."""

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import lock
import locker
import pytest
import release
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
NAME = f"consigne-{locker.VERSION}"
UNRELEASED = "## [Unreleased]"

pytestmark = pytest.mark.xdist_group("release")  # one build and one environment for all of them


def _run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, **environment},
    )


def _commit(checkout: Path) -> None:
    git = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.org")
    _run(*git, "add", "--all", cwd=checkout)
    ended = _run(*git, "commit", "--quiet", "--message", "As it is", cwd=checkout)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working tree as a commit of its own, with a section of changes for the version at hand."""
    made = tmp_path_factory.mktemp("checkout")
    listed = _run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, made / name)
    changelog = made / "CHANGELOG.md"
    if f"\n## [{locker.VERSION}]" not in changelog.read_text():
        text = changelog.read_text()
        changelog.write_text(
            text.replace(UNRELEASED, f"{UNRELEASED}\n\n## [{locker.VERSION}] - 2026-01-31", 1)
        )
    _run("git", "init", "--quiet", cwd=made)
    _commit(made)
    return made


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A maintainer's private key; the public one is beside it."""
    made = tmp_path_factory.mktemp("key") / "id_ed25519"
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", made, cwd=made.parent)
    return made


@pytest.fixture(scope="module")
def published(checkout: Path, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that the command made."""
    directory = tmp_path_factory.mktemp("published") / "release"
    ended = _run(sys.executable, ".ci/release.py", directory, key, cwd=checkout)
    assert ended.returncode == 0, ended.stderr
    return directory


def _verify(published: Path, key: Path) -> subprocess.CompletedProcess[str]:
    """What docs/releasing.md tells a reader to do."""
    signers = key.with_name("allowed_signers")
    signers.write_text("maintainers " + key.with_suffix(".pub").read_text())
    with (published / "SHA256SUMS").open() as sums:
        return subprocess.run(
            ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", "maintainers", "-n", release.NAMESPACE]
            + ["-s", published / "SHA256SUMS.sig"],
            stdin=sums,
            check=False,
            capture_output=True,
            text=True,
        )


def test_a_reader_can_verify_every_file_and_notices_one_that_was_changed(
    published: Path, key: Path, tmp_path: Path
) -> None:
    assert {path.name for path in published.iterdir()} == {
        *(
            f"{NAME}{end}"
            for end in (".tar.gz", "-py3-none-any.whl", ".cdx.json", "-changes.txt", "-requirements.txt")
        ),
        *("SHA256SUMS", "SHA256SUMS.sig"),
    }
    copy = Path(shutil.copytree(published, tmp_path / "copy"))
    assert _run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=copy).returncode == 0
    assert _verify(copy, key).returncode == 0
    with (copy / f"{NAME}.tar.gz").open("ab") as archive:
        archive.write(b"x")
    assert "FAILED" in _run("sha256sum", "--check", "SHA256SUMS", cwd=copy).stdout
    release.checksums(copy)  # whoever changed the file changes its checksum too
    assert _verify(copy, key).returncode != 0


def test_the_source_archive_makes_the_wheel_that_the_checkout_makes(checkout: Path, published: Path) -> None:
    epoch = _run("git", "log", "-1", "--format=%ct", cwd=checkout).stdout.strip()
    made = checkout / "build"
    _run(
        *(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", made),
        cwd=checkout,
        SOURCE_DATE_EPOCH=epoch,
    )
    wheel = f"{NAME}-py3-none-any.whl"
    assert (
        hashlib.sha256((made / wheel).read_bytes()).digest()
        == hashlib.sha256((published / wheel).read_bytes()).digest()
    )
    with tarfile.open(published / f"{NAME}.tar.gz") as archive:
        names = set(archive.getnames())
    assert {
        f"{NAME}/{name}" for name in ("Makefile", "requirements/run.txt", "tests/conftest.py", "LICENSE")
    } <= names


def test_the_wheel_holds_nothing_that_only_developers_need(published: Path) -> None:
    with zipfile.ZipFile(published / f"{NAME}-py3-none-any.whl") as wheel:
        names = wheel.namelist()
        metadata = wheel.read(f"{NAME}.dist-info/METADATA").decode()
    for name in names:
        assert name.startswith(("consigne/", f"{NAME}.dist-info/", f"{NAME}.data/")), name
        assert not re.search(r"(^|/)(tests?|lab|__pycache__)/|/test_", name), name
    assert "Provides-Extra" not in metadata
    asked = {
        Requirement(line.partition(": ")[2])
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist: ")
    }
    assert {requirement.name for requirement in asked} < {pin.name for pin in lock.pins(_run_lock())}


def _run_lock() -> str:
    return (ROOT / "requirements/run.txt").read_text()


def test_the_list_of_parts_has_each_package_that_is_installed_with_its_hashes(published: Path) -> None:
    parts = json.loads((published / f"{NAME}.cdx.json").read_text())
    assert parts["bomFormat"] == "CycloneDX"
    assert parts["metadata"]["component"]["version"] == locker.VERSION
    listed = {(part["name"], part["version"]) for part in parts["components"]}
    assert listed == {(pin.name, pin.version) for pin in lock.pins(_run_lock())}
    assert all(part["externalReferences"][0]["hashes"] for part in parts["components"])


def test_what_is_not_committed_is_not_released(checkout: Path, published: Path, tmp_path: Path) -> None:
    stray = checkout / "stray.txt"
    stray.write_text("x")
    ended = _run(sys.executable, ".ci/release.py", tmp_path / "release", cwd=checkout)
    stray.unlink()
    assert ended.returncode == 1
    assert ended.stderr == "A release is of a commit; not committed are:\n?? stray.txt\n"
    assert not (tmp_path / "release").exists()


def test_a_version_whose_changes_nobody_wrote_down_is_not_released() -> None:
    dated = "## [1.2.0] - 2026-01-31\n\n### Fixed\n\n- old\n\n## [1.1.0] - 2025-01-31\n"
    text = f"# Changes\n\n## [Unreleased]\n\n- new\n\n{dated}"
    assert release.changes(text, "1.2.0") == "### Fixed\n\n- old\n"
    with pytest.raises(SystemExit, match=re.escape("CHANGELOG.md has no section for 1.3.0")):
        release.changes(text, "1.3.0")
    with pytest.raises(SystemExit):
        release.changes(text, "1.2")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("Not a key.\n", "is no private key"),
        ("", "is no private key"),
        ("ecdsa-sha2-nistp256 bm90IGEga2V5 of nobody\n", "is no private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n", "cannot sign ("),
    ],
    ids=["missing", "text", "empty", "public", "broken"],
)
def test_a_key_that_cannot_sign_is_refused_before_anything_is_built(
    tmp_path: Path, content: str | None, said: str
) -> None:
    key = tmp_path / "key"
    if content is not None:
        key.touch(0o600)
        key.write_text(content)
    with pytest.raises(SystemExit) as ended:
        release.release(tmp_path / "release", key)
    asked = "give the private SSH key that signs, as KEY=~/.ssh/id_ed25519."
    code = str(ended.value.code)  # in the brackets are the words of ssh-keygen
    assert code.startswith(f"{key} {said}") and code.endswith(f": {asked}") and "\n" not in code
    assert not (tmp_path / "release").exists()


def test_a_key_that_has_a_passphrase_is_taken(key: Path) -> None:
    assert release.why_not(key) == ""
    locked = key.with_name("locked")
    shutil.copy(key, locked)
    _run("ssh-keygen", "-q", "-p", "-P", "", "-N", "words", "-a", "1", "-f", locked, cwd=key.parent)
    assert locked.read_bytes() != key.read_bytes() and release.why_not(locked) == ""


def test_the_wheel_is_refused_by_a_python_that_is_too_old(published: Path, tmp_path: Path) -> None:
    ended = _run(
        *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--python-version", "3.10"),
        *("--target", tmp_path / "target", published / f"{NAME}-py3-none-any.whl"),
        cwd=tmp_path,
    )
    assert ended.returncode == 1
    assert "requires a different Python: 3.10.0 not in '>=3.11'" in ended.stderr


def test_what_is_installed_from_source_needs_no_compiler() -> None:
    for name in lock.SOURCE_ONLY:
        files = importlib.metadata.files(name)
        assert files
        assert not [file for file in files if file.suffix in (".so", ".c", ".pyx")], name


def _place(source: Path, target: Path, python: Path) -> None:
    """Give the new environment a file of this one; a script of it starts the new one's interpreter."""
    target.parent.mkdir(parents=True, exist_ok=True)
    content = source.read_bytes()
    if target.parent.name == "bin" and content.startswith(b"#!"):
        target.write_bytes(b"#!" + bytes(python) + b"\n" + content.partition(b"\n")[2])
        shutil.copymode(source, target)
    elif source.stat().st_dev == target.parent.stat().st_dev:
        os.link(source, target)
    else:
        shutil.copy(source, target)


@pytest.fixture(scope="module")
def installed(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment outside the checkout: the packages of the run lock, and the wheel by pip.

    The packages are taken from this environment, file by file, rather than from an index: the lock says
    that they are the same, and nothing else comes along.
    """
    made = tmp_path_factory.mktemp("installed") / "env"
    _run(sys.executable, "-m", "venv", "--without-pip", made, cwd=made.parent)
    python = made / "bin/python"
    packages = next(made.glob("lib/python3*/site-packages"))
    here = {lock.canonicalize_name(found.name): found for found in importlib.metadata.distributions()}
    for name in {pin.name for pin in lock.pins(_run_lock())}:
        if name in here:  # else it is for another machine, or pip finds that it is missing
            for file in here[name].files or ():
                _place(Path(str(file.locate())), Path(os.path.normpath(packages / file)), python)
    pip = (sys.executable, "-m", "pip", "--python", python)
    wheel = published / f"{NAME}-py3-none-any.whl"
    ended = _run(*pip, "install", "--no-index", "--no-deps", wheel, cwd=made.parent)
    assert ended.returncode == 0, ended.stderr
    ended = _run(*pip, "check", cwd=made.parent)
    assert ended.returncode == 0, ended.stdout
    return made


def _consigne(installed: Path, folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The installed command, with nothing of the checkout or of this environment in reach."""
    path = f"{installed / 'bin'}:/usr/bin:/bin"
    return _run(
        installed / "bin/consigne", *arguments, cwd=folder, PATH=path, PYTHONPATH="", HOME=str(folder)
    )


def test_the_installed_program_knows_its_version_and_is_run_from_the_wheel(
    installed: Path, tmp_path: Path
) -> None:
    assert _consigne(installed, tmp_path, "--version").stdout == f"consigne {locker.VERSION}\n"
    code = "import consigne, locker; print(consigne.__file__, locker.__file__)"
    shown = _run(installed / "bin/python", "-c", code, cwd=tmp_path, PYTHONPATH="").stdout.split()
    assert all(Path(path).is_relative_to(installed) for path in shown)
    for module in ("pytest", "lab", "hypothesis", "mypy"):
        assert (
            "No module named"
            in _run(installed / "bin/python", "-m", module, cwd=tmp_path, PYTHONPATH="").stderr
        )


def test_the_installed_program_plays_a_parcel_in_and_out(installed: Path, tmp_path: Path) -> None:
    ended = _consigne(installed, tmp_path, "demo", "--headless")
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report["parcels_collected"] == report["parcels_deposited"] > 0
    assert report["events_lost"] == 0


def test_the_installed_program_begins_a_cabinet_file_and_checks_it(installed: Path, tmp_path: Path) -> None:
    assert _consigne(installed, tmp_path, "cabinet", "new", "cabinet.toml", "--doors", "4").returncode == 0
    ended = _consigne(installed, tmp_path, "cabinet", "check", "cabinet.toml")
    assert ended.returncode == 0, ended.stderr + ended.stdout
    with (tmp_path / "cabinet.toml").open("a") as file:
        file.write("\n[keypat]\n")
    ended = _consigne(installed, tmp_path, "cabinet", "check", "cabinet.toml")
    assert ended.returncode == 1 and "keypat" in ended.stderr + ended.stdout


def test_the_installed_program_is_a_board_that_mpremote_speaks_with(installed: Path, tmp_path: Path) -> None:
    command = [installed / "bin/consigne", "device", "virtual", "flash.bin", "--chip", "esp32s3"]
    environment = {
        **os.environ,
        "PATH": f"{installed / 'bin'}:/usr/bin:/bin",
        "PYTHONPATH": "",
        "PYTHONUNBUFFERED": "1",
    }
    board = subprocess.Popen(
        [*command, "--micropython", "v1.28.0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert board.stdout is not None
        port = board.stdout.readline().strip()
        mpremote = (installed / "bin/mpremote", "connect", port)
        done = _run(*mpremote, "exec", "import sys; print(sys.implementation[1][:2])", cwd=tmp_path)
        assert done.stdout.strip() == "(1, 28)", done
    finally:
        board.kill()
        board.wait()


@pytest.mark.parametrize(
    "command",
    [("demo", "--headless"), ("sim", "--keys", "1#"), ("device", "virtual", "flash.bin")],
    ids=lambda c: c[0],
)
def test_a_machine_for_which_nobody_built_micropython_is_told_so(
    installed: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    program = installed / "bin/micropython"
    aside = program.rename(program.with_name("aside"))
    try:
        ended = _run(installed / "bin/consigne", *command, cwd=tmp_path, PATH=str(installed / "bin"))
    finally:
        aside.rename(program)
    assert ended.returncode == 1
    assert ended.stderr.startswith("no MicroPython to run the firmware on: ")
    assert len(ended.stderr.splitlines()) == 1
