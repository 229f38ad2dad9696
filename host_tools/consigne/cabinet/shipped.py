"""The cabinet files that come with the program: to look at, to simulate, to begin from."""

from pathlib import Path

from .problems import CabinetError, Place, Problem
from .profiles import hardware_dir


def shipped() -> dict[str, Path]:
    """Every shipped file by its bare name, such as ``demo``."""
    return {path.stem: path for path in sorted((hardware_dir() / "cabinets").glob("*.toml"))}


def found(file: Path) -> Path:
    """The file, or the shipped one of that name where nothing here is called so.

    ``CabinetError`` for a name without a folder that is neither.
    """
    try:
        file.lstat()
    except FileNotFoundError:
        if len(file.parts) == 1:
            return _of_name(file)
    except OSError:
        pass  # whoever reads it says why
    return file


def _of_name(file: Path) -> Path:
    known = shipped()
    if file.name not in known:
        advice = f"give the path of a file, or the name of a shipped one: {', '.join(known)}"
        raise CabinetError([Problem(Place(file, 0), "there is no such file", advice)])
    return known[file.name]
