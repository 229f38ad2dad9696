"""Whatever is missing, misspelt, of the wrong type or out of range in a cabinet file is told."""

import datetime
import json
from pathlib import Path

import pytest
from consigne.cabinet.form import check_form
from consigne.cabinet.reading import read
from consigne.cabinet.schema import LISTS, NEEDED, REQUIRED, SITE, TABLES, Field
from file_kit import GOOD, changed, line_of, problems

_VALUES = {
    int: "7", float: "7.5", str: '"seven"', bool: "true", list: "[7]", dict: "{ seven = 7 }",
    datetime.date: "1979-05-27",
}  # fmt: skip
ALL = [("", key, field) for key, field in SITE.items()]
ALL += [(name, key, field) for name, table in TABLES.items() for key, field in table.items()]
ALL += [(name, key, field) for name, (_, table) in LISTS.items() for key, field in table.items()]


def _those(*chosen: tuple[str, str, Field]) -> pytest.MarkDecorator:
    """A test for each of these keys."""
    names = [f"{table}.{key}" for table, key, _ in chosen]
    return pytest.mark.parametrize(("table", "key", "field"), chosen, ids=names)


def _with(table: str, key: str, value: str | None) -> str:
    """The good file with the first ``key`` of ``table`` set to ``value``, or without it."""
    lines = GOOD.splitlines()
    heads = [i for i, line in enumerate(lines) if line in (f"[{table}]", f"[[{table}]]")]
    if table and not heads:
        lines += ["", f"[[{table}]]" if table in LISTS else f"[{table}]"]
        heads = [len(lines) - 1]
    start = heads[0] + 1 if table else 0
    end = next((i for i in range(start, len(lines)) if lines[i].startswith("[")), len(lines))
    body = [line for line in lines[start:end] if line.partition(" = ")[0] != key]
    if value is not None:
        body.insert(0, f"{key} = {value}")
    return "\n".join([*lines[:start], *body, *lines[end:]]) + "\n"


@_those(*ALL)
def test_a_value_of_any_other_type_is_told_at_its_line(
    table: str, key: str, field: Field, tmp_path: Path
) -> None:
    for kind, value in _VALUES.items():
        if kind is field.kind or (kind is int and field.kind is float):
            continue
        text = _with(table, key, value)
        found = [p for p in problems(tmp_path, text) if p.place.key[-1:] == (key,)]
        assert found and "expected" in found[0].text, (value, found)
        assert text.splitlines()[found[0].place.line - 1] == f"{key} = {value}"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2026-01-01", "a date"), ("2026-01-01 07:32:00", "a date with a time"), ("07:32:00", "a time"),
        ('["a", 2]', "a list"), ("{ a = 1 }", "a table"), ("false", "false"), ("nan", "nan"), ("7.5", "7.5"),
        (r'"it\n\u0085s"', r"'it\n\u0085s'"),
    ],
)  # fmt: skip
def test_what_was_found_is_told_in_the_words_of_toml(value: str, found: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, _with("lamp", "pin", value))
    assert problem.text == f"expected a whole number, found {found}"


def test_a_value_where_a_table_is_meant_is_told_in_the_words_of_toml(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "lamp = 2026-01-01\n" + GOOD.replace("[lamp]\npin = 12", ""))
    assert problem.text == "expected a table, found a date"


TEXTS = [entry for entry in ALL if entry[2].kind is str and not entry[2].choices]


@_those(*TEXTS)
def test_a_line_end_or_another_control_character_in_a_text_is_refused_by_its_key(
    table: str, key: str, field: Field, tmp_path: Path
) -> None:
    for escape in ("\\n", "\\t", "\\u001b", "\\u0085"):
        value = "a" * max(1, int(field.low) - 1) + escape
        found = [p for p in problems(tmp_path, _with(table, key, f'"{value}"')) if p.place.key[-1:] == (key,)]
        if field.may_control:
            assert key == "terminator" and not found
        else:
            (problem,) = found
            assert problem.place.line
            assert problem.text == f"'{value}' has a line end or another control character"


@_those(*ALL)
def test_a_misspelt_key_is_told_with_the_right_one(
    table: str, key: str, field: Field, tmp_path: Path
) -> None:
    wrong = key[0] + key[2] + key[1] + key[3:] if len(key) > 4 else key + "s"
    if wrong == key:
        wrong = key + "s"
    found = [
        p for p in problems(tmp_path, _with(table, wrong, _right(field))) if p.place.key[-1:] == (wrong,)
    ]
    assert [p.advice for p in found] == [f"did you mean '{key}'?"], found


@pytest.mark.parametrize("name", [*TABLES, *LISTS])
def test_a_misspelt_table_is_told_with_the_right_one(name: str, tmp_path: Path) -> None:
    wrong = name[:-1] + name[-1] * 2
    found = problems(tmp_path, f"{GOOD}\n[[{wrong}]]\n" if name in LISTS else f"{GOOD}\n[{wrong}]\n")
    assert f"unknown key '{wrong}'; did you mean '{name}'?" in " ".join(str(p) for p in found)


@_those(*[e for e in ALL if e[2].choices])
def test_a_misspelt_value_is_told_with_the_right_one(
    table: str, key: str, field: Field, tmp_path: Path
) -> None:
    for choice in field.choices:
        if len(str(choice)) < 3:  # S for M is no slip of the finger that could be told
            continue
        found = problems(tmp_path, _with(table, key, f'"{choice}x"'))
        assert any(p.advice == f"did you mean '{choice}'?" for p in found), (choice, found)


@_those(*[e for e in ALL if e[2].default is not REQUIRED])
def test_a_key_that_is_left_out_has_its_default(table: str, key: str, field: Field, tmp_path: Path) -> None:
    file = tmp_path / "cabinet.toml"
    file.write_text(_with(table, key, None))
    data, found = check_form(read(file))
    assert not [p for p in found if p.place.key[-1:] == (key,)]
    entries = data[table] if table in LISTS else [data[table]] if table else [data]
    assert not entries or entries[0][key] == field.default


def _right(field: Field) -> str:
    """A value that is allowed."""
    if field.choices:
        return json.dumps(field.choices[0])
    if field.kind is list:
        return "[]"
    if field.kind is str:
        return '"' + "x" * max(1, int(field.low)) + '"'
    return "true" if field.kind is bool else f"{field.low:g}"


@_those(*[e for e in ALL if e[2].default is REQUIRED])
def test_a_key_that_must_be_given_is_missed(table: str, key: str, field: Field, tmp_path: Path) -> None:
    found = [str(p) for p in problems(tmp_path, _with(table, key, None))]
    assert any(f"key '{key}' is missing; add it: {field.meaning}" in text for text in found), found


def _outside(field: Field) -> list[str]:
    """Values just out of range, or unknown."""
    if field.choices:
        return ['"nonsense"'] if field.kind is str else ["2", "-1"]
    if field.kind is bool:
        return []
    if field.kind is str:
        return [f'"{"x" * (int(field.high) + 1)}"', *(['""'] if field.low else [])]
    if field.kind is list:
        entry = "0" if field.each and field.each.kind is int else '"x"'
        return [f"[{', '.join([entry] * (int(field.high) + 1))}]", *(["[]"] if field.low else [])]
    strange = ["nan", "inf", "-inf"] if field.kind is float else ["99_999_999_999_999_999_999"]
    return [f"{field.low - 1:g}", f"{field.high + 1:g}", *strange]


@_those(*ALL)
def test_a_value_out_of_range_is_told(table: str, key: str, field: Field, tmp_path: Path) -> None:
    for value in _outside(field):
        found = [p for p in problems(tmp_path, _with(table, key, value)) if p.rule == "form"]
        assert [p for p in found if p.place.key[-1:] == (key,)], (value, found)


@pytest.mark.parametrize("name", NEEDED)
def test_a_table_without_which_the_firmware_does_not_start_is_missed(name: str, tmp_path: Path) -> None:
    blocks = [block for block in GOOD.split("\n\n") if not block.startswith((f"[{name}]", f"[[{name}]]"))]
    assert any(
        f"[{name}]" in p.text and "is missing" in p.text for p in problems(tmp_path, "\n\n".join(blocks))
    )


@pytest.mark.parametrize(
    ("old", "new", "near"),
    [
        ("[locks]", "[lock]", "locks"), ("arm_pin", "arm_pni", "arm_pin"),
        ("[display]", "[dispaly]", "display"),
        ('kind = "8a"\nuart = 1\naddress = 2', 'kind = "8a"\nuart = 1\nadress = 2', "address"),
        ('board = "esp32-devkitc-ve"', 'board = "esp32-devkitc-vee"', "esp32-devkitc-ve"),
        ('"XL"', '"XXL"', "XL"),
        ('on = "A"', 'on = "a"', "A"),     ],
)  # fmt: skip
def test_what_is_misspelt_gets_the_nearest_known_word(old: str, new: str, near: str, tmp_path: Path) -> None:
    found = problems(tmp_path, changed(old, new))
    assert any(near in p.advice for p in found), [str(p) for p in found]


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = changed("arm_pin = 25", "arm_pin = 99").replace("pin = 2\n", "pni = 2\n").replace('"M"', '"m"')
    keys = {p.place.key for p in problems(tmp_path, text)}
    assert {("locks", "arm_pin"), ("buzzer", "pni"), ("compartment", 3, "size")} <= keys


def test_the_line_of_the_second_of_two_like_keys_is_the_second(tmp_path: Path) -> None:
    text = changed("closed_level = 1", "closed_level = 7")
    (problem,) = problems(tmp_path, text)
    assert problem.place.line == line_of(text, "closed_level = 7")


def test_a_table_where_a_list_is_meant_and_the_other_way_round(tmp_path: Path) -> None:
    lines = GOOD.replace("[[i2c]]", "[i2c]").replace("[buzzer]", "[[buzzer]]")
    advice = [p.advice for p in problems(tmp_path, lines)]
    assert "write [[i2c]] above each" in advice and "write [buzzer] and its keys below" in advice


@_those(*[e for e in ALL if e[2].each is not None])
def test_every_entry_of_a_list_is_looked_at(table: str, key: str, field: Field, tmp_path: Path) -> None:
    assert field.each is not None
    values = [value for kind, value in _VALUES.items() if kind is not field.each.kind] + _outside(field.each)
    for value in values:
        found = [p for p in problems(tmp_path, _with(table, key, f"[{value}]")) if p.rule == "form"]
        assert [p for p in found if p.place.key[-2:] == (key, 0)], (value, found)
