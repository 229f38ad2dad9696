"""The types of a cabinet file's tables against the schema that checks and fills them."""

import types
from typing import Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

import pytest
from consigne.cabinet.compiler import compile_file, device_config, open_cabinet, spelled_out
from consigne.cabinet.deviceconfig import DeviceConfig, WiredConfig
from consigne.cabinet.document import (
    CharacterDisplay,
    Document,
    GraphicDisplay,
    MatrixKeypad,
    Scanner,
    WiegandKeypad,
)
from consigne.cabinet.profiles import hardware_dir
from consigne.cabinet.schema import LISTS, NEEDED, SITE, TABLES, VARIANTS
from typing_extensions import ReadOnly, is_typeddict

HINTS = get_type_hints(Document, include_extras=True)
SHIPPED = sorted((hardware_dir() / "cabinets").glob("*.toml"))
KINDS = {
    ("keypad", "matrix"): (MatrixKeypad, TABLES["keypad"]),
    ("keypad", "wiegand"): (WiegandKeypad, VARIANTS["keypad"]["wiegand"]),
    ("display", "hd44780"): (CharacterDisplay, TABLES["display"]),
    ("display", "ssd1306"): (GraphicDisplay, VARIANTS["display"]["ssd1306"]),
    ("scanner", "gm65"): (Scanner, TABLES["scanner"]),
}


def plain(hint):
    """The type that a hint stands for: ``Literal["S"]`` is text, ``bool | None`` a truth value."""
    while get_origin(hint) in (NotRequired, Required):
        hint = get_args(hint)[0]
    if get_origin(hint) is Literal:
        return type(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return next(plain(one) for one in get_args(hint) if one is not type(None))
    return get_origin(hint) or hint


def assert_same(hints, table):
    assert set(hints) == set(table)
    for key, field in table.items():
        assert plain(hints[key]) is field.kind, key
        if get_origin(hints[key]) is Literal:
            assert set(get_args(hints[key])) == set(field.choices), key


def test_the_keys_of_the_file_itself():
    own = {key: hint for key, hint in HINTS.items() if key not in TABLES and key not in LISTS}
    assert_same(own, SITE)


@pytest.mark.parametrize("name", sorted(set(TABLES) - {name for name, _ in KINDS}))
def test_the_keys_of_each_table(name):
    hint = HINTS[name]
    assert (get_origin(hint) is NotRequired) == (name not in NEEDED)
    assert_same(get_type_hints(get_args(hint)[0] if get_origin(hint) else hint), TABLES[name])


@pytest.mark.parametrize("named", sorted(KINDS), ids="-".join)
def test_the_keys_of_each_kind_of_panel_part(named):
    typed, table = KINDS[named]
    hints = get_type_hints(typed)
    assert set(hints) == set(table)
    assert all(plain(hints[key]) is field.kind for key, field in table.items())


@pytest.mark.parametrize("name", sorted(LISTS))
def test_the_keys_of_each_list(name):
    assert get_origin(HINTS[name]) is list
    assert_same(get_type_hints(get_args(HINTS[name])[0]), LISTS[name][1])


def assert_fits(value, hint, where):
    """Whether a value is what a hint says, all the way down."""
    while get_origin(hint) in (NotRequired, Required, ReadOnly):
        hint = get_args(hint)[0]
    if is_typeddict(hint):
        hints = get_type_hints(hint, include_extras=True)
        missing = {key for key in hints if key not in value and get_origin(hints[key]) is not NotRequired}
        assert not set(value) - set(hints), (where, set(value) - set(hints))
        assert not hint.__total__ or not missing, (where, missing)
        for key in value:
            assert_fits(value[key], hints[key], f"{where}.{key}")
    elif get_origin(hint) in (Union, types.UnionType):
        kinds = [one for one in get_args(hint) if is_typeddict(one)]
        fit = [one for one in kinds if set(value) <= set(get_type_hints(one))]
        assert fit, where
        assert_fits(value, fit[0], where)
    elif get_origin(hint) is list:
        for number, entry in enumerate(value):
            assert_fits(entry, get_args(hint)[0], f"{where}[{number}]")
    elif get_origin(hint) is Literal:
        assert value in get_args(hint), where
    else:
        assert isinstance(value, get_origin(hint) or hint), where


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_what_is_compiled_is_of_the_type_it_says(file):
    config, _ = compile_file(file)
    assert_fits(config, DeviceConfig, "config")
    cabinet = open_cabinet(file)
    assert_fits(spelled_out(cabinet, device_config(cabinet)), WiredConfig, "config")
