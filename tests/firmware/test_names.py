"""What the device may call by a shorter name, and what must keep its own."""

import ast
from pathlib import Path

import pytest
from consigne import firmware_dir
from consigne.firmware import rom
from consigne.firmware.inline import inline
from consigne.firmware.names import shorten
from test_inline import run

SHAPES = b"""
_made = 0
_PLAN = {"a": "_on_a"}


class Shape:
    def __init__(self, corners, name="shape"):
        self._corners = corners
        self._name = name
        self.public = [corner for corner in corners]

    def _area(self, factor):
        twice = lambda corner: corner * 2 * factor
        return sum(twice(corner) for corner in self._corners)

    def _do_grow(self, by_how_much):
        self._corners = [corner + by_how_much for corner in self._corners]

    def _on_a(self):
        return "a", self._name

    def act(self, action, amount):
        getattr(self, "_do_" + action)(amount)
        return self._area(1), getattr(self, _PLAN["a"])(), self._check()

    def _check(self):
        return f"{self._name}"


def _count(step):
    global _made
    _made += step
    return _made
"""
BOXES = b"""
from .shapes import Shape, _count


class Box(Shape):
    _lid = True

    def __init__(self, corners, lid_open):
        super().__init__(corners, name="box")
        self._lid_open = lid_open

    def told(self, other):
        return self._lid, self._lid_open, self._area(2), other._area(3), _count(2)

    def max(self, values):
        return max(values)
"""
MAIN = b"""
from app.boxes import Box
from app.shapes import Shape


def main(corners):
    box = Box(corners, lid_open=1)
    shape = Shape(corners)
    return box.act("grow", 5), box.told(shape), shape.public, box.max(corners)
"""
FILES = {"app/__init__.py": b"", "app/shapes.py": SHAPES, "app/boxes.py": BOXES, "main.py": MAIN}


def test_a_program_with_shorter_names_does_what_it_did(tmp_path: Path) -> None:
    statement = "import main; print(main.main([1, 2, 3]))"
    plain = run(FILES, tmp_path / "plain", statement)
    assert "box" in plain and "Traceback" not in plain
    assert run(shorten(FILES).sources, tmp_path / "short", statement) == plain


def test_what_is_private_loses_its_name_and_what_is_looked_up_keeps_it() -> None:
    short = shorten(FILES).sources
    together = b"".join(short.values())
    for name in (b"_corners", b"_area", b"_lid_open", b"by_how_much", b"_check", b"factor", b"_PLAN"):
        assert name not in together, name
    for name in (b"_do_grow", b"_on_a", b"_made", b"lid_open=1", b"public", b"_name"):
        assert name in together, name


def test_names_that_meet_in_a_class_and_its_bases_stay_apart() -> None:
    short = shorten(FILES).sources
    assigned = [
        node.attr
        for path in ("app/shapes.py", "app/boxes.py")
        for node in ast.walk(ast.parse(short[path]))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    ]
    assert (
        sorted(set(assigned)) == sorted({"_name", "public", assigned[0], assigned[-1]})
        and len(set(assigned)) == 4
    )


WORDS = b"""
class Refused(ValueError):
    pass


class Unknown(Refused):
    pass


class Book:
    pages = 3


def spelt(word):
    if not word:
        raise Unknown(word)
    return "-".join(word)


def counted(word):
    return len(word) * Book.pages


def close(word):
    return word + "."
"""
READER = b"""
from .parts.words import (
    Refused,
    Book,
    spelt,
)


def main(word):
    try:
        return spelt(word), Book.pages
    except Refused as error:
        return type(error).__name__
"""
COUNTER = b"""
from app import reader

from ..parts.words import close, counted


def count(word, file):
    file.close()
    return reader.main(word), reader.main(""), counted(word), close(word)
"""
LIBRARY = {
    "app/__init__.py": b"",
    "app/parts/__init__.py": b"",
    "app/parts/words.py": WORDS,
    "app/parts/counter.py": COUNTER,
    "app/reader.py": READER,
}


def test_what_is_imported_by_name_works_under_a_shorter_one(tmp_path: Path) -> None:
    statement = "import io; from app.parts import counter; print(counter.count('abc', io.StringIO()))"
    plain = run(LIBRARY, tmp_path / "plain", statement)
    assert "a-b-c" in plain
    assert run(shorten(LIBRARY).sources, tmp_path / "short", statement) == plain


def test_imported_names_go_but_those_that_are_told_or_mean_something_else_stay() -> None:
    short = shorten(LIBRARY).sources
    together = b"".join(short.values())
    for name in (b"spelt", b"counted", b"Book"):
        assert name not in together, name
    for name in (b"Refused", b"Unknown", b"close", b"pages", b"main", b"count("):
        assert name in together, name


def test_names_that_meet_in_a_file_stay_apart() -> None:
    words = ast.parse(shorten(LIBRARY).sources["app/parts/words.py"])
    names = [node.name for node in words.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    assert len(set(names)) == 6


def test_what_a_program_beside_the_application_takes_from_it_stays(tmp_path: Path) -> None:
    script = b"from app.parts import words; from app.parts.words import spelt; print(spelt('ab'), words.Book)"
    short = shorten(LIBRARY, [script]).sources
    assert run(short, tmp_path, script.decode()) == "a-b <class 'Book'>\n"
    assert b"counted" not in b"".join(short.values())


def test_a_module_is_imported_by_the_one_name_that_it_has() -> None:
    short = shorten(LIBRARY).sources
    assert b"from app.parts.words import (" in short["app/reader.py"]
    assert b"from app.parts.words import" in short["app/parts/counter.py"]


def test_the_private_parts_of_somebody_elses_module_keep_their_names() -> None:
    program = b"import asyncio\n\n\ndef _queue():\n    return asyncio.core._io_queue, _queue\n"
    text = shorten({"main.py": program}).sources["main.py"]
    assert b"asyncio.core._io_queue" in text and b"_queue()" not in text


@pytest.fixture(scope="module")
def firmware() -> dict[str, bytes]:
    return inline({name: path.read_bytes() for name, path in rom.sources(firmware_dir()).items()})


def test_the_firmware_keeps_its_lines_and_loses_hundreds_of_names(firmware: dict[str, bytes]) -> None:
    short = shorten(firmware).sources
    for name, text in short.items():
        assert text.count(b"\n") == firmware[name].count(b"\n"), name
    assert identifiers(firmware) - identifiers(short) > 400


def identifiers(files: dict[str, bytes]) -> int:
    """How many different ones the interpreter would have to keep."""
    found = set()
    for text in files.values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found |= {node.name, *(argument.arg for argument in node.args.args)}
    return len(found)
