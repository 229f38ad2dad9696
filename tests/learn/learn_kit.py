"""A simulated cabinet that the wizard does not know, and what it should find."""

from pathlib import Path
from typing import Any

from consigne.cabinet.compiler import compile_cabinet, compile_file, open_cabinet, spelled_out
from consigne.cabinet.model import RELAY, Cabinet
from consigne.cabinet.newfile import Place, compartments, new_file
from consigne.cabinet.profiles import profiles
from consigne.cabinet.reading import Sheet
from consigne.cabinet.rules.pins import suitable
from consigne.learn.console import Console
from consigne.learn.file import to_toml, usual_wiring, wiring_of
from consigne.learn.ground import SimTechnician, UnknownCabinet
from consigne.learn.learned import Progress
from consigne.learn.run import Learning
from consigne.learn.wizard import Technician

Wired = tuple[dict[str, Any], dict[str, Any], int]
"""Lock, sensor, closed level of a door."""


_LEARNED = ("doors", "boards", "expanders")


def wired(config: dict[str, Any]) -> dict[str, Wired]:
    return {door["name"]: (door["lock"], door["reed"], door["closed_level"]) for door in config["doors"]}


class Site:
    """The cabinet of a file's text; ``learned.toml`` in ``folder`` is what the wizard writes."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file, self.out = folder / "truth.toml", folder / "learned.toml"
        self.file.write_text(text)
        cabinet = open_cabinet(self.file)
        config, warnings = compile_cabinet(cabinet)
        assert warnings == []
        self.config = spelled_out(cabinet, config)
        self.unknown = UnknownCabinet(self.config, 1, cabinet.psram)
        self.parts = self.unknown.cabinet
        self.technician = SimTechnician(self.unknown)
        self.said: list[str] = []

    def learning(self, console: Console | None = None) -> Learning:
        progress = Progress.beside(self.out, wiring_of(self.file))
        return Learning.over_console(progress, console or self.unknown.console, self.said.append)

    def learn(self, technician: Technician | None = None, console: Console | None = None) -> Learning:
        """Find and ask; nothing is written."""
        who = technician or self.technician
        learning = self.learning(console)
        learning.find(who, 8, with_pins=False)
        learning.ask(who)
        return learning

    def written(self, learning: Learning) -> dict[str, Wired]:
        """What the file says that the wizard writes; it breaks no rule."""
        learning.write(self.out)
        config, warnings = compile_file(self.out)
        assert warnings == []
        found = spelled_out(open_cabinet(self.out), config)
        assert {key: found[key] for key in found if key not in _LEARNED} == {
            key: self.config[key] for key in self.config if key not in _LEARNED
        }, "the controller's own wiring stays as it was"
        return wired(found)

    @property
    def truth(self) -> dict[str, Wired]:
        return wired(self.config)

    def nothing_is_energised(self) -> None:
        """Once the timers have run out: no coil, no relay line, no arming line."""
        self.unknown.clock.run_for(1.5)
        supply = self.parts.supply
        assert supply.coils_on == 0 and supply.coil_on_max_us <= 1_000_000 and supply.coils_on_max <= 1
        assert supply.arm.level == 0
        assert [door.name for door in self.parts.doors if door.strike.line.level] == []


def on_boards(doors: int, kind: str = "8a", per_board: int = 24) -> str:
    return new_file(profiles()["esp32-devkitc-ve"], doors, kind, per_board)


def on_chips(doors: int) -> str:
    return new_file(profiles()["esp32-devkitc-ve"], doors, None, 24)


def on_other_chips() -> str:
    """Four doors on a PCF8574, whose relays are active low; four on a TCA9554; eight on shift registers."""
    data = usual_wiring(profiles()["esp32-s3-devkitc-n8r8"])
    data["lock_board"] = data["rs485"] = []
    data["expander"] = [
        {"name": "P", "kind": "pcf8574", "i2c": 0, "address": 0x21},
        {"name": "T", "kind": "tca9554", "i2c": 0, "address": 0x22},
        {"name": "M", "kind": "mcp23017", "i2c": 0, "address": 0x20},
    ]
    pins = dict(zip(("data", "clock", "latch", "enable"), _free(data, 4), strict=True))
    data["shift_register"] = [{"name": "S", "kind": "74hc595", "chips": 2, **pins}]
    places = [Place(str(9 - n), "P", n, 4 + n, n % 2) for n in range(4)]
    places += [Place(str(30 + n), "T", 4 + n, n) for n in range(4)]
    places += [Place(str(20 + n), "S", 15 - n, n if n < 7 else 8, 0, "M") for n in range(8)]
    data["front"] = {"terminal_column": 3, "terminal_cm": 85.0}
    return "\n".join([to_toml(data), *compartments(places, 3)])


def _free(data: dict[str, Any], count: int) -> list[int]:
    """Pins that nothing has claimed and that relays may hang on."""
    board = profiles()[data["board"]]
    sheet = Sheet(Path())
    whole = {**data, "compartment": [], "shift_register": [], "lock_board": [], "expander": []}
    used = {use.pin for use in Cabinet(sheet, whole, board).uses}
    return sorted(suitable(board, RELAY, used))[:count]
