"""One run of the wizard, from its first question to the cabinet file."""

from collections.abc import Callable
from pathlib import Path

from consigne.cabinet.compiler import compile_cabinet, open_cabinet, spelled_out
from consigne.cabinet.deviceconfig import WiredConfig
from consigne.cabinet.document import Document
from consigne.cabinet.model import REED, RELAY, Cabinet, PinRole
from consigne.cabinet.profiles import Profile, profiles
from consigne.cabinet.reading import Sheet
from consigne.cabinet.rules.pins import suitable

from .boards import BoardGroup, Wire, find_boards
from .console import ChipGroup, Console, ConsoleWire, Controller, FreePins
from .file import learned_text
from .learned import FoundDoor, Progress, Spot
from .wizard import Group, Technician, Wizard

Say = Callable[[str], None]


class NoHardwareFound(ValueError):
    """No board or expander answers; the text says what to check."""


class NoDoorLearned(ValueError):
    """No lock opened a door whose sensor moved; the text says what to check."""


class Learning:
    """The hardware found in a cabinet, and the wizard that learns the rest.

    ``wires``: the pairs to lock boards; ``controller``: the board itself, None with an adapter at the laptop;
    ``say`` gets the progress.
    """

    def __init__(
        self, progress: Progress, wires: list[Wire], controller: Controller | None, say: Say
    ) -> None:
        self.progress = progress
        self._wires = {wire.uart: wire for wire in wires}
        self._controller = controller
        self._say = say
        self._groups: list[Group] = []
        self._with_pins = False

    @classmethod
    def over_console(cls, progress: Progress, console: Console, say: Say) -> "Learning":
        """Learn over the controller's own wires, buses and pins."""
        controller = Controller(console, progress.wiring)
        wires: list[Wire] = [ConsoleWire(controller, wire["uart"]) for wire in progress.wiring["rs485"]]
        return cls(progress, wires, controller, say)

    def find(self, technician: Technician, addresses_max: int, with_pins: bool) -> None:
        """Look for boards and expanders, unless an earlier run did.  Raises ``NoHardwareFound``."""
        self._with_pins = with_pins
        if self.progress.boards is None:
            self._scan(technician, addresses_max)
        boards = self.progress.boards or []
        self._groups = [BoardGroup(self._wires[board.uart], board) for board in boards]
        self._add_chips(with_pins)
        if not self._groups:
            raise NoHardwareFound(
                "no lock board and no expander answers: check their power, A and B, SDA and SCL"
                f"{self.hint(' (')}"
            )

    def hint(self, before: str) -> str:
        """What else can be tried if doors are missing, after the text ``before``; empty if that was done."""
        if self._with_pins or self._controller is None:
            return ""
        return f"{before}--pins looks for locks and sensors at the controller's own pins too" + ")" * (
            before.endswith("(")
        )

    def _add_chips(self, with_pins: bool) -> None:
        """Add the banks that the controller itself drives and reads."""
        wiring, chips = self.progress.wiring, self.progress.chips
        pins = _free_pins(wiring, with_pins)
        has_locks = bool(chips or pins.driven or wiring["shift_register"])
        has_sensors = bool(self.progress.boards and pins.pulled + pins.bare)
        if self._controller is None or not (has_locks or has_sensors):
            return
        if not self._controller.has_arming_line:
            self._say("the wiring has no arming line: expanders and pins are not looked at")
            return
        self._groups.append(ChipGroup(self._controller, chips, wiring["shift_register"], pins))

    def _scan(self, technician: Technician, addresses_max: int) -> None:
        found = []
        for wire in self._wires.values():
            asked: set[str] = set()

            def step(kind: str, _address: int, asked: set[str] = asked, uart: int = wire.uart) -> None:
                if kind not in asked:
                    asked.add(kind)
                    self._say(f"UART {uart}: asking for boards of the family {kind}")

            for board in find_boards(wire, addresses_max, step, technician.tell):
                self._say(f"found: {board.kind} at address {board.address}, {board.locks} channels")
                found.append(board)
        if self._controller is not None:
            self.progress.chips = self._controller.expanders()
            for chip in self.progress.chips:
                self._say(f"found: an expander {chip.kind.upper()} at 0x{chip.address:02x}")
        if found or self.progress.chips:
            self.progress.boards = found
            self.progress.save()

    def ask(self, technician: Technician) -> None:
        """Open what was not opened yet.  ``Stopped``, ``OSError``: the learned data is kept."""
        Wizard(self._groups, technician, self.progress, self._rest).run()

    def _rest(self, duration_ms: int) -> None:
        if self._controller is not None:
            self._controller.rest(duration_ms)
        else:
            next(iter(self._wires.values())).rest(duration_ms)

    def prove(self, technician: Technician) -> list[str]:
        """Open every door once more by its number: its own sensor must move, and no other.

        Returns a sentence for each failure.  No door is opened if the technician refuses.
        """
        doors = self.progress.doors()
        if not technician.please("Shut every door: each is opened once more by its number."):
            return []
        wrong = []
        for door in doors:
            group = next(group for group in self._groups if _has(group, door.lock[0]))
            watched = next(group for group in self._groups if _has(group, door.reed[0]))
            order = door.order
            before = watched.levels()[order]
            group.pulse(door.lock)
            self.progress.count()
            after = watched.levels()[order]
            moved = {spot for spot in before if before[spot] != after[spot]}
            wrong += _verdict(door, before[door.reed], moved)
        return wrong

    def write(self, file: Path) -> str:
        """Write the cabinet file, delete the learned data.  ``NoDoorLearned``: nothing to write."""
        if not self.progress.doors():
            self.progress.file.unlink(missing_ok=True)  # if kept, the next run would open no lock again
            raise NoDoorLearned(
                f"no door was learned, so {file} is not written: see that the locks have their supply and "
                f"that their sensors are wired, shut every door, and begin again{self.hint('; ')}"
            )
        text = learned_text(self.progress)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
        self.progress.file.unlink(missing_ok=True)
        return text


def _has(group: Group, bank: str) -> bool:
    """Whether a bank is one of a group's."""
    banks = {group.board.name} if isinstance(group, BoardGroup) else getattr(group, "banks", set())
    return bank in banks


def _verdict(door: FoundDoor, before: int, moved: set[Spot]) -> list[str]:
    if before != door.closed_level:
        return [f"door {door.number} stood open, or its sensor says so: shut it and test it again"]
    if door.reed not in moved:
        return [f"door {door.number} did not open, or its sensor did not move"]
    if len(moved) > 1:
        return [f"with door {door.number} {len(moved) - 1} other sensors moved"]
    return []


def _free_pins(wiring: Document, with_all: bool) -> FreePins:
    """The board's own inputs and outputs that the wiring leaves free; ``with_all``: of all its pins."""
    board: Profile = profiles()[wiring["board"]]
    used = set(_pins_in(wiring))

    def can(role: PinRole, key: str) -> set[int]:
        own = {pin for pin, serves in board.wired.items() if key in serves} - used
        return own | suitable(board, role, used) if with_all else own

    driven = can(RELAY, "compartment.lock")
    sensors = can(REED, "compartment.reed") | driven
    bare = board.chip.input_only & board.pins - used - board.taken.keys() if with_all else set()
    return FreePins(sorted(sensors - bare), sorted(bare), sorted(driven))


def _pins_in(wiring: Document) -> list[int]:
    """Every pin that the controller's own wiring claims."""
    return [use.pin for use in Cabinet(Sheet(Path()), wiring, profiles()[wiring["board"]]).uses]


def simulated(file: Path) -> WiredConfig:
    """The simulator's cabinet for a cabinet file."""
    cabinet = open_cabinet(file)
    config, _ = compile_cabinet(cabinet)
    return spelled_out(cabinet, config)
