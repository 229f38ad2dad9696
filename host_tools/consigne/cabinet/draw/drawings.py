"""All drawings and calculations from a cabinet file: wiring, front, bill of materials.

``texts`` needs nothing installed and gives the same bytes everywhere, so tests compare it with the committed
files; only the pictures need WireViz and Graphviz.
"""

import csv
import io
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from consigne.commandline.outfile import check_out

from ..model import Cabinet
from .frontsvg import svg
from .harness import sheets
from .material import cores_csv, parts_list
from .power import budget

_COLOURS_MAX = 64


class CannotDraw(Exception):
    """What is missing for the pictures, and what to do."""


def texts(cabinet: Cabinet) -> dict[str, str]:
    """File name below ``hardware`` -> text, for the cabinet file of the same stem."""
    stem = cabinet.sheet.file.stem
    out = {f"wiring/{stem}-{name}.yml": to_yaml(document) for name, document in sheets(cabinet).items()}
    out[f"wiring/{stem}-front.svg"] = svg(cabinet)
    out[f"wiring/{stem}-cores.csv"] = cores_csv(cabinet)
    out[f"bom/{stem}.csv"] = _bill_csv(cabinet)
    out[f"bom/{stem}-power.csv"] = _power_csv(cabinet)
    return out


def draw(cabinet: Cabinet, folder: Path, inputs: Iterable[Path] = ()) -> list[Path]:
    """Write all texts below ``folder`` and the pictures beside the wiring; returns what was written.

    Raises ``OutFileError``, and nothing is written, where one would be written over one of ``inputs``.
    """
    inputs = [*inputs]
    for name in texts(cabinet):
        check_out(folder / name, inputs)
    written = []
    for name, text in texts(cabinet).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        written.append(file)
        if file.suffix == ".yml":
            written += _pictures(file)
    return written


def _pictures(source: Path) -> list[Path]:
    """SVG and PNG of one WireViz file."""
    command = [sys.executable, "-m", "wireviz.wv_cli", "-f", "sp", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CannotDraw(f"WireViz: {last}; needed are `pip install wireviz` and Graphviz")
    picture = source.with_suffix(".png")
    with Image.open(picture) as image:
        image.convert("RGB").quantize(_COLOURS_MAX).save(picture, optimize=True)
    return [source.with_suffix(".svg"), picture]


def to_yaml(document: dict[str, object]) -> str:
    """YAML as WireViz reads it: block style, lists of plain values on one line."""
    return (
        "# Made by `make drawings` from hardware/cabinets: change the cabinet file, not this one.\n"
        + _block(document, 0)
    )


def _block(value: dict[str, object], depth: int) -> str:
    out = ""
    for key, entry in value.items():
        head = "  " * depth + _scalar(key) + ":"
        if isinstance(entry, dict):
            out += f"{head}\n{_block(entry, depth + 1)}"
        elif isinstance(entry, list) and entry and isinstance(entry[0], list):
            out += f"{head}\n" + "".join(_route(route, depth + 1) for route in entry)
        else:
            out += f"{head} {_flow(entry)}\n"
    return out


def _route(route: list[dict[str, object]], depth: int) -> str:
    """One entry of ``connections``: a list of ends."""
    ends = [f"- {_scalar(name)}: {_flow(pins)}\n" for end in route for name, pins in end.items()]
    start = "  " * depth
    return f"{start}-\n" + "".join(f"{start}  {end}" for end in ends)


def _flow(value: object) -> str:
    return f"[{', '.join(_scalar(entry) for entry in value)}]" if isinstance(value, list) else _scalar(value)


def _scalar(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    text = str(value)
    return (
        text
        if text.isidentifier() and text.lower() not in ("y", "n", "on", "off", "yes", "no")
        else "'" + text.replace("'", "''") + "'"
    )


def _bill_csv(cabinet: Cabinet) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("count", "part", "for"))
    rows.writerows((item.count, item.title, item.used_for) for item in parts_list(cabinet))
    return out.getvalue()


def _power_csv(cabinet: Cabinet) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("load", f"A at {cabinet.data['supply']['volts']:g} V"))
    needed = budget(cabinet)
    rows.writerows((load.title, f"{load.amps:.3f}") for load in needed.loads)
    rows.writerow(("together", f"{needed.amps:.3f}"))
    return out.getvalue()
