"""The same steps on CPython and, in one long-lived process, on MicroPython."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import echo
from consigne.sim.grounds.process import interpreter

ROOT = Path(__file__).resolve().parents[3]


class MicroPython:
    """An interpreter that answers steps; a crash is an ``AssertionError`` with what it said."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("echo.py")
        self._process = subprocess.Popen(
            [interpreter(), "-X", "heapsize=512k", str(script), str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def play(self, steps: list[Any]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        # Characters as they are: MicroPython reads \\u escapes of surrogate pairs differently.
        self._process.stdin.write(json.dumps(steps, ensure_ascii=False) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line.startswith("["), line + self._process.stdout.read()
        return json.loads(line)

    def close(self) -> None:
        self._process.communicate(timeout=600)


def both() -> Iterator[Any]:
    """Yield a function: steps to answers, the same on both interpreters or ``AssertionError``."""
    micropython = MicroPython()

    def play(steps: list[Any]) -> Any:
        here = json.loads(json.dumps(echo.play(steps)))
        there = micropython.play(steps)
        for i, step in enumerate(steps[1:]):
            assert here[i] == there[i], (step, here[i], there[i])
            assert not (isinstance(here[i], list) and here[i][:1] == ["raised"]), (step, here[i])
        return here

    yield play
    micropython.close()
