"""What is installed is what the lock says, and the lock is what pyproject.toml asks for."""

import http.server
import json
import os
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import audit
import install
import lock
import pytest
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def _misfits(replaced: str = "", by: str = "") -> list[str]:
    text = (ROOT / "pyproject.toml").read_text()
    assert replaced in text
    locks = {path.stem: path.read_text() for path in LOCKS}
    return list(lock.misfits(tomllib.loads(text.replace(replaced, by, 1)), locks))


def test_the_lock_fits_what_pyproject_asks_for() -> None:
    assert {path.stem for path in LOCKS} == set(lock.FILES)
    assert not _misfits(), "run: make lock"


@pytest.mark.parametrize(
    ("replaced", "by", "said"),
    [
        ('"rich>=15"', '"rich>=999"', "asks for rich>=999, requirements/run.txt has "),
        ('"rich>=15"', '"rich>=15", "left-pad"', "asks for left-pad, requirements/run.txt has no left-pad"),
        ('    "rich>=15",\n', "", "requirements/run.txt has rich, which pyproject.toml asks for no more"),
        ('"uvicorn>=', '"uvicorn[tea]>=', "requirements/run.txt lacks tea"),
        ('"mypy>=', '"mypy>=99,>=', "requirements/dev.txt has "),
        ('"hatchling>=', '"hatchling>=99,>=', "requirements/build.txt has "),
        ('"uv>=', '"uv>=99,>=', "requirements/lock.txt has "),
    ],
)
def test_a_lock_that_does_not_fit_is_told(replaced: str, by: str, said: str) -> None:
    assert any(said in sentence for sentence in _misfits(replaced, by))


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_the_lock_names_a_hash_for_each_package_and_no_host(path: Path) -> None:
    text = path.read_text()
    for package in text.replace("\\\n", "").splitlines():
        if "==" in package and not package.startswith((" ", "#")):
            assert "--hash=sha256:" in package, package
    assert "://" not in text and "--index" not in text and "--find-links" not in text


def test_what_the_demo_installs_is_what_is_tested() -> None:
    """Else a parcel goes in and out with other versions than those that all tests ran with."""
    tested = {(pin.name, pin.version) for pin in lock.pins((ROOT / "requirements/dev.txt").read_text())}
    for file in ("run", "build"):
        pins = lock.pins((ROOT / f"requirements/{file}.txt").read_text())
        assert pins and {(pin.name, pin.version) for pin in pins} <= tested


def test_no_package_is_promised_in_a_major_release_that_no_test_ran_with() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for file in lock.FILES:
        pins = {
            pin.name: Version(pin.version)
            for pin in lock.pins((ROOT / f"requirements/{file}.txt").read_text())
        }
        for requirement in lock.asked(project, file):
            for floor in (
                clause.version for clause in requirement.specifier if clause.operator in (">=", "~=")
            ):
                tested = pins[lock.canonicalize_name(requirement.name)]
                assert Version(floor).major == tested.major, f"{requirement}, tested with {tested}"


def test_tests_that_share_a_group_run_in_one_process(tmp_path: Path) -> None:
    """Releases of pytest and pytest-xdist that do not fit each other break this without a word."""
    (tmp_path / "test_group.py").write_text(
        "import os, pathlib, pytest\n\n"
        "@pytest.mark.xdist_group('one')\n"
        "@pytest.mark.parametrize('number', range(6))\n"
        "def test_it(number):\n"
        "    pathlib.Path(f'{number}.pid').write_text(str(os.getpid()))\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n", "2", "--dist", "loadgroup"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # importing others' plugins takes seconds
    ended = subprocess.run(
        [*command, "test_group.py"], check=False, cwd=tmp_path, env=alone, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout
    processes = [path.read_text() for path in tmp_path.glob("*.pid")]
    assert len(processes) == 6 and len(set(processes)) == 1


def test_the_wheel_names_the_pythons_that_the_lock_is_made_for() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    head = "Programming Language :: Python :: "
    told = [line.removeprefix(head) for line in settings["project"]["classifiers"] if line.startswith(head)]
    assert tuple(word for word in told if word[-1].isdigit()) == install.PYTHONS
    oldest = install.PYTHONS[0]
    assert settings["project"]["requires-python"] == f">={oldest}"
    assert (
        settings["tool"]["mypy"]["python_version"]
        == settings["tool"]["basedpyright"]["pythonVersion"]
        == oldest
    )


def test_a_package_that_nobody_built_for_this_machine_is_one_sentence() -> None:
    said = (
        "ERROR: Could not find a version that satisfies greenlet==3.5.6 (from versions: none)\n"
        "ERROR: No matching distribution found for greenlet==3.5.6\n"
    )
    sentence = install.explained(said)
    assert sentence.startswith("greenlet==3.5.6 has no package built for Python 3.")
    assert "\n" not in sentence
    for known in (*install.PYTHONS, *install.MACHINES):
        assert known in sentence
    assert install.explained("ERROR: disk full\n") == "ERROR: disk full"


@contextmanager
def _osv(weak: dict[str, str]) -> Iterator[str]:
    """OSV's query of one package, on the loopback; ``weak`` gives the version that mends a package."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            found = {"vulns": [_weakness(name, weak[name])]} if name in weak else {}
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        server.server_close()


def _weakness(name: str, mended: str) -> dict[str, object]:
    events = [{"introduced": "0"}, {"fixed": mended}]
    package = {"name": name, "ecosystem": "PyPI"}
    return {
        "id": "PYSEC-2026-1",
        "published": "2026-01-01T00:00:00Z",
        "summary": "opens every door",
        "affected": [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
    }


def test_a_known_weakness_fails_the_check_and_says_what_mends_it() -> None:
    with _osv({"starlette": "99.1"}) as service:
        ended = subprocess.run(
            [sys.executable, ROOT / ".ci/audit.py", service], check=False, capture_output=True, text=True
        )
    assert ended.returncode == 1
    version = next(
        p.version for p in lock.pins((ROOT / "requirements/run.txt").read_text()) if p.name == "starlette"
    )
    assert f"starlette {version}: PYSEC-2026-1; mended in 99.1" in ended.stderr


def test_without_a_weakness_the_check_says_how_many_packages_it_asked_for() -> None:
    names = {pin.name for path in LOCKS for pin in lock.pins(path.read_text())}
    with _osv({}) as service:
        said = audit.audit(service)
    asked = int(said.removeprefix("Known weaknesses: none in ").split()[0])
    assert len(names) - 5 < asked <= len(names)  # a few are for other machines


def test_a_closed_network_is_one_line_and_no_failure() -> None:
    with _osv({}) as service:
        pass
    assert audit.audit(service) == f"Known weaknesses: not checked, {service} is not reached from here."
