"""A simulated cabinet that the wizard does not know, and what it should find."""

from pathlib import Path
from typing import Any

from consigne.cabinet.compiler import compile_cabinet, compile_file, open_cabinet, spelled_out
from consigne.cabinet.console import Console
from consigne.cabinet.learn import Technician
from consigne.cabinet.learned import Progress
from consigne.cabinet.learnfile import wiring_of
from consigne.cabinet.learnrun import Learning
from consigne.cabinet.newfile import new_file
from consigne.cabinet.profiles import profiles
from consigne.sim.learnground import SimTechnician, UnknownCabinet

Wired = tuple[dict[str, Any], dict[str, Any], int]
"""Lock, sensor, closed level of a door."""


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
        self.unknown = UnknownCabinet(self.config, 1)
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
        return wired(spelled_out(open_cabinet(self.out), config))

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
    return new_file(profiles()["esp32-devkitc"], doors, kind, per_board)


def on_chips(doors: int) -> str:
    return new_file(profiles()["esp32-devkitc"], doors, None, 24)
