"""``package.json`` and ``manifest.py`` in ``firmware/``: the application for other ways to install.

``package.json`` is what ``mip`` reads: ``mpremote mip install`` copies the sources onto a board with memory
to spare (PSRAM).  ``manifest.py`` is what MicroPython's build reads: it freezes the application into an
interpreter of one's own.  Both list what ``rom.sources`` lists, so neither can forget a file.
"""

import json
import sys
from pathlib import Path

from consigne.device import rom
from consigne.firmware_path import import_locker

PACKAGE, MANIFEST = "package.json", "manifest.py"


def package(firmware: Path) -> str:
    """The text of ``package.json``; its addresses are relative to itself."""
    rows = ",\n".join("    " + json.dumps([name, name]) for name in rom.sources(firmware))
    return f'{{\n  "version": "{_version()}",\n  "deps": [],\n  "urls": [\n{rows}\n  ]\n}}\n'


def manifest(firmware: Path) -> str:
    """The text of ``manifest.py``."""
    lines = [
        '"""What is frozen into an interpreter of one\'s own; made by `consigne device package`.',
        "",
        "make -C ports/esp32 BOARD=ESP32_GENERIC FROZEN_MANIFEST=/path/to/firmware/manifest.py",
        '"""',
        "",
        "# ruff: noqa: F821",
        "# pyright: reportUndefinedVariable=false, reportAttributeAccessIssue=false",
        "# MicroPython's build gives the names.",
        "",
        f'metadata(version="{_version()}", description="Parcel-locker controller", license="MIT")',
        'include("$(PORT_DIR)/boards/manifest.py")',
        "freeze(",
        '    ".",',
        "    (",
        *(f'        "{name}",' for name in rom.sources(firmware)),
        "    ),",
        ")",
    ]
    return "\n".join(lines) + "\n"


def _version() -> str:
    import_locker("core")
    version: str = sys.modules["locker"].VERSION
    return version


def write(firmware: Path) -> list[Path]:
    """Write both files; which."""
    made = {PACKAGE: package(firmware), MANIFEST: manifest(firmware)}
    for name, text in made.items():
        (firmware / name).write_text(text, encoding="utf-8")
    return [firmware / name for name in made]
