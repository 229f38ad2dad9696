"""What inlining may and may not change: programs mean the same, and lines keep their numbers."""

import ast
import subprocess
from pathlib import Path

import pytest
from consigne import firmware_dir
from consigne.firmware import rom
from consigne.firmware.inline import inline, inline_script
from consigne.sim.grounds.process import interpreter

EVENTS = b"""from micropython import const

KEY = const(1)
SCAN = const(KEY + 1)
LEAST = const(-3)
NAME = "sc\\"an"
CUSTOMER, COURIER = range(2)
WORDS = ("for", "the host only")
CHANGED = 1
LIMIT = 7


def described():
    return WORDS


def told(LIMIT):
    global CHANGED
    CHANGED = 2
    return KEY, LIMIT
"""
USER = b"""from . import events as E
from .events import (
    LEAST,
    NAME,
    told,
)

TABLE = {E.KEY: "key", E.SCAN: NAME, E.COURIER: "courier"}


def main(value=LEAST):
    return TABLE, value, told(E.LIMIT), E.CHANGED, f"{NAME}", [E.CUSTOMER for _ in (1,)]
"""
FILES = {
    "app/__init__.py": b"",
    "app/events.py": EVENTS,
    "app/user.py": USER,
    "main.py": b"from app import user\n",
}


def run(files: dict[str, bytes], work: Path, statement: str) -> str:
    """What the statement prints on MicroPython, with these files on the path."""
    for name, text in files.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    done = subprocess.run(
        [interpreter(), "-c", statement], check=False, cwd=work, capture_output=True, text=True, timeout=600
    )
    return done.stdout + done.stderr


def test_an_inlined_program_does_what_it_did(tmp_path: Path) -> None:
    statement = "from app import user; print(user.main())"
    plain = run(FILES, tmp_path / "plain", statement)
    assert "courier" in plain and "(1, 7)" in plain
    assert run(inline(FILES), tmp_path / "inlined", statement) == plain


def test_what_is_left_out_at_the_top_of_a_module_leaves_an_empty_line() -> None:
    """A ``pass`` would do nothing, and take a byte of the image each: there are hundreds."""
    files = {**FILES, "app/late.py": b"def late():\n    from .events import KEY\n\n    return KEY\n"}
    inlined = inline({**files, "main.py": b"from app import user, late\n\nlate.late()\nuser.main()\n"})
    assert b"pass" not in inlined["app/events.py"] + inlined["app/user.py"]
    assert inlined["app/late.py"] == b"def late():\n    pass\n\n    return 1\n"


def test_the_device_never_hears_of_a_constants_name() -> None:
    inlined = inline(FILES)
    for name in (b"SCAN", b"LEAST", b"CUSTOMER", b"COURIER", b"WORDS", b"described", b"const"):
        assert name not in inlined["app/events.py"], name
        assert name not in inlined["app/user.py"], name


def test_what_is_given_a_value_twice_stays_a_name() -> None:
    inlined = inline(FILES)
    assert b"E.CHANGED" in inlined["app/user.py"]
    assert b"CHANGED = 1" in inlined["app/events.py"]
    assert b"E.LIMIT" in inlined["app/user.py"]  # a parameter of the same name: which is meant?


def test_a_traceback_still_points_into_the_source() -> None:
    inlined = inline(FILES)
    assert inlined["app/user.py"].count(b"\n") == USER.count(b"\n")
    for name in ("events", "user"):
        lines = {
            node.name: node.lineno
            for node in ast.walk(ast.parse(inlined[f"app/{name}.py"]))
            if isinstance(node, ast.FunctionDef)
        }
        for function, line in lines.items():
            assert FILES[f"app/{name}.py"].splitlines()[line - 1].startswith(b"def " + function.encode())


def test_a_script_finds_in_the_inlined_application_what_it_names() -> None:
    script = b"def f():\n    from app import events as E\n    return E.SCAN\n"
    assert b"return 2" in inline_script(script, FILES)
    assert b"import" not in inline_script(script, FILES)


@pytest.fixture(scope="module")
def firmware() -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in rom.sources(firmware_dir()).items()}


def test_inlining_the_firmware_takes_hundreds_of_names_off_the_device(firmware: dict[str, bytes]) -> None:
    inlined = inline(firmware)
    assert names(firmware) - names(inlined) > 300
    for name, text in inlined.items():
        assert text.count(b"\n") == firmware[name].count(b"\n"), name


def names(files: dict[str, bytes]) -> int:
    """How many different identifiers there are that a module keeps at run time."""
    found = set()
    for text in files.values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Name):
                found.add(node.id)
    return len(found)


TYPED = b"""from .events import KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .shapes import Grant, only_a_type

    _check: Grant = only_a_type()

PLAIN: "Grant | None" = None
count: int


def first(
    grants: "list[Grant]", at: int = KEY, *rest: "Grant", **named: "Grant"
) -> tuple[
    "Grant",
    int,
]:
    seen: int = at
    return grants[seen], 1 // (at - 1)


class Kept:
    grant: "Grant"

    def __init__(self, grant: "Grant") -> None:
        self.grant: "Grant" = grant
"""


def test_what_only_a_type_checker_reads_never_reaches_a_device(tmp_path: Path) -> None:
    files = {
        "app/__init__.py": b"",
        "app/events.py": b"def only_a_type():\n    return 1\n\n\nKEY = 1\n",
        "app/typed.py": TYPED,
        "main.py": b"from app.typed import PLAIN, Kept, first\n",
    }
    inlined = inline(files)
    for word in (b"Grant", b"TYPE_CHECKING", b"only_a_type", b"tuple"):
        assert not any(word in text for text in inlined.values()), word
    assert inlined["app/typed.py"].count(b"\n") == TYPED.count(b"\n")
    statement = "from app import typed; print(typed.first([5, 6, 7], 2), typed.PLAIN, typed.Kept(3).grant)"
    assert run(inlined, tmp_path, statement) == "(7, 1) None 3\n"
    line = TYPED.decode().splitlines().index("    return grants[seen], 1 // (at - 1)") + 1
    failing = "from app import typed; typed.first([5, 6])"
    assert f'typed.py", line {line}, in first' in run(inlined, tmp_path, failing)
