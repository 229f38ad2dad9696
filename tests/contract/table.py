"""The table of calls: what stands in ``rows/*.toml``, read and checked, and what of the code it covers."""

import ast
import inspect
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finder import Finder, Use, device_sources

ROOT = Path(__file__).resolve().parents[2]
ROWS = Path(__file__).with_name("rows")
OLDEST, NEWEST = "v1.25.0", "v1.28.0"
"""The releases of MicroPython whose sources were read: the oldest that is supported, and the newest."""

GROUNDS = ("virtual", "unix", "board", "plain")
"""CPython under virtual time; the unix port beside a simulated board; the virtual board's prompt; and the
modules of CPython, with those of ``sim/pyshim``, by which the host imports the firmware's core."""

PLAIN = frozenset(("time.ticks_ms", "time.ticks_add", "time.ticks_diff", "micropython.const"))
"""What the core uses of the interpreter, and so all that the last of the grounds has."""

BOARDS = ("esp32", "esp32-spiram", "esp32s3", "esp32s3-octal", "esp32c3", "esp32-lan")
KINDS = ("official-psram", "romfs")
_KEYS = frozenset("name takes gives raises effects source differs check limit limited seen".split())
_CHECK_KEYS = frozenset("do is type raises board kind".split())


class TableError(ValueError):
    """A row is not as the table's readme has it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to do on a ground: ``statements`` first, then the value or the error of ``expression``."""

    row: str
    do: str
    board: str
    kind: str  # of the virtual board's image; empty: both
    wanted: tuple[str, str]  # ("is", repr), ("type", name) or ("raises", "Name" or "Name: text" or "Name 5")

    @property
    def parts(self) -> tuple[str, str]:
        """``(statements, expression)``; the last may be empty."""
        body = ast.parse(self.do).body
        last = body[-1]
        if not isinstance(last, ast.Expr):
            return self.do, ""
        before = "\n".join(ast.unparse(node) for node in body[:-1])
        return before, ast.unparse(last)


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    takes: str | None
    checks: tuple[Check, ...]
    seen: str
    limit: str
    limited: dict[str, tuple[str, ...]]

    def takes_use(self, use: Use) -> bool:
        """Whether the signature takes what a call hands over."""
        if not use.called:
            return True
        if self.takes is None:
            return False
        signature = _signature(self.takes)
        try:
            named = dict.fromkeys(use.keywords)
            if use.open_ended:
                signature.bind_partial(*[None] * use.positional, **named)
            else:
                signature.bind(*[None] * use.positional, **named)
        except TypeError:
            return False
        return True

    def is_limited(self, check: Check, ground: str) -> bool:
        """Whether the stand-in of that ground is known to differ, with the reason in ``limit``."""
        if ground == "plain" and self.name not in PLAIN:
            return True
        places = self.limited.get(ground, ())
        return "*" in places or check.do in places


@dataclass(frozen=True, slots=True)
class Part:
    """One file: the rows of some modules, and what their checks need to be set up."""

    name: str
    setup: str
    rows: tuple[Row, ...]


def _signature(takes: str) -> inspect.Signature:
    space: dict[str, Any] = {}
    exec(f"def call({takes}): pass", space)
    return inspect.signature(space["call"])


def read(folder: Path = ROWS) -> list[Part]:
    """All parts; raises ``TableError`` for a row that says too little."""
    parts = []
    for path in sorted(folder.glob("*.toml")):
        data = tomllib.loads(path.read_text())
        parts.append(Part(path.stem, data["setup"], tuple(_row(entry) for entry in data["row"])))
    names = [row.name for part in parts for row in part.rows]
    if twice := {name for name in names if names.count(name) > 1}:
        raise TableError(f"two rows for {', '.join(sorted(twice))}")
    return parts


def _row(entry: dict[str, Any]) -> Row:
    name = entry.get("name", "a row without a name")
    if unknown := set(entry) - _KEYS:
        raise TableError(f"{name}: unknown {', '.join(sorted(unknown))}")
    for key in ("gives", "source"):
        if not entry.get(key):
            raise TableError(f"{name}: says no {key}")
    checks = tuple(_check(name, one) for one in entry.get("check", ()))
    seen = entry.get("seen", "")
    if not checks and not seen:
        raise TableError(f"{name}: nothing is checked, and no test is named that does")
    limited = {ground: tuple(places) for ground, places in entry.get("limited", {}).items()}
    for ground, places in limited.items():
        known = {check.do for check in checks} | {"*"}
        if ground not in GROUNDS or not set(places) <= known or not entry.get("limit"):
            raise TableError(f"{name}: a limit of what is not checked, or without a reason")
    return Row(name, entry.get("takes"), checks, seen, entry.get("limit", ""), limited)


def _check(row: str, entry: dict[str, str]) -> Check:
    wanted = [(key, entry[key]) for key in ("is", "type", "raises") if key in entry]
    if len(wanted) != 1 or set(entry) - _CHECK_KEYS:
        raise TableError(f"{row}: a check wants one of is, type, raises: {entry}")
    board, kind = entry.get("board", "esp32"), entry.get("kind", "")
    if board not in BOARDS or kind not in ("", *KINDS):
        raise TableError(f"{row}: no board {board!r} or no image {kind!r}")
    return Check(row, entry["do"], board, kind, wanted[0])


def uses() -> list[Use]:
    """Every use that what runs on a board makes of the interpreter."""
    return Finder(device_sources(ROOT)).uses()


def without_row(found: Iterable[Use], parts: list[Part]) -> Iterator[str]:
    """One line for each use that no row covers, or whose row does not take its arguments."""
    rows = {row.name: row for part in parts for row in part.rows}
    for use in found:
        row = rows.get(use.name)
        where = f"{use.file}:{use.line}: {use.name}"
        if row is None:
            yield f"{where} has no row"
        elif not row.takes_use(use):
            given = [*["_"] * use.positional, *(f"{name}=_" for name in use.keywords)]
            yield f"{where}({', '.join(given)}) is not what the port takes: {row.takes}"
