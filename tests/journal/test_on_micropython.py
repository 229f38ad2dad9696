"""The journal's own tests once more, on the interpreter it is made for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNNER = """
import gc, sys
sys.path[:0] = [{tests!r}, {firmware!r}, {host_tools!r}]
module = __import__({name!r})
names = [name for name in dir(module) if name.startswith("test_")]
for name in names:
    gc.collect()
    getattr(module, name)()
print(len(names), "passed")
"""


@pytest.mark.parametrize("name", ["test_log", "test_damage", "test_flash", "test_stream", "test_bound"])
def test_micropython_agrees(name: str, tmp_path: Path) -> None:
    beside = Path(sys.executable).parent / "micropython"
    micropython = str(beside) if beside.exists() else shutil.which("micropython")
    assert micropython, "install the project's environment: it brings MicroPython"
    # Of the host's package only the flash: what makes the firmware importable there is CPython's.
    (tmp_path / "consigne/sim").mkdir(parents=True)
    (tmp_path / "consigne/sim/board").symlink_to(ROOT / "host_tools/consigne/sim/board")
    script = RUNNER.format(
        tests=str(ROOT / "tests" / "journal"),
        firmware=str(ROOT / "firmware"),
        host_tools=str(tmp_path),
        name=name,
    )
    command = [micropython, "-X", "heapsize=1m", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    count = (ROOT / "tests" / "journal" / f"{name}.py").read_text().count("\ndef test_")
    assert done.stdout.strip() == f"{count} passed"
