"""The line of each key in a TOML file, which ``tomllib`` does not give.

The text must have passed ``tomllib``, so this only has to distinguish keys from values.  Lines are
found for tables, for keys, and for the entries of arrays and inline tables.
"""

import re

from .problems import Key

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"(?:[ \t]|\r?\n|#[^\n]*)*")
_STRING = re.compile(r'"""(?:\\.|[^\\])*?"""+|\'\'\'.*?\'\'\'+|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL)
_SCALAR = re.compile(r"[^,\]}\s#]+(?: [0-9][0-9:.Z+-]*)?")


def lines_of(text: str) -> dict[Key, int]:
    """The line, from 1, of every key of a valid TOML document."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0  # offset up to which ``_line`` has counted line ends
        self._found: dict[Key, int] = {}
        self._lengths: dict[Key, int] = {}  # of arrays of tables

    def scan(self) -> dict[Key, int]:
        table: Key = ()
        while self._skip():
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._found

    def _skip(self) -> bool:
        """Skip blanks, line ends and comments; False at the end of the text."""
        self._take(_SPACE)
        return self._at < len(self._text)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(f"line {self._here()}: not TOML as tomllib knows it")
        self._at = match.end()
        return match.group()

    def _here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _note(self, key: Key) -> None:
        self._found.setdefault(key, self._here())

    def _header(self) -> Key:
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        names = self._names()
        self._at += 2 if is_array else 1
        key = self._resolve(names[:-1]) + (names[-1],)
        if is_array:
            self._note(key)
            count = self._lengths.get(key, 0)
            self._lengths[key] = count + 1
            key += (count,)
        self._note(key)
        return key

    def _resolve(self, names: list[str]) -> Key:
        """A path as a header spells it, with the index of the newest entry of each array of tables added."""
        key: Key = ()
        for name in names:
            key += (name,)
            if key in self._lengths:
                key += (self._lengths[key] - 1,)
        return key

    def _names(self) -> list[str]:
        """A dotted key; stops after it."""
        names = []
        while True:
            self._skip()
            if self._text[self._at] in "\"'":
                names.append(self._take(_STRING)[1:-1])
            else:
                names.append(self._take(_BARE))
            self._skip()
            if self._text[self._at] != ".":
                return names
            self._at += 1

    def _pair(self, table: Key) -> None:
        self._here()
        key = table + tuple(self._names())
        self._note(key)
        self._at += 1  # the =
        self._value(key)

    def _value(self, key: Key) -> None:
        self._skip()
        first = self._text[self._at]
        if first in "\"'":
            self._take(_STRING)
        elif first == "[":
            self._entries(key, "]")
        elif first == "{":
            self._entries(key, "}")
        else:
            self._take(_SCALAR)

    def _entries(self, key: Key, end: str) -> None:
        self._at += 1
        count = 0
        while True:
            self._skip()
            if self._text[self._at] == end:
                self._at += 1
                return
            if end == "]":
                self._note((*key, count))
                self._value((*key, count))
                count += 1
            else:
                self._pair(key)
            self._skip()
            if self._text[self._at] == ",":
                self._at += 1
