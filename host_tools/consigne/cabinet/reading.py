"""Reads a cabinet file and what it includes, and remembers where each value came from.

``include = ["panel.toml"]`` includes another file, relative to the one that names it.  A file's own values
override included ones; lists of parts (``[[compartment]]`` and so on) are joined.
"""

import codecs
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

from .lines import lines_of
from .problems import CabinetError, Key, Place, Problem

TomlTable = dict[str, object]
"""A table as TOML gives it, not yet checked."""

_LONG_NUMBER = re.compile(r"[0-9][0-9_]{4000}")
_INTEGERS = range(-(2**63), 2**63)
_MARK = "\ufeff"
"""Notepad begins a file with it; it is no part of the text."""
BYTES_MAX = 262_144
FILES_MAX = 16


@dataclass
class Sheet:
    """The content of all files.  ``data`` as TOML gives it, ``places`` for every key of it."""

    file: Path
    data: TomlTable = field(default_factory=dict)
    places: dict[Key, Place] = field(default_factory=dict)

    def place(self, *key: str | int) -> Place:
        """The place of ``key``, or of the nearest table around it, in the terms of the cabinet file."""
        for length in range(len(key), 0, -1):
            found = self.places.get(key[:length])
            if found is not None:
                return Place(found.file, found.line, key)
        return Place(self.file, 0, key)


def read(file: Path) -> Sheet:
    """The file with all it includes; raises ``CabinetError`` if that cannot be read."""
    return _read(file, ())


def _fail(place: Place, text: str, advice: str) -> CabinetError:
    return CabinetError([Problem(place, text, advice)])


def _text(file: Path, named_at: Place) -> str:
    """The text of a file, if it is small enough to be written by a person."""
    who = "" if named_at.file == file else f"{file} "  # an included file has its own place
    try:
        size = file.stat().st_size
        if size > BYTES_MAX:
            raise _fail(named_at, f"{who}has {size} bytes", f"a cabinet file has {BYTES_MAX} at most")
        data = file.read_bytes()
    except OSError as error:
        raise _fail(named_at, f"{who}cannot be read: {error.strerror}", "give the path of a file") from None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _fail(named_at, f"{who}is UTF-16", "save it as UTF-8")
    if b"\0" in data:
        raise _fail(named_at, f"{who}is not a text file", "give the path of a cabinet file")
    try:
        return data.decode().removeprefix(_MARK).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise _fail(named_at, f"{who}is not UTF-8 at byte {error.start}", "save it as UTF-8") from None


def _parsed(file: Path, text: str) -> TomlTable:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        words = str(error)
        _, _, rest = words.partition("(at line ")
        line = int(rest.split(",")[0]) if rest[:1].isdigit() else text.count("\n") + 1
        raise _fail(Place(file, line), words.split(" (at ")[0], "mend the TOML there") from None
    except ValueError:  # from int(): such a number is no TOML either, where numbers have 64 bits
        line = text.count("\n", 0, found.start()) + 1 if (found := _LONG_NUMBER.search(text)) else 0
        raise _fail(Place(file, line), "a number of thousands of digits", "write a smaller one") from None
    except RecursionError:
        raise _fail(Place(file, 0), "nested too deeply", "a cabinet file has three levels") from None


def _too_large(value: object, key: Key = ()) -> Iterator[Key]:
    """The keys of numbers too large for TOML, which Python may be unable to print."""
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from _too_large(entry, (*key, name))
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _too_large(entry, (*key, number))
    elif isinstance(value, int) and value not in _INTEGERS:
        yield key


def _read(file: Path, above: tuple[Path, ...], named_at: Place | None = None) -> Sheet:
    named_at = named_at or Place(file, 0)
    here = Path(os.path.realpath(file))  # Path.resolve() raises for links that lead to one another
    if here in above:
        chain = " -> ".join(str(path.name) for path in (*above, file))
        raise _fail(named_at, f"files include one another: {chain}", "remove this include")
    if len(above) >= FILES_MAX:
        raise _fail(named_at, f"includes are {FILES_MAX} deep", "put the files together")
    text = _text(file, named_at)
    own = Sheet(file, _parsed(file, text))
    own.places = {key: Place(file, line, key) for key, line in lines_of(text).items()}
    for key in _too_large(own.data):
        raise _fail(own.place(*key), "a number of more than 64 bits", "write a smaller one")
    names = own.data.pop("include", [])
    if not isinstance(names, list) or not all(isinstance(name, str) and "\0" not in name for name in names):
        raise _fail(own.place("include"), "expected a list of file names", 'write include = ["panel.toml"]')
    if len(names) > FILES_MAX:
        raise _fail(own.place("include"), f"{len(names)} includes", f"at most {FILES_MAX} are allowed")
    whole = Sheet(file)
    for i, name in enumerate(names):
        _merge(whole, _read(file.parent / name, (*above, here), own.place("include", i)))
    _merge(whole, own)
    return whole


def _merge(into: Sheet, sheet: Sheet) -> None:
    """Put ``sheet`` over ``into``: tables key by key, lists of tables appended, all else replaced."""
    for name, value in sheet.data.items():
        old = into.data.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            old.update(value)
            _take_places(into, sheet, name, 0)
        elif _is_list_of_tables(old) and _is_list_of_tables(value):
            _take_places(into, sheet, name, len(old))
            into.data[name] = [*old, *value]
        else:
            into.data[name] = value
            for key in [key for key in into.places if key[0] == name]:
                del into.places[key]
            _take_places(into, sheet, name, 0)


def _is_list_of_tables(value: object) -> TypeGuard[list[TomlTable]]:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)


def _take_places(into: Sheet, sheet: Sheet, name: str, shift: int) -> None:
    for key, place in sheet.places.items():
        if key[0] != name:
            continue
        moved = key
        if shift and len(key) > 1 and isinstance(key[1], int):
            moved = (name, key[1] + shift, *key[2:])
        if not (shift and len(key) == 1):
            into.places[moved] = Place(place.file, place.line, moved)
