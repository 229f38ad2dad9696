"""The number of dictionaries of anything cannot be made smaller by writing one in another way."""

import pytest
from lab import anydicts, house
from lab.anydicts import Place

HEAD = """\
import collections.abc
import typing
import typing as t
from collections import defaultdict
from collections.abc import Mapping, MutableMapping
from collections.abc import Mapping as M
from typing import Any, Annotated, Callable, Literal, NewType, NotRequired, Optional, TypedDict, cast
from typing import Any as Whatever
"""
AFTER = HEAD.count("\n")


def lines(source: str) -> list[int]:
    """The lines after ``HEAD``, from 1, where something is counted."""
    found = anydicts.places([anydicts.read("top.one", HEAD + source, ["top"])])
    return [place.line - AFTER for place in found]


@pytest.mark.parametrize(
    "source",
    [
        "x: dict[str, Any]",
        "x: Mapping[str, Any] | None = None",
        "x: collections.abc.MutableMapping[int, typing.Any]",
        "x: M[str, t.Any]",
        "x: dict[str, Whatever]",
        "x: defaultdict[str, Any]",
        "x: dict[str, Any | None]",
        "x: dict[str, Optional[Any]]",
        "x: dict[str, Annotated[Any, 3]]",
        "x: list[dict[str, Any]]",
        "x: dict[str, tuple[str, dict[str, Any]]]",
        "x: dict",
        "x: list[Mapping]",
        "def f(x: dict[str, Any]) -> None: ...",
        "def f() -> dict[str, Any]: ...",
        "def f(*x: dict[str, Any]) -> None: ...",
        "def f() -> 'Mapping[str, Any]': ...",
        "x: 'list[Mapping[str, Any]]'",
        "x = cast(dict[str, Any], y)",
        "x = cast('dict[str, Any]', y)",
        "x: Callable[[Mapping[str, Any]], str]",
        "D = TypedDict('D', {'inner': 'NotRequired[dict[str, Any]]'})",
        "x = defaultdict[str, Any](int)",
    ],
)
def test_however_it_is_written_it_is_one(source: str) -> None:
    assert lines(source) == [1]


@pytest.mark.parametrize(
    "source",
    [
        "x: dict[str, object]",
        "x: dict[str, str | int | None]",
        "x: Mapping[Any, str]",
        "x: dict[str, list[Any]]",
        "x: dict[str, Callable[..., Any]]",
        "x: Any",
        "x = dict(a=1)",
        "x: Literal['dict']",
        "x = 'dict[str, Any]'",
        "def f() -> None:\n    '''Any dict[str, Any].'''  # dict[str, Any]",
    ],
)
def test_what_has_a_type_is_not_counted(source: str) -> None:
    assert lines(source) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("D = dict[str, Any]\nx: D\ndef f(x: list[D], y: 'D') -> D: ...", [1, 2, 3, 3, 3]),
        ("D: t.TypeAlias = Mapping[str, Any]\nx: D", [1, 2]),
        ("D = dict[int, dict[str, Any]] | None\nx: D", [1, 2]),
        ("D = NewType('D', dict[str, Any])\nx = D({})", [1, 2]),
        ("A = Any\nx: dict[str, A]", [2]),
        ("D = dict[str, Any]\nE = D\nF = tuple[int, E]\nx: F", [1, 2, 3, 4]),
        ("class D(dict[str, Any]): ...\nx: D", [1, 2]),
        ("class D(list[dict[str, Any]]): ...\nx: D", [1]),  # its items are, it is not
        ("class D(dict[str, int]): ...\nx: D", []),
        ("D = dict[str, object]\nx: D", []),
    ],
)
def test_each_use_of_a_name_for_one_is_one(source: str, found: list[int]) -> None:
    assert lines(source) == found


@pytest.mark.parametrize(
    "use",
    [
        "from .one import D\nx: D",
        "from top.one import D as E\nx: E",
        "from . import one\nx: one.D",
        "import top.one\nx: top.one.D",
        "import top.one as o\nx: o.D",
        "from .three import D\nx: D",
    ],
)
def test_a_name_stands_for_one_in_every_module(use: str) -> None:
    sources = {"top.two": use, "top.three": "from .one import D", "top.one": HEAD + "D = dict[str, Any]"}
    found = anydicts.places([anydicts.read(name, source, ["top"]) for name, source in sources.items()])
    assert found == [Place("top.two", 2), Place("top.one", AFTER + 1)]


def test_the_host_s_own_sources_are_read() -> None:
    """FastAPI wants some by its own signatures, so there is always one to be found."""
    found = house.any_dicts()
    assert any(place.startswith("consigne.server.api.document:") for place in found)
    assert not any(place.startswith("locker.") for place in found)
