"""Executes the firmware's files in a module graph of their own, beside whatever Python runs it.

Imports resolve to the modules given for one virtual interpreter, to the machine shims, to the few
modules of CPython that a device has too, and to the firmware's files; nothing else exists.
"""

import builtins
import importlib
import types
from collections.abc import Mapping
from pathlib import Path

from . import modules as device

SHIM = Path(__file__).parents[1] / "shim"
SHIM_MODULES = ("machine", "network", "esp32", "_ops", "_calendar", "_signals", "_spi")
_compiled: dict[tuple[Path, int], types.CodeType] = {}


def compile_file(path: Path) -> types.CodeType:
    """Compile once per version of the file, whoever asks."""
    key = path, path.stat().st_mtime_ns
    if key not in _compiled:
        _compiled[key] = compile(path.read_bytes(), str(path), "exec")
    return _compiled[key]


class ModuleGraph:
    """The modules of one virtual interpreter: given ones, the shims, and files of the firmware."""

    def __init__(
        self, given: dict[str, types.ModuleType], roots: list[Path], builtin: Mapping[str, object]
    ) -> None:
        self.modules = given
        self._roots = roots
        self._builtins = {**vars(builtins), **builtin, "__import__": self._import}

    def run_main(self, path: Path) -> None:
        """Execute a file as ``__main__``."""
        main = self._new("__main__", path, "")
        exec(compile_file(path), main.__dict__)

    def run_text(self, text: str) -> None:
        """Execute what was typed at the prompt; names stay for the next time."""
        main = self.modules.get("__main__") or self._new("__main__", Path("<stdin>"), "")
        exec(compile(text, "<stdin>", "exec"), main.__dict__)

    def _new(self, name: str, path: Path, package: str) -> types.ModuleType:
        made = types.ModuleType(name)
        made.__dict__.update(__file__=str(path), __package__=package, __builtins__=self._builtins)
        self.modules[name] = made
        return made

    def _import(
        self,
        name: str,
        globals: dict[str, object] | None = None,
        locals: dict[str, object] | None = None,
        fromlist: tuple[str, ...] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        if level:
            parents = str((globals or {}).get("__package__", "")).split(".")
            base = ".".join(parents[: len(parents) - level + 1])
            name = f"{base}.{name}" if name else base
        found = self._load(name)
        if not fromlist:
            return found if level else self.modules[name.partition(".")[0]]
        for item in fromlist:
            if item != "*" and not hasattr(found, item) and hasattr(found, "__path__"):
                self._load(f"{name}.{item}")
        return found

    def _load(self, name: str) -> types.ModuleType:
        if name in self.modules:
            return self.modules[name]
        parent, _, last = name.rpartition(".")
        if parent:
            self._load(parent)
        if not parent and name in device.SHARED:
            self.modules[name] = importlib.import_module(name)
            return self.modules[name]
        for root in self._roots:
            base = root / name.replace(".", "/")
            if root == SHIM and name not in SHIM_MODULES:
                continue
            if base.is_dir():
                return self._package(name, base, parent, last)
            if (path := base.with_suffix(".py")).is_file():
                return self._execute(self._new(name, path, parent), path, parent, last)
        raise ImportError(f"no module named '{name}'")

    def _package(self, name: str, base: Path, parent: str, last: str) -> types.ModuleType:
        made = self._new(name, base, name)
        made.__path__ = [str(base)]
        return self._execute(made, base / "__init__.py", parent, last)

    def _execute(self, made: types.ModuleType, path: Path, parent: str, last: str) -> types.ModuleType:
        try:
            if path.is_file():
                exec(compile_file(path), made.__dict__)
        except BaseException:
            del self.modules[made.__name__]
            raise
        if parent:
            setattr(self.modules[parent], last, made)
        return made
