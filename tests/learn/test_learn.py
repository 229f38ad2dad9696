"""A cabinet that nobody knows is learned: every board, order, polarity and door, whatever goes wrong."""

import os
import socket
import threading
import tty
from pathlib import Path

import pytest
from consigne.cabinet.compiler import compile_file, open_cabinet, spelled_out
from consigne.cabinet.profiles import hardware_dir
from consigne.cli import app
from consigne.learn.file import wiring_of
from consigne.learn.ground import SimTechnician
from consigne.learn.learned import NotOurs, Progress
from consigne.learn.run import NoDoorLearned, NoHardwareFound
from consigne.learn.wizard import AGAIN, BACK, NONE, STOP, Gone, Stopped
from consigne.sim.board.board import HARD
from lab.rig.unknown import BOARDS, DOORS, unknown_cabinet
from learn_kit import Site, on_boards, on_chips, on_other_chips, wired
from typer.testing import CliRunner


def test_ninety_six_doors_on_mixed_boards_end_with_the_true_mapping(tmp_path: Path) -> None:
    site = Site(tmp_path, unknown_cabinet(seed=1))
    learning = site.learn()
    assert learning.prove(site.technician) == []
    assert len(site.truth) == DOORS and site.written(learning) == site.truth
    boards = learning.progress.boards or []
    assert {(b.kind, b.address): learning.progress.is_reversed(b.name) for b in boards} == {
        (kind, address): is_reversed for kind, address, _, is_reversed, _ in BOARDS if kind != "winnsen"
    } | {("winnsen", 3): False}
    assert list(learning.progress.troubles()) == [] and not learning.progress.file.exists()
    site.nothing_is_energised()


@pytest.mark.parametrize("kind", ["cu48", "cu16"])
def test_boards_of_the_other_speed_are_learned_too(kind: str, tmp_path: Path) -> None:
    site = Site(tmp_path, on_boards(20, kind, 10))
    assert site.written(site.learn()) == site.truth


def test_relays_and_sensors_at_the_controllers_own_pins_are_found(tmp_path: Path) -> None:
    text = on_chips(8).replace('on = "A"\nlock = 0\nreed = 8\n', "lock = 33\nreed = 36\npull_up = true\n")
    site = Site(tmp_path, text)
    learning = site.learning()
    learning.find(site.technician, 8, with_pins=True)
    learning.ask(site.technician)
    assert site.written(learning) == site.truth
    assert "pull_up = true" in site.out.read_text()
    site.nothing_is_energised()


def test_relays_on_a_pcf8574_and_on_shift_registers_are_found_with_their_sensors(tmp_path: Path) -> None:
    site = Site(tmp_path, on_other_chips())
    learning = site.learn()
    assert learning.prove(site.technician) == []
    assert site.written(learning) == site.truth
    site.nothing_is_energised()


def test_a_controller_without_an_arming_line_opens_nothing_of_its_own(tmp_path: Path) -> None:
    text = (hardware_dir() / "cabinets" / "boards-96.toml").read_text()
    doors = text.split("[[compartment]]")
    site = Site(tmp_path, "[[compartment]]".join(doors[:4]))
    learning = site.learn()
    assert site.written(learning) == site.truth and site.parts.supply.pulses == 0


# --- what goes wrong at the cabinet -----------------------------------------------------------------------
def test_a_lock_that_never_springs_is_told_and_no_door_is_made_of_it(tmp_path: Path) -> None:
    site = Site(tmp_path, on_boards(12))
    site.parts.doors[4].strike.dead = True
    learning = site.learn()
    troubles = list(learning.progress.troubles())
    assert "8a board 1, channel 4 moved nothing: no door is there, or its lock did not spring" in troubles
    assert "no door has the number 5" in troubles
    assert site.written(learning) == {name: door for name, door in site.truth.items() if name != "5"}


def test_a_latch_that_sticks_once_is_opened_once_more(tmp_path: Path) -> None:
    site = Site(tmp_path, on_chips(4))
    site.parts.doors[2].strike.jams = 1
    assert site.written(site.learn()) == site.truth


def test_a_broken_wire_of_a_sensor_is_told_with_the_number_of_its_door(tmp_path: Path) -> None:
    site = Site(tmp_path, on_boards(12))
    site.parts.doors[7].reed.stuck = "closed"
    learning = site.learn()
    (trouble,) = learning.progress.troubles()
    assert trouble.startswith("door 8 (8a board 1, channel 7) opened and no sensor moved")
    assert learning.prove(site.technician) == ["door 8 did not open, or its sensor did not move"]
    assert site.written(learning) == site.truth and f"# {trouble}" in site.out.read_text()


def test_two_locks_wired_together_are_told_and_not_taken_for_a_door(tmp_path: Path) -> None:
    site = Site(tmp_path, on_boards(6))
    first, second = site.parts.doors[1:3]
    alone = first.strike.on_spring

    def both() -> None:
        alone()
        second.strike.on_spring()

    first.strike.on_spring = both
    learning = site.learn()
    troubles = list(learning.progress.troubles())
    assert any(text.startswith("8a board 1, channel 1 moves several doors") for text in troubles)
    assert site.written(learning) == {name: door for name, door in site.truth.items() if name != "2"}


def test_two_boards_with_one_address_are_told_before_anything_is_opened(tmp_path: Path) -> None:
    site = Site(tmp_path, on_boards(12, per_board=6))
    site.parts.boards["8a@1:2"].address = 1
    learning = site.learning()
    with pytest.raises(NoHardwareFound):
        learning.find(site.technician, 4, with_pins=False)
    assert any("8a board at address 1" in text and "two boards" in text for text in site.technician.said)
    assert site.parts.supply.pulses == 0 and not any(b.opened for b in site.parts.boards.values())


class Mender(SimTechnician):
    """Plugs a board in again when told that it is silent."""

    def __init__(self, site: Site) -> None:
        super().__init__(site.unknown)
        self.board = site.parts.boards["8a@1:1"]

    def please(self, text: str) -> bool:
        self.board.silent = False
        return super().please(text)


def test_a_board_that_falls_silent_in_the_middle_goes_on_where_it_was(tmp_path: Path) -> None:
    site = Site(tmp_path, on_boards(12))
    mender = Mender(site)
    strike = site.parts.doors[3].strike
    spring = strike.on_spring

    def spring_and_die() -> None:
        strike.on_spring = spring
        spring()
        mender.board.silent = True

    strike.on_spring = spring_and_die
    learning = site.learn(mender)
    assert mender.said[0].startswith("the 8a board at address 1 does not answer any more: look at its plug")
    assert site.written(learning) == site.truth


@pytest.mark.parametrize("fault", ["silent", "dip"])
def test_an_expander_that_falls_silent_or_forgets_its_settings_does_no_harm(
    fault: str, tmp_path: Path
) -> None:
    site = Site(tmp_path, on_chips(5))
    chip = site.parts.expanders["mcp23017@0:32"]
    strike = site.parts.doors[2].strike
    spring = strike.on_spring

    def spring_and_fail() -> None:
        strike.on_spring = spring
        spring()
        if fault == "silent":
            chip.silent = True
        else:
            site.unknown.clock.call_in(500_000, chip.brown_out)

    class Helper(SimTechnician):
        def please(self, text: str) -> bool:
            chip.silent = False
            return super().please(text)

    strike.on_spring = spring_and_fail
    helper = Helper(site.unknown)
    assert site.written(site.learn(helper)) == site.truth
    assert (fault == "silent") == any("look at its plug" in text for text in helper.said)
    site.nothing_is_energised()


def test_a_known_door_that_is_shut_while_the_next_one_opens_is_not_taken_for_a_second(tmp_path: Path) -> None:
    site = Site(tmp_path, on_boards(5))
    first, _, third, *_ = site.parts.doors
    spring = third.strike.on_spring

    def spring_beside() -> None:
        spring()
        site.unknown.clock.call_in(50_000, first.push_shut)

    third.strike.on_spring = spring_beside
    assert site.written(site.learn()) == site.truth and site.technician.said == []


# --- what goes wrong before it ----------------------------------------------------------------------------
class Fumbler(SimTechnician):
    """Answers wrongly when it is his turn: ``slips`` is call -> what he says instead, first call is 1."""

    def __init__(self, site: Site, slips: dict[int, str]) -> None:
        super().__init__(site.unknown)
        self.slips = slips
        self.calls = 0
        self.right = ""

    def which_opened(self, place: str, note: str) -> str:
        self.calls += 1
        slip = self.slips.pop(self.calls, "")
        if slip == BACK:
            return BACK
        if slip:
            self.right = super().which_opened(place, note)
            return slip
        return super().which_opened(place, note)

    def number_before(self, place: str, number: str) -> str:
        return self.right


def test_a_wrong_number_is_taken_back_one_step_later(tmp_path: Path) -> None:
    site = Site(tmp_path, on_boards(6))
    fumbler = Fumbler(site, {2: "99", 3: BACK})
    assert site.written(site.learn(fumbler)) == site.truth and fumbler.slips == {}


def test_a_number_given_twice_takes_the_wrong_one_back_and_opens_that_door_again(tmp_path: Path) -> None:
    site = Site(tmp_path, on_boards(6))
    fumbler = Fumbler(site, {2: "4"})  # door 2 is called 4; door 4 comes later
    learning = site.learn(fumbler)
    assert site.written(learning) == site.truth
    assert learning.progress.opens > 6 and any("channel 1: it is opened again" in t for t in fumbler.said)


@pytest.mark.parametrize("slip", ["", "a number", AGAIN])
def test_what_is_no_number_is_asked_again(slip: str, tmp_path: Path) -> None:
    site = Site(tmp_path, on_boards(3))

    class Slow(Fumbler):
        def which_opened(self, place: str, note: str) -> str:
            if self.slips.pop(1, None) is not None:
                self.note = note
                return slip
            return super().which_opened(place, note)

    assert site.written(site.learn(Slow(site, {1: slip}))) == site.truth


def test_a_sensor_that_moves_without_a_door_is_told(tmp_path: Path) -> None:
    site = Site(tmp_path, on_boards(3))
    learning = site.learn(Fumbler(site, {2: NONE}))
    assert any("channel 1 moved a sensor and no door" in text for text in learning.progress.troubles())
    assert set(site.written(learning)) == {"1", "3"}


# --- interrupted ------------------------------------------------------------------------------------------
def test_who_stops_goes_on_where_he_was_and_opens_nothing_twice(tmp_path: Path) -> None:
    site = Site(tmp_path, on_boards(12))
    whole = Site(tmp_path, on_boards(12)).learn().progress
    whole.file.unlink()
    with pytest.raises(Stopped):
        site.learn(Fumbler(site, {6: STOP}))
    assert len(site.learning().progress.numbered) == 5
    site.unknown.shut_doors()
    learning = site.learn()
    assert site.written(learning) == site.truth
    assert learning.progress.opens == whole.opens + 1, "the door that was open when he stopped"


class Cable:
    """The console of a site, until it is pulled."""

    def __init__(self, site: Site, calls: int) -> None:
        self.site = site
        self.left = calls

    def exec(self, code: str) -> str:
        self.left -= 1
        if self.left < 0:
            raise Gone("the controller's console is gone")
        return self.site.unknown.console.exec(code)


@pytest.mark.parametrize(
    ("text", "step"), [(on_chips(2), 1), (on_boards(2), 97)], ids=["relays", "lock board"]
)
def test_a_cable_pulled_at_any_moment_leaves_nothing_energised_and_loses_nothing(
    text: str, step: int, tmp_path: Path
) -> None:
    calls, pulls = 5, 0
    while True:
        site = Site(tmp_path, text)
        cable = Cable(site, calls)
        try:
            learning = site.learn(console=cable)
        except Gone:
            site.nothing_is_energised()
            site.unknown.shut_doors()
            learning = site.learn()
            pulls += 1
        else:
            break
        assert learning.progress.doors() and site.written(learning) == site.truth
        site.out.unlink()
        calls += step
    learning.progress.file.unlink()
    assert pulls > 2


def test_code_interrupted_at_any_moment_of_a_pulse_releases_every_line(tmp_path: Path) -> None:
    """Ctrl+C, or a laptop that resets the interpreter while the board waits."""
    whole = Site(tmp_path, on_chips(1))
    begins_us = whole.unknown.clock.now_us()
    whole.learn()
    ends_us = whole.unknown.clock.now_us()
    whole.out.with_suffix(".learned.json").unlink()
    interrupted = during_a_pulse = 0
    for moment_us in range(begins_us + 1, ends_us, (ends_us - begins_us) // 50):
        site = Site(tmp_path, on_chips(1))

        def stop(site: Site = site) -> None:
            nonlocal during_a_pulse
            during_a_pulse += site.parts.supply.coils_on
            raise KeyboardInterrupt

        site.unknown.clock.call_in(moment_us - begins_us, stop)
        try:
            site.learn()
        except KeyboardInterrupt:
            interrupted += 1
        site.nothing_is_energised()
        site.out.with_suffix(".learned.json").unlink(missing_ok=True)
    assert interrupted > 40 and during_a_pulse > 5, (interrupted, during_a_pulse)


def test_a_controller_that_restarts_in_the_middle_is_set_up_again(tmp_path: Path) -> None:
    site = Site(tmp_path, on_chips(6))
    first = site.parts.doors[2].strike.on_spring
    site.parts.doors[2].strike.on_spring = lambda: (
        first(), site.unknown.clock.call_in(700_000, site.unknown.board.reset, HARD)
    )  # fmt: skip
    assert site.written(site.learn()) == site.truth
    site.nothing_is_energised()


def test_what_was_learned_of_another_cabinet_or_is_damaged_is_refused(tmp_path: Path) -> None:
    site = Site(tmp_path, on_boards(3))
    with pytest.raises(Stopped):
        site.learn(Fumbler(site, {2: STOP}))
    other = wiring_of(site.file)
    other["locks"]["arm_pin"] += 1
    with pytest.raises(NotOurs, match="other wiring"):
        Progress.beside(site.out, other)
    kept = site.out.with_suffix(".learned.json")
    kept.write_text(kept.read_text(), encoding="utf-8-sig")  # somebody looked at it with Notepad
    assert Progress.beside(site.out, wiring_of(site.file)).tried
    kept.write_text(kept.read_text()[:-40])
    with pytest.raises(NotOurs, match=r"damaged .*: remove it to begin again"):
        site.learning()


def test_an_empty_wire_is_told(tmp_path: Path) -> None:
    site = Site(tmp_path, on_boards(3))
    site.parts.boards["8a@1:1"].silent = True
    learning = site.learning()
    with pytest.raises(NoHardwareFound, match="check their power"):
        learning.find(site.technician, 2, with_pins=False)


# --- by the command -----------------------------------------------------------------------------------------
def test_the_command_learns_a_simulated_cabinet_by_itself(tmp_path: Path) -> None:
    truth, out = tmp_path / "truth.toml", tmp_path / "learned.toml"
    truth.write_text(on_chips(8))
    arguments = ["cabinet", "learn", str(out), "--sim", str(truth), "--headless"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0 and "8 doors after 16 openings" in done.output, done.output
    assert wired_doors(out) == wired_doors(truth)
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 2 and "exists" in again.output
    for wrong in (["--sim", str(truth), "--port", "x"], [], ["--sim", str(truth), "--board", "esp31"]):
        refused = CliRunner().invoke(app, ["cabinet", "learn", str(tmp_path / "new.toml"), *wrong])
        assert refused.exit_code == 2


def test_a_port_in_use_is_told_with_the_option_that_chooses_another(tmp_path: Path) -> None:
    truth = tmp_path / "truth.toml"
    truth.write_text(on_chips(8))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = ["cabinet", "learn", str(tmp_path / "new.toml"), "--sim", str(truth), "--web-port", port]
        done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1 and f"port {port} cannot be had" in done.output, done.output
    assert "choose another with --web-port" in done.output, done.output


CABINETS = sorted((hardware_dir() / "cabinets").glob("*.toml"))


@pytest.mark.parametrize("cabinet", CABINETS, ids=lambda file: file.stem)
def test_each_shipped_cabinet_is_learned_with_all_its_doors(cabinet: Path, tmp_path: Path) -> None:
    out = tmp_path / "learned.toml"
    arguments = ["cabinet", "learn", str(out), "--sim", str(cabinet), "--headless", "--no-prove", "--pins"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0 and "look:" not in done.output, done.output
    assert wired_doors(out) == wired_doors(cabinet)
    assert CliRunner().invoke(app, ["cabinet", "check", str(out)]).exit_code == 0


def test_sensors_at_the_boards_own_inputs_are_found_unasked(tmp_path: Path) -> None:
    cabinet, out = hardware_dir() / "cabinets" / "waveshare-8.toml", tmp_path / "learned.toml"
    done = CliRunner().invoke(app, ["cabinet", "learn", str(out), "--sim", str(cabinet), "--headless"])
    assert done.exit_code == 0 and wired_doors(out) == wired_doors(cabinet), done.output


@pytest.mark.parametrize("name", ["offline-4", "demo"])
def test_who_did_not_look_at_the_pins_hears_of_it_where_doors_are_missing(name: str, tmp_path: Path) -> None:
    cabinet, out = hardware_dir() / "cabinets" / f"{name}.toml", tmp_path / "learned.toml"
    arguments = ["cabinet", "learn", str(out), "--sim", str(cabinet), "--headless", "--no-prove"]
    done = CliRunner().invoke(app, arguments)
    assert "--pins looks for locks and sensors at the controller's own pins too" in done.output
    assert done.exit_code == (1 if name == "offline-4" else 0)


def test_where_no_door_was_learned_there_is_no_file_and_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "learned.toml"
    site = Site(tmp_path, on_chips(2))
    for door in site.parts.doors:
        door.strike.dead = True
    learning = site.learn()
    with pytest.raises(
        NoDoorLearned, match=r"no door was learned, so .*learned\.toml is not written: see that"
    ):
        learning.write(out)
    assert not out.exists() and not learning.progress.file.exists()


def test_the_wiring_of_the_controller_may_come_from_a_file_without_doors(tmp_path: Path) -> None:
    truth, wiring, out = tmp_path / "truth.toml", tmp_path / "wiring.toml", tmp_path / "learned.toml"
    truth.write_text(on_chips(2))
    wiring.write_text(truth.read_text().partition("[[expander]]")[0] + "[keypad]" + truth.read_text()
                      .partition("[keypad]")[2].partition("[[compartment]]")[0])  # fmt: skip
    arguments = ["cabinet", "learn", str(out), "--sim", str(truth), "--headless", "--wiring"]
    done = CliRunner().invoke(app, [*arguments, str(wiring)])
    assert done.exit_code == 0 and wired_doors(out) == wired_doors(truth), done.output
    out.unlink()
    wiring.write_text(wiring.read_text().replace("[display]", "[dispaly]"))
    done = CliRunner().invoke(app, [*arguments, str(wiring)])
    assert done.exit_code == 1 and "did you mean 'display'?" in done.output and not out.exists()


def wired_doors(file: Path) -> dict[str, object]:
    return wired(spelled_out(open_cabinet(file), compile_file(file)[0]))


def _board_on_a_port(port: int, doors: tuple[int, ...]) -> None:
    """A board of the family 8A at address 1: a lock that is opened changes its sensor; ends with the port."""
    states = bytearray(b"\xff\xff")
    while True:
        try:
            request = os.read(port, 32)
        except OSError:
            return
        if request == bytes.fromhex("80010033b2"):
            reply = b"\x80\x01" + bytes(states) + b"\x33"
        elif request[:2] == b"\x8a\x01" and len(request) == 5:
            if request[2] - 1 in doors:
                states[(request[2] - 1) // 8] &= ~(1 << (request[2] - 1) % 8)
            reply = request[:4]
        else:
            continue
        check = 0
        for value in reply:
            check ^= value
        os.write(port, reply + bytes([check]))


@pytest.mark.parametrize("doors", [(0, 9), ()], ids=["two doors", "no board"])
def test_the_command_learns_through_an_adapter(
    doors: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consigne.learn.boards.REST_MS", 1)  # no real lock has to spring
    monkeypatch.setattr("consigne.learn.wizard.REST_MS", 1)
    master, slave = os.openpty()
    tty.setraw(slave)
    if doors:
        threading.Thread(target=_board_on_a_port, args=(master, doors), daemon=True).start()
    file = tmp_path / "cabinet.toml"
    arguments = ["cabinet", "learn", str(file), "--port", os.ttyname(slave), "--addresses", "1", "--no-prove"]
    done = CliRunner().invoke(app, arguments, input="?\n12\n7\n\n")
    os.close(slave)
    if not doors:
        os.close(master)
        assert done.exit_code == 1 and "no lock board and no expander answers" in done.output
        assert list(tmp_path.iterdir()) == []
        return
    assert done.exit_code == 0, done.output
    found = [(d["name"], d["lock"], d["closed_level"]) for d in compile_file(file)[0]["doors"]]
    assert found == [("7", [1, 9], 1), ("12", [1, 0], 1)]


def test_a_port_that_is_not_there_is_told(tmp_path: Path) -> None:
    for option in ("--port", "--console"):
        arguments = ["cabinet", "learn", str(tmp_path / "c.toml"), option, str(tmp_path / "none")]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 1 and "none" in done.output and "Traceback" not in done.output
