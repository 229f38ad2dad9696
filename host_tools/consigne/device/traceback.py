"""``consigne device traceback``: which functions a board's traceback is about.

The build gives many names of an application the same few short ones (``firmware/names.py``): a board says
``in _1f``.  Files and lines are the sources' all the same, so a function is found by its line; if the build
gives it the name that the board printed, board and sources agree.  The meaning of the short names is computed
from the sources, so these must be the ones that the board's application was built from.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from consigne.firmware import rom

from .errors import DeviceError

_FRAME = re.compile(r'File "(?P<file>[\w./-]+)", line (?P<line>\d+), in (?P<name>[\w<>]+)')
_SHORT = re.compile(r"\b_[0-9a-f]+\b")
_TOLD_VERSION = re.compile(r"\bconsigne: (\d+\.\d+\.\d+\S*) did not start\b")
_VERSION_FILE = "locker/__init__.py"
_VERSION = re.compile(r'^VERSION = "(.*)"$', re.MULTILINE)
_NAMELESS = ("<lambda>", "<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>")
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Sources:
    """An application: its files by their names in a traceback, and the short names that its build gives.

    Raises ``DeviceError`` for a folder that holds none, or one that is not Python.
    """

    def __init__(self, firmware: Path) -> None:
        files = rom.sources(firmware)
        if not {"main.py", _VERSION_FILE} <= files.keys():
            raise DeviceError(f"{firmware} holds no application; name the folder firmware of a checkout")
        try:
            names = rom.shortened(files).names
        except SyntaxError as error:
            raise DeviceError(f"{firmware} holds no application that compiles: {error}") from None
        self.paths = {rom.traceback_name(name): path for name, path in files.items()}
        self.names = {rom.traceback_name(name): shorts for name, shorts in names.items()}
        found = _VERSION.search(files[_VERSION_FILE].read_text(encoding="utf-8"))
        self.version = found[1] if found else "unknown"


class Translation:
    """Translates lines from a board one by one; ``misfits`` has a sentence for each mismatch."""

    def __init__(self, sources: Sources) -> None:
        self.misfits: list[str] = []
        self._sources = sources
        self._module = ""  # of the newest frame: the error's text comes from there

    def line(self, text: str) -> list[str]:
        """The lines to show for one; a line that is not of the application's traceback stays as it is."""
        for version in _TOLD_VERSION.findall(text):
            if version != self._sources.version:
                self._misfit(f"the board has version {version}, these sources are {self._sources.version}")
        frame = _FRAME.search(text)
        if frame and frame["file"] in self._sources.paths:
            self._module = frame["file"]
            return self._of_frame(text, frame)
        if self._module and not frame:  # after the frames: the error itself
            text = _with_meanings(self._sources, self._module, text)
            self._module = ""
        return [text]

    def _of_frame(self, text: str, frame: re.Match[str]) -> list[str]:
        place = f"{frame['file']}, line {frame['line']}"
        found = _function(self._sources, frame["file"], int(frame["line"]), frame["name"])
        if found is None:
            self._module = ""
            self._misfit(f"{place} is not in a function that the build calls {frame['name']}")
            return [text]
        path, function, source = found
        shown = f'File "{path}", line {frame["line"]}, in {function}'
        return [text[: frame.start()] + shown + text[frame.end() :], "    " + source]

    def _misfit(self, sentence: str) -> None:
        if sentence not in self.misfits:
            self.misfits.append(sentence)


def _function(sources: Sources, module: str, line: int, name: str) -> tuple[Path, str, str] | None:
    """The file, the function's full name and the source of the line; None on a mismatch."""
    path = sources.paths[module]
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    if line > len(lines):
        return None
    around = list(_scopes(ast.parse(text), line))
    while around:
        full = ".".join(scope.name for scope in around)
        if name in _NAMELESS:
            return path, f"{name} of {full}", lines[line - 1].strip()
        if around[-1].name in (name, sources.names[module].get(name)):
            return path, full, lines[line - 1].strip()
        around.pop()  # the line of a ``def`` or ``class`` is executed by the enclosing scope
    return (path, name, lines[line - 1].strip()) if name in ("<module>", *_NAMELESS) else None


def _scopes(tree: ast.AST, line: int) -> Iterator[_Scope]:
    """The classes and functions that a line stands in, from the outermost on."""
    for node in ast.iter_child_nodes(tree):
        first = getattr(node, "lineno", 0)
        if first <= line <= getattr(node, "end_lineno", 0):
            if isinstance(node, _Scope):
                yield node
            yield from _scopes(node, line)


def _with_meanings(sources: Sources, module: str, line: str) -> str:
    """An error's text from this module, with the short names replaced by their meanings."""

    def meaning(short: re.Match[str]) -> str:
        if short[0] in sources.names[module]:
            return sources.names[module][short[0]]
        elsewhere = {names[short[0]] for names in sources.names.values() if short[0] in names}
        return " or ".join(sorted(elsewhere)) or short[0]

    return _SHORT.sub(meaning, line)
