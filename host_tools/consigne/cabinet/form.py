"""The form of a cabinet file: known keys, right types, values in range; defaults are filled in."""

import json
import re
from datetime import date, datetime, time
from typing import Any, cast

from consigne.protocol.untrusted import LINE_PATTERN, one_line

from .document import Document
from .problems import TOLD_MAX, Key, Problem, nearest, shortened
from .reading import Sheet, TomlTable
from .schema import LISTS, NEEDED, REQUIRED, SITE, TABLES, Field, Table, table_of

_WORDS = {
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    bool: "true or false",
    list: "a list",
}

_NAMELESS: tuple[tuple[type, str], ...] = (
    (datetime, "a date with a time"),  # which Python takes for a date too
    (date, "a date"),
    (time, "a time"),
    (list, "a list"),
    (dict, "a table"),
)


def _told(value: object) -> str:
    """What a file has there, in the words of TOML."""
    for kind, words in _NAMELESS:
        if isinstance(value, kind):
            return words
    if not isinstance(value, str):
        return str(value).lower()  # true, nan and the like
    return f"'{one_line(json.dumps(shortened(value), ensure_ascii=False)[1:-1])}'"


def check_form(sheet: Sheet) -> tuple[Document, list[Problem]]:
    """The data with every default filled in, and what is wrong with it; with problems it is partial."""
    form = _Form(sheet)
    return cast(Document, form.whole()), form.problems  # as the tables of ``schema`` allow


class _Form:
    def __init__(self, sheet: Sheet) -> None:
        self.problems: list[Problem] = []
        self._sheet = sheet

    def _wrong(self, key: Key, text: str, advice: str) -> None:
        self.problems.append(Problem(self._sheet.place(*key), text, advice))

    def _unknown(self, where: Key, name: str, known: list[str]) -> None:
        # To compare names takes its time, and further problems are only counted.
        advice = nearest(name, known) if len(self.problems) < TOLD_MAX else "leave it out"
        self._wrong(where, f"unknown key {_told(name)}", advice)

    def whole(self) -> TomlTable:
        data = self._sheet.data
        known = [*SITE, *TABLES, *LISTS, "include"]
        for name in data:
            if name not in known:
                self._unknown((name,), name, known)
        for name in NEEDED:
            if name not in data:
                head = f"[[{name}]]" if name in LISTS else f"[{name}]"
                self._wrong((), f"{head} is missing", "the firmware does not start without it: add it")
        out = self._table({k: v for k, v in data.items() if k in SITE}, SITE, ())
        for name in TABLES:
            if name in data:
                out[name] = self._sub(data[name], name)
        for name, (count_max, table) in LISTS.items():
            out[name] = self._list(data.get(name, []), count_max, table, name)
        return out

    def _sub(self, given: object, name: str) -> TomlTable:
        if not isinstance(given, dict):
            self._wrong(
                (name,), f"expected a table, found {_told(given)}", f"write [{name}] and its keys below"
            )
            return {}
        return self._table(given, table_of(name, given), (name,))

    def _list(self, given: object, count_max: int, table: Table, name: str) -> list[TomlTable]:
        if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
            self._wrong((name,), "expected a list of tables", f"write [[{name}]] above each")
            return []
        if len(given) > count_max:
            self._wrong((name,), f"{len(given)} entries", f"at most {count_max} are allowed")
            return []
        return [self._table(entry, table, (name, i)) for i, entry in enumerate(given)]

    def _table(self, given: TomlTable, table: Table, where: Key) -> TomlTable:
        for key in given:
            if key not in table:
                self._unknown((*where, key), key, list(table))
        out = {}
        for key, field in table.items():
            if key in given:
                value = given[key]
                if field.kind is float and isinstance(value, int) and not isinstance(value, bool):
                    value = float(value)
                if self._value(value, field, (*where, key)):
                    out[key] = value
            elif field.default is REQUIRED:
                self._wrong(where, f"key '{key}' is missing", f"add it: {field.meaning}")
            else:
                out[key] = field.default
        return out

    def _value(self, value: object, field: Field, where: Key) -> bool:
        if not isinstance(value, field.kind) or (field.kind is int and isinstance(value, bool)):
            self._wrong(
                where, f"expected {_WORDS[field.kind]}, found {_told(value)}", f"it is {field.meaning}"
            )
            return False
        if field.choices:
            if value in field.choices:
                return True
            choices = [str(choice) for choice in field.choices]
            self._wrong(where, f"{_told(value)} is not known", nearest(str(value), choices))
            return False
        return self._in_range(value, field, where)

    def _in_range(self, value: Any, field: Field, where: Key) -> bool:
        if field.kind is bool:
            return True
        size = value if field.kind in (int, float) else len(value)
        if not field.low <= size <= field.high:
            what = " characters" if field.kind is str else " entries" if field.kind is list else ""
            allowed = f"allowed are {field.low:g} to {field.high:g}"
            if field.low == field.high:
                allowed = f"only {field.low:g} is allowed"
            self._wrong(
                where,
                f"{allowed}{what}, found {size}",
                f"it is {field.meaning}",
            )
            return False
        if field.kind is str and not field.may_control and not re.fullmatch(LINE_PATTERN, value):
            text = f"{_told(value)} has a line end or another control character"
            self._wrong(where, text, f"leave it out; it is {field.meaning}")
            return False
        if field.each is None:
            return True
        good = [self._value(entry, field.each, (*where, i)) for i, entry in enumerate(value)]
        return all(good)  # check all entries, not only up to the first wrong one
