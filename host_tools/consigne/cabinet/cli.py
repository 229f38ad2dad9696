"""``consigne cabinet``: check a cabinet file, look at it, begin one, and print what follows from it."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from consigne.commandline.outfile import OutFileError, check_out
from consigne.commandline.screen import Screen
from consigne.commandline.tell import echo
from consigne.words import counted

from .compiler import compile_cabinet, device_json, open_cabinet
from .draw.drawings import CannotDraw
from .draw.drawings import draw as draw_all
from .draw.front import terminal_text
from .draw.frontsvg import svg
from .draw.material import parts_list
from .draw.power import budget
from .model import Cabinet
from .newfile import NoRoom, new_file
from .problems import CabinetError, sentences
from .profiles import profiles
from .rules.table import RULES
from .schema import LISTS, REQUIRED, SITE, TABLES, VARIANTS

app = typer.Typer(
    help="The cabinet file: what is wired where, checked before anyone solders.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_File = Annotated[
    Path, typer.Argument(help="The cabinet file, such as cabinet.toml, or the name of a shipped one: demo.")
]


class Form(StrEnum):
    TEXT = "text"
    JSON = "json"


def _opened(file: Path) -> Cabinet:
    try:
        return open_cabinet(file)
    except CabinetError as error:
        raise _tell(error) from None


def _write(file: Path, text: str, cabinet: Cabinet) -> None:
    """Write what follows from a cabinet file, not over that, nor over what is something else."""
    try:
        check_out(file, _files(cabinet), begins=text[0])
        file.write_text(text, encoding="utf-8")
    except OutFileError as error:
        raise typer.BadParameter(str(error)) from None
    except OSError as error:
        raise typer.BadParameter(f"cannot write {file}: {error.strerror}") from None


def _files(cabinet: Cabinet) -> set[Path]:
    """The cabinet file and all it includes."""
    return {cabinet.sheet.file, *(place.file for place in cabinet.sheet.places.values())}


def _tell(error: CabinetError) -> typer.Exit:
    for line in sentences(error.problems):
        echo(line, err=True)
    wrong = sum(not problem.is_warning for problem in error.problems)
    echo(f"{counted(wrong, 'thing')} to put right", err=True)
    return typer.Exit(1)


@app.command()
def check(
    file: _File,
    out: Annotated[Path | None, typer.Option(help="Write the device's config.json there.")] = None,
) -> None:
    """Check a cabinet file against every rule; compile it for the device."""
    cabinet = _opened(file)
    try:
        config, warnings = compile_cabinet(cabinet)
    except CabinetError as error:
        raise _tell(error) from None
    for line in sentences(warnings):
        echo(line, err=True)
    text = device_json(config)
    if out is not None:
        _write(out, text, cabinet)
    doors, size = counted(len(cabinet.compartments), "door"), len(text.encode())
    echo(f"{file}: {doors}, {len(RULES)} rules kept, config.json has {size} bytes")


@app.command()
def show(
    file: _File,
    picture: Annotated[Path | None, typer.Option("--svg", help="Draw the front into this SVG file.")] = None,
    wiring: Annotated[bool, typer.Option(help="What each lock and sensor is wired to.")] = False,
) -> None:
    """Draw the front, here and as SVG."""
    cabinet = _opened(file)
    if picture is not None:
        _write(picture, svg(cabinet, wiring), cabinet)
    console = Screen()
    console.print(terminal_text(cabinet, console.width, wiring))


@app.command()
def new(
    file: Annotated[Path, typer.Argument(help="The cabinet file to write, such as cabinet.toml.")],
    doors: Annotated[int, typer.Option(help="How many.", min=1, max=240)] = 8,
    board: Annotated[
        str, typer.Option(help="Controller board, a name from `consigne cabinet boards`.")
    ] = "esp32-s3-devkitc-n8r8",
    lock_boards: Annotated[
        str | None, typer.Option(help="Family of lock boards; none: relays on expanders.")
    ] = None,
    per_board: Annotated[int, typer.Option(help="Doors on each lock board.", min=1)] = 24,
) -> None:
    """Begin a cabinet file; pins are chosen so that every rule is kept."""
    if board not in profiles():
        raise typer.BadParameter(f"no profile of a board '{board}': known are {', '.join(profiles())}")
    try:
        text = new_file(profiles()[board], doors, lock_boards, per_board)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except NoRoom as error:
        raise typer.BadParameter(str(error)) from None
    except OSError as error:
        raise typer.BadParameter(f"cannot write {file}: {error.strerror}") from None
    echo(f"{file} is written: change what differs, then `consigne cabinet check {file}`")


@app.command()
def boards() -> None:
    """The controller boards that are known."""
    for profile in profiles().values():
        known = profile.chip.image_pins(profile.psram) - profile.chip.flash
        pins = len(profile.pins & known - profile.taken.keys())
        psram = f"{profile.psram_mb} MB of PSRAM" if profile.psram else "no PSRAM"
        image = profile.image or f"{profile.chip.built_image}, built as firmware/boards/README.md says"
        echo(f"{profile.name}: {profile.title}")
        echo(f"  {profile.module}, {psram}, {pins} pins, {' or '.join(profile.network)}")
        echo(f"  MicroPython: {image}")


@app.command()
def rules() -> None:
    """Every rule of wiring that is checked."""
    for rule in RULES:
        echo(f"{rule.name:16} {rule.says}{' (warning)' if rule.is_warning else ''}")


@app.command()
def keys() -> None:
    """Every key of a cabinet file, with its meaning."""
    tables = {
        "at the top": SITE,
        **{f"[{name}]": table for name, table in TABLES.items()},
        **{
            f'[{name}] of kind = "{kind}"': t for name, kinds in VARIANTS.items() for kind, t in kinds.items()
        },
        **{f"[[{name}]]": table for name, (_, table) in LISTS.items()},
    }
    for head, table in tables.items():
        echo(head)
        for key, field in table.items():
            default = "must be given" if field.default is REQUIRED else f"else {json.dumps(field.default)}"
            echo(f"  {key:16} {field.meaning} ({default})")


@app.command()
def draw(
    files: Annotated[list[Path], typer.Argument(help="Cabinet files, or names of shipped ones.")],
    out: Annotated[Path, typer.Option(help="Folder for wiring/ and bom/.")] = Path(),
) -> None:
    """Wiring as SVG and PNG, front, bill of materials and power budget, all as files."""
    for file in files:
        try:
            cabinet = _opened(file)
            for made in draw_all(cabinet, out, _files(cabinet)):
                echo(str(made))
        except OutFileError as error:
            raise typer.BadParameter(str(error)) from None
        except CannotDraw as error:
            echo(str(error), err=True)
            raise typer.Exit(1) from None
        except OSError as error:
            raise typer.BadParameter(f"cannot write {error.filename or out}: {error.strerror}") from None


@app.command()
def power(file: _File) -> None:
    """What draws from the supply while a lock is energised."""
    cabinet = _opened(file)
    table = Table("load", "A at the supply")
    needed = budget(cabinet)
    for load in needed.loads:
        table.add_row(load.title, f"{load.amps:.3f}")
    table.add_row("together", f"{needed.amps:.2f}")
    table.add_row("the supply gives", f"{cabinet.data['supply']['amps']:.2f}")
    Screen().print(table)


@app.command()
def parts(
    file: _File, form: Annotated[Form, typer.Option("--as", help="A table, or JSON.")] = Form.TEXT
) -> None:
    """The bill of materials."""
    items = parts_list(_opened(file))
    if form is Form.JSON:
        text = json.dumps([{"count": i.count, "part": i.title, "for": i.used_for} for i in items], indent=1)
        for line in text.split("\n"):
            echo(line)
        return
    table = Table("count", "part", "for")
    for item in items:
        table.add_row(str(item.count), item.title, item.used_for)
    Screen().print(table)
