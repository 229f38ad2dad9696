"""The wizard through mpremote's real transport and the real MicroPython of a virtual board's serial port."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from consigne.cabinet.compiler import compile_file, open_cabinet, spelled_out
from consigne.cabinet.profiles import hardware_dir
from consigne.cli import app
from consigne.learn.console import ReplConsole
from consigne.learn.file import wiring_of
from consigne.learn.learned import Progress
from consigne.learn.run import Learning, simulated
from consigne.learn.wizard import NONE, TWO, Gone
from consigne.sim.virtualboard.board import VirtualBoard, install
from learn_kit import on_boards, on_chips, wired
from typer.testing import CliRunner
from virtual_kit import eventually

pytestmark = pytest.mark.waits


class Bystander:
    """Stands before the virtual board's cabinet (``consigne.learn.wizard.Technician``)."""

    def __init__(self, board: VirtualBoard) -> None:
        self._board = board
        self._known: set[str] = set()

    def which_opened(self, place: str, note: str) -> str:
        new = self._board.call(lambda: {d.name for d in self._board.cabinet.doors if d.is_open}) - self._known
        self._known |= new
        return TWO if len(new) > 1 else new.pop() if new else NONE

    def please(self, text: str) -> bool:
        self._board.call(lambda: [door.push_shut() for door in self._board.cabinet.doors])
        self._known.clear()
        return True

    def unnamed(self, where: str) -> str:
        return ""

    def tell(self, text: str) -> None:
        """Nothing has to be told where nothing goes wrong."""
        raise AssertionError(text)

    def number_before(self, place: str, number: str) -> str:
        raise AssertionError("nobody went back")

    def is_earlier_wrong(self, number: str, place: str) -> bool:
        raise AssertionError(f"{number} was said twice")


class ConsoleRig:
    """A board, its cabinet, and a laptop with the file that the wizard writes."""

    def __init__(self, folder: Path, text: str) -> None:
        self.truth, self.out = folder / "truth.toml", folder / "learned.toml"
        self.truth.write_text(text)
        flash = folder / "flash.bin"
        install(flash)
        self.board = VirtualBoard(flash, simulated(self.truth), link=folder / "port")
        self.technician = Bystander(self.board)

    def learn(self) -> Learning:
        """As ``consigne cabinet learn --console`` does, without the terminal."""
        with ReplConsole(self.board.port) as console:
            progress = Progress.beside(self.out, wiring_of(self.truth))
            learning = Learning.over_console(progress, console, lambda text: None)
            learning.find(self.technician, 1, with_pins=False)
            learning.ask(self.technician)
            assert learning.prove(self.technician) == []
            learning.write(self.out)
            return learning

    def energised(self) -> int:
        """Coils that draw current now; each line is low where none does."""
        return self.board.call(lambda: self.board.cabinet.supply.coils_on)


@pytest.fixture
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ConsoleRig]:
    made = ConsoleRig(tmp_path, request.param)
    with made.board:
        yield made


def _wired(file: Path) -> dict[str, object]:
    return wired(spelled_out(open_cabinet(file), compile_file(file)[0]))


@pytest.mark.parametrize("rig", [on_chips(2)], indirect=True)
def test_a_cable_pulled_in_the_middle_of_a_pulse_ends_it_and_the_next_laptop_goes_on(
    rig: ConsoleRig,
) -> None:
    strike = rig.board.cabinet.doors[1].strike
    spring = strike.on_spring

    def spring_and_pull() -> None:
        strike.on_spring = spring
        spring()
        rig.board._pull()  # on the board's own thread, with the coil on

    rig.board.call(lambda: setattr(strike, "on_spring", spring_and_pull))
    with pytest.raises(Gone, match="Nothing stays energised"):
        rig.learn()
    eventually(lambda: not rig.energised(), "the coil is released")
    supply = rig.board.cabinet.supply
    assert supply.coil_on_max_us < 1_000_000
    assert rig.board.call(lambda: [d.strike.line.level for d in rig.board.cabinet.doors]) == [0, 0]
    rig.board.plug_cable()
    rig.technician.please("shut the door that nobody was asked for")
    assert len(rig.learn().progress.numbered) == 2
    assert _wired(rig.out) == _wired(rig.truth)


@pytest.mark.parametrize("rig", [on_chips(2)], indirect=True)
def test_a_board_that_restarts_while_somebody_looks_for_the_door_is_set_up_again(rig: ConsoleRig) -> None:
    look = rig.technician.which_opened

    def reset_and_look(place: str, note: str) -> str:
        rig.technician.which_opened = look  # type: ignore[method-assign]
        rig.board.reset()
        return look(place, note)

    rig.technician.which_opened = reset_and_look  # type: ignore[method-assign]
    assert len(rig.learn().progress.numbered) == 2
    assert _wired(rig.out) == _wired(rig.truth)


@pytest.mark.parametrize("rig", [on_boards(1, "modbus", 8)], indirect=True)
def test_a_lock_board_is_found_and_opened_by_the_controllers_own_wire(rig: ConsoleRig) -> None:
    with ReplConsole(rig.board.port) as console:
        progress = Progress.beside(rig.out, wiring_of(rig.truth))
        learning = Learning.over_console(progress, console, lambda text: None)
        learning.find(rig.technician, 1, with_pins=False)
        (board,) = progress.boards or []
        assert (board.kind, board.address, board.inputs) == ("modbus", 1, 8)
        (group,) = learning._groups
        before = group.levels()[0]
        group.pulse((board.name, 0))
        assert {spot for spot in before if before[spot] != group.levels()[0][spot]} == {(board.name, 0)}
    assert rig.technician.which_opened("", "") == "1" and rig.energised() == 0


@pytest.mark.parametrize("rig", [on_chips(2)], indirect=True)
def test_the_command_asks_at_the_terminal_and_writes_the_file(rig: ConsoleRig) -> None:
    arguments = ["cabinet", "learn", str(rig.out), "--console", rig.board.port]
    arguments += ["--wiring", str(rig.truth), "--addresses", "1"]
    done = CliRunner().invoke(app, arguments, input="1\nback\n1\n2\nn\n")
    assert done.exit_code == 0 and "2 doors after 2 openings" in done.output, done.output
    assert "expander 0x20, GPA0: number on the door that opened" in done.output
    assert _wired(rig.out) == _wired(rig.truth)


@pytest.mark.parametrize("option", ["--console", "--port"])
def test_a_file_in_the_place_of_a_port_is_said_in_a_sentence(tmp_path: Path, option: str) -> None:
    (tmp_path / "file").write_text("")
    words = ["cabinet", "learn", str(tmp_path / "new.toml"), option, str(tmp_path / "file")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1 and "is not a serial port" in done.output


def test_a_folder_that_is_not_there_is_said_before_anything_is_looked_for(tmp_path: Path) -> None:
    demo = str(hardware_dir() / "cabinets" / "demo.toml")
    words = ["cabinet", "learn", str(tmp_path / "absent" / "new.toml"), "--sim", demo, "--headless"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2 and "there is no folder" in " ".join(done.output.split())
