"""The scripts that run on the board, from ``onboard/``: without comments, as every byte takes 87 us."""

import ast
from functools import cache
from pathlib import Path

from consigne import firmware_dir
from consigne.firmware import rom
from consigne.firmware.inline import inline_script

_ONBOARD = Path(__file__).with_name("onboard")


@cache
def script(name: str) -> str:
    """The source of ``onboard/<name>.py`` without docstrings and comments, indented by one blank."""
    application = {path: file.read_bytes() for path, file in rom.sources(firmware_dir()).items()}
    tree = ast.parse(inline_script((_ONBOARD / f"{name}.py").read_bytes(), application))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    lines = ast.unparse(tree).splitlines()
    return "\n".join(" " * ((len(line) - len(line.lstrip())) // 4) + line.lstrip() for line in lines) + "\n"
