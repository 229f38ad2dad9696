"""Every branch of the modules that decide who may open what is taken by a test of ``tests/core``.

The figure counts only the plain tests, which run on both interpreters; the properties beside this
file do not help it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CORE = ROOT / "firmware" / "locker" / "core"

DECIDING = (
    "access",
    "codes",
    "grants",
    "labels",
    "livecodes",
    "parcelcodes",
    "revoked",
    "throttle",
    "timekeeping",
    "tokens",
    "trust",
    "windows",
)


def test_no_branch_that_decides_is_untried(tmp_path: Path) -> None:
    files = [str(CORE / f"{name}.py") for name in DECIDING]
    tests = [str(path) for path in sorted((ROOT / "tests" / "core").glob("test_*.py"))]
    environment = {**os.environ, "COVERAGE_FILE": str(tmp_path / "coverage")}
    measured = [sys.executable, "-m", "coverage", "run", "--branch", f"--include={','.join(files)}"]
    quiet = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    run = subprocess.run(
        measured + quiet + tests,
        check=False,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    report = subprocess.run(
        [sys.executable, "-m", "coverage", "report", "--show-missing", "--fail-under=100"],
        check=False,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert report.returncode == 0, report.stdout + report.stderr
    for name in DECIDING:
        assert f"core/{name}.py" in report.stdout, f"{name} was not measured"
