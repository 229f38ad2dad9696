"""``package.json``, ``manifest.py``, ``boards/partitions.csv`` in ``firmware/``: for other ways to install.

``package.json`` is what ``mip`` reads: ``mpremote mip install`` copies the sources to ``/lib`` of a board
with memory to spare (PSRAM).  There the application's ``main.py`` is a module of its package, and
``start.py`` goes where a board looks for its ``main.py``: one folder up.

``manifest.py`` is what MicroPython's build reads: it freezes the application into a custom interpreter.  Both
list the files of ``rom.sources``, so neither can miss one.  The table of partitions is for the boards of
``boards/``.
"""

import json
from pathlib import Path

import locker

from . import layout, rom

PACKAGE, MANIFEST, TABLE = "package.json", "manifest.py", "boards/partitions.csv"


def package(firmware: Path) -> str:
    """The text of ``package.json``; its URLs are relative to itself."""
    targets = {name: "locker/main.py" if name == "main.py" else name for name in rom.sources(firmware)}
    pairs = [*((target, name) for name, target in targets.items()), ("../main.py", "start.py")]
    rows = ",\n".join("    " + json.dumps(pair) for pair in pairs)
    return f'{{\n  "version": "{locker.VERSION}",\n  "deps": [],\n  "urls": [\n{rows}\n  ]\n}}\n'


def manifest(firmware: Path) -> str:
    """The text of ``manifest.py``."""
    lines = [
        '"""What is frozen into an interpreter of one\'s own; made by `consigne device package`.',
        "",
        "make -C ports/esp32 BOARD_DIR=/path/to/firmware/boards/ESP32_CONSIGNE BOARD_VARIANT=FROZEN",
        '"""',
        "",
        "# ruff: noqa: F821",
        "# pyright: reportUndefinedVariable=false, reportAttributeAccessIssue=false",
        "# MicroPython's build gives the names.",
        "",
        f'metadata(version="{locker.VERSION}", description="Parcel-locker controller", license="MIT")',
        'include("$(PORT_DIR)/boards/manifest.py")',
        "freeze(",
        '    ".",',
        "    (",
        *(f'        "{name}",' for name in rom.sources(firmware)),
        "    ),",
        ")",
    ]
    return "\n".join(lines) + "\n"


def table() -> str:
    """The text of ``boards/partitions.csv``: the table that ``flash`` writes, for a custom build."""
    return "# Made by `consigne device package` of firmware/layout.py.\n" + layout.csv()


def write(firmware: Path) -> list[Path]:
    """Write them; returns the files."""
    made = {PACKAGE: package(firmware), MANIFEST: manifest(firmware), TABLE: table()}
    for name, text in made.items():
        (firmware / name).write_text(text, encoding="utf-8")
    return [firmware / name for name in made]
