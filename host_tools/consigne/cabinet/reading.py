"""Reads a cabinet file and what it includes, and remembers where each value came from.

``include = ["panel.toml"]`` includes another file, relative to the one that names it.  A file's own values
override included ones; lists of parts (``[[compartment]]`` and so on) are joined.
"""

import codecs
import os
import re
import tomllib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

from consigne.commandline import infile

from .lines import lines_of
from .problems import CabinetError, Key, Place, Problem

TomlTable = dict[str, object]
"""A table as TOML gives it, not yet checked."""

_LONG_NUMBER = re.compile(r"[0-9][0-9_]{4000}")
_INTEGERS = range(-(2**63), 2**63)
_MARK = "\ufeff"
"""Notepad begins a file with it; it is no part of the text."""
BYTES_MAX = 262_144
"""Of a file, and of all that are read for one cabinet together."""
FILES_MAX = 16
"""Includes of one file, and files that include one another in a row."""
READ_MAX = 64
"""Files that are read for one cabinet, each time one is named counted."""
DEPTH_MAX = 32
"""Keys and indices on the way to a value."""
_DOTTED = re.compile(
    r"""(?<![\w-]) (?: (?: [\w-]++ | "[^"\n]*+" | '[^'\n]*+' ) [ \t]*+ \. [ \t]*+ )"""
    rf"{{{DEPTH_MAX}}}",
    re.ASCII | re.VERBOSE,
)
"""A key too deep to be given to ``tomllib``: its memory grows with the square of the depth."""


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
    return _Reading().read(file)


def _fail(place: Place, text: str, advice: str) -> CabinetError:
    return CabinetError([Problem(place, text, advice)])


def _text(file: Path, named_at: Place) -> str:
    """The text of a file, if it is small enough to be written by a person."""
    who = "" if named_at.file == file else f"{file} "  # an included file has its own place
    try:
        data = infile.read(file, BYTES_MAX)
        size = max(file.stat().st_size, len(data))  # a file of the kernel's tells no size
    except OSError as error:
        raise _fail(named_at, f"{who}cannot be read: {error.strerror}", "give the path of a file") from None
    if len(data) > BYTES_MAX:
        raise _fail(named_at, f"{who}has {size} bytes", f"a cabinet file has {BYTES_MAX} at most")
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
        if found := _DOTTED.search(text):
            raise _too_deep(Place(file, text.count("\n", 0, found.start()) + 1))
        data = tomllib.loads(text)
        if any(len(key) > DEPTH_MAX for key, _ in _values(data)):
            raise _too_deep(Place(file, 0))
        return data
    except tomllib.TOMLDecodeError as error:
        words = str(error)
        _, _, rest = words.partition("(at line ")
        line = int(rest.split(",")[0]) if rest[:1].isdigit() else text.count("\n") + 1
        raise _fail(Place(file, line), words.split(" (at ")[0], "mend the TOML there") from None
    except ValueError:  # from int(): such a number is no TOML either, where numbers have 64 bits
        line = text.count("\n", 0, found.start()) + 1 if (found := _LONG_NUMBER.search(text)) else 0
        raise _fail(Place(file, line), "a number of thousands of digits", "write a smaller one") from None
    except RecursionError:
        raise _too_deep(Place(file, 0)) from None


def _too_deep(place: Place) -> CabinetError:
    return _fail(place, "nested too deeply", "a cabinet file has three levels")


def _values(data: TomlTable) -> Iterator[tuple[Key, object]]:
    """Every value with its key, the outer ones first, however deep they lie."""
    waiting: deque[tuple[Key, object]] = deque([((), data)])
    while waiting:
        key, value = waiting.popleft()
        yield key, value
        if isinstance(value, dict):
            waiting.extend(((*key, name), entry) for name, entry in value.items())
        elif isinstance(value, list):
            waiting.extend(((*key, number), entry) for number, entry in enumerate(value))


class _Reading:
    """One reading of a cabinet file with all that it includes, and includes again."""

    def __init__(self) -> None:
        self._count = self._size = 0

    def read(self, file: Path, above: tuple[Path, ...] = (), named_at: Place | None = None) -> Sheet:
        named_at = named_at or Place(file, 0)
        here = Path(os.path.realpath(file))  # Path.resolve() raises for links that lead to one another
        self._check(file, here, above, named_at)
        text = _text(file, named_at)
        self._size += len(text.encode())
        if self._size > BYTES_MAX:
            told = f"all files up to this one have {self._size} bytes"
            raise _fail(named_at, told, f"a cabinet has {BYTES_MAX} at most, included files too")
        own = _own(file, text)
        names = own.data.pop("include", [])
        if not isinstance(names, list) or not all(isinstance(n, str) and "\0" not in n for n in names):
            place = own.place("include")
            raise _fail(place, "expected a list of file names", 'write include = ["panel.toml"]')
        if len(names) > FILES_MAX:
            raise _fail(own.place("include"), f"{len(names)} includes", f"at most {FILES_MAX} are allowed")
        whole = Sheet(file)
        for i, name in enumerate(names):
            _merge(whole, self.read(file.parent / name, (*above, here), own.place("include", i)))
        _merge(whole, own)
        return whole

    def _check(self, file: Path, here: Path, above: tuple[Path, ...], named_at: Place) -> None:
        if here in above:
            chain = " -> ".join(str(path.name) for path in (*above, file))
            raise _fail(named_at, f"files include one another: {chain}", "remove this include")
        if len(above) >= FILES_MAX:
            raise _fail(named_at, f"includes are {FILES_MAX} deep", "put the files together")
        self._count += 1
        if self._count > READ_MAX:
            text = f"includes lead to more than {READ_MAX} files, each counted as often as it is named"
            raise _fail(named_at, text, "put the files together")


def _own(file: Path, text: str) -> Sheet:
    """What stands in the file itself."""
    own = Sheet(file, _parsed(file, text))
    own.places = {key: Place(file, line, key) for key, line in lines_of(text).items()}
    for key, value in _values(own.data):
        if isinstance(value, int) and value not in _INTEGERS:  # which Python may be unable to print
            raise _fail(own.place(*key), "a number of more than 64 bits", "write a smaller one")
    return own


def _merge(into: Sheet, sheet: Sheet) -> None:
    """Put ``sheet`` over ``into``: tables key by key, lists of tables appended, all else replaced."""
    before, new = _by_name(into.places), _by_name(sheet.places)
    for name, value in sheet.data.items():
        old = into.data.get(name)
        shift = 0
        if isinstance(old, dict) and isinstance(value, dict):
            old.update(value)
        elif _is_list_of_tables(old) and _is_list_of_tables(value):
            shift = len(old)
            old.extend(value)
        else:
            into.data[name] = value
            for key in before.get(name, ()):
                del into.places[key]
        for key in new.get(name, ()):
            _take_place(into, sheet.places[key], key, shift)


def _by_name(places: dict[Key, Place]) -> dict[object, list[Key]]:
    """The keys by the first name in them."""
    out: dict[object, list[Key]] = {}
    for key in places:
        out.setdefault(key[0], []).append(key)
    return out


def _is_list_of_tables(value: object) -> TypeGuard[list[TomlTable]]:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)


def _take_place(into: Sheet, place: Place, key: Key, shift: int) -> None:
    if shift and len(key) == 1:
        return  # the list begins in the file that had entries of it first
    if shift and isinstance(key[1], int):
        key = (key[0], key[1] + shift, *key[2:])
    into.places[key] = Place(place.file, place.line, key)
