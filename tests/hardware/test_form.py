"""Whatever is missing, misspelt, of the wrong type or out of range in a cabinet file is told."""

from pathlib import Path

import pytest
from consigne.cabinet.schema import LISTS, NEEDED, REQUIRED, SITE, TABLES, Field
from file_kit import GOOD, changed, line_of, problems

_WRONG = {int: '"seven"', float: '"seven"', str: "7", bool: "1", list: "7"}
ALL = [("", key, field) for key, field in SITE.items()]
ALL += [(name, key, field) for name, table in TABLES.items() for key, field in table.items()]
ALL += [(name, key, field) for name, (_, table) in LISTS.items() for key, field in table.items()]
IDS = [f"{table}.{key}" for table, key, _ in ALL]


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


@pytest.mark.parametrize(("table", "key", "field"), ALL, ids=IDS)
def test_a_value_of_the_wrong_type_is_told_at_its_line(
    table: str, key: str, field: Field, tmp_path: Path
) -> None:
    text = _with(table, key, _WRONG[field.kind])
    found = [p for p in problems(tmp_path, text) if p.place.key[-1:] == (key,)]
    assert found and "expected" in found[0].text
    assert text.splitlines()[found[0].place.line - 1] == f"{key} = {_WRONG[field.kind]}"


@pytest.mark.parametrize(
    ("table", "key", "field"), [entry for entry in ALL if entry[2].default is REQUIRED],
    ids=[name for name, entry in zip(IDS, ALL, strict=True) if entry[2].default is REQUIRED],
)  # fmt: skip
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
    return [f"{field.low - 1:g}", f"{field.high + 1:g}"]


@pytest.mark.parametrize(("table", "key", "field"), ALL, ids=IDS)
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
        ('board = "esp32-devkitc"', 'board = "esp32-devkit"', "esp32-devkitc"), ('"XL"', '"XXL"', "XL"),
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
