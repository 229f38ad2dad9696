"""One part of the bench in a process of its own: its garbage, threads or failure cannot affect the next part.

The bench calls ``measure``, which starts ``python -m lab.bench.part <part> <file>``: that process measures
and writes ``{"numbers": {..}, "goals": {..}}``.
"""

import contextlib
import importlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

LIMIT_S = 600.0
"""Limit for one part; the longest take seven minutes on two quiet cores."""
_LOOK_S = 0.2
_GOODBYE_S = 10.0


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of a part: numbers and their goals; ``failed`` says what went wrong, or is empty."""

    seconds: float
    numbers: dict[str, float] = field(default_factory=dict)
    goals: dict[str, str] = field(default_factory=dict)
    failed: str = ""


def measure(name: str, said: Callable[[str], None], limit_s: float = LIMIT_S) -> Measured:
    """Measure a part; ``said`` gets its output, line by line.

    All processes it started have ended when this returns or raises.
    """
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="consigne-bench-") as directory:
        found = Path(directory, "found.json")
        command = [sys.executable, "-m", __name__, name, str(found)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that all of it can be ended together
        )
        try:
            in_time = _listen(process, said, started_s + limit_s)
        finally:
            _end(process)
        seconds = time.monotonic() - started_s
        if not in_time:
            return Measured(seconds, failed=f"it had not ended after {limit_s:.0f} s")
        if process.returncode:
            return Measured(seconds, failed=f"it ended with exit status {process.returncode}, see above")
        wrote = json.loads(found.read_text())
    missing = sorted(set(wrote["goals"]) - set(wrote["numbers"]))
    failed = f"it gave no {', '.join(missing)}" if missing else ""
    return Measured(seconds, wrote["numbers"], wrote["goals"], failed)


def _listen(process: subprocess.Popen[bytes], said: Callable[[str], None], until_s: float) -> bool:
    """Pass on its output until it ends; False if it does not end in time.

    A process that it leaves behind may keep the pipe open: so its own end counts, not that of the pipe.
    """
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < until_s:
            ended = process.poll() is not None
            selector.select(0 if ended else _LOOK_S)
            line += process.stdout.read() or b""
            *whole, line = line.split(b"\n")
            for text in whole:
                said(text.decode(errors="replace"))
            if ended:
                return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it if it still runs, and all processes it may have left.

    First as Ctrl-C does, so that it stops servers in sessions of their own.
    """
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GOODBYE_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def write_whole(path: Path, value: object) -> None:
    """Replace a JSON file atomically: a reader finds the old content or the new."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
    beside.replace(path)


def _main(name: str, found: str) -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    module = importlib.import_module(f"{__package__}.{name}")
    numbers = module.run()
    write_whole(Path(found), {"numbers": numbers, "goals": module.GOALS})


if __name__ == "__main__":
    _main(*sys.argv[1:])
