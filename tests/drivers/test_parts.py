"""The simulated parts themselves: what the other tests measure with must measure right."""

import pytest
from consigne.sim.board.board import Board
from consigne.sim.board.nets import Net
from consigne.sim.clock import VirtualClock
from consigne.sim.parts.cabinet import Cabinet
from consigne.sim.parts.doors import Door, Reed, Strike, Supply
from consigne.sim.parts.gm65 import Gm65, SetupCode, crc
from consigne.sim.parts.hd44780 import CharacterDisplay
from consigne.sim.parts.keypad import MatrixKeypad
from consigne.sim.parts.mcp23017 import Mcp23017
from consigne.sim.parts.tca9554 import DIRECTION, INPUT, OUTPUT, POLARITY, Tca9554
from driver_rig import CONFIG

IODIRA, IODIRB, IPOLA, GPINTENA, GPINTENB, DEFVALA, INTCONA, IOCON, GPPUA = 0, 1, 2, 4, 5, 6, 8, 10, 12
INTFA, INTFB, INTCAPA, INTCAPB, GPIOA, GPIOB, OLATA = 14, 15, 16, 17, 18, 19, 20


@pytest.fixture
def board():
    made = Board(VirtualClock())
    made.power_on()
    return made


def run(board, ms):
    board.clock.run_for(ms / 1000)


class DoorsRig:
    """Two doors on bare wires, to be driven by hand."""

    def __init__(self, board):
        self.arm = Net("arm")
        self.supply = Supply(board, self.arm)
        self.lines = [Net("relay 0"), Net("relay 1")]
        self.doors = []
        for number, line in enumerate(self.lines):
            strike = Strike(board, str(number), line, self.supply, seed=number)
            reed = Reed(board, Net(f"reed {number}"), 0, number, pull_up=True)
            self.doors.append(Door(board, str(number), strike, reed))

    def pulse(self, board, number, ms):
        self.lines[number].drive("hand", 1)
        self.arm.drive("hand", 1)
        run(board, ms)
        self.arm.drive("hand", 0)
        self.lines[number].drive("hand", 0)


def test_a_coil_needs_both_lines_and_springs_after_60_to_120_ms(board):
    rig = DoorsRig(board)
    rig.lines[0].drive("hand", 1)
    run(board, 1000)
    rig.lines[0].drive("hand", 0)
    rig.arm.drive("hand", 1)
    run(board, 1000)
    rig.arm.drive("hand", 0)
    assert not rig.doors[0].is_open
    rig.pulse(board, 0, 59)
    assert not rig.doors[0].is_open
    rig.pulse(board, 0, 121)
    assert rig.doors[0].is_open
    assert not rig.doors[1].is_open


def test_the_book_counts_coils_that_are_on_together_and_for_how_long(board):
    rig = DoorsRig(board)
    for line in rig.lines:
        line.drive("hand", 1)
    rig.arm.drive("hand", 1)
    run(board, 700)
    assert rig.supply.coils_on_max == 2
    assert rig.supply.coil_on_max_us == 700_000, "a pulse that still runs counts too"
    rig.lines[1].drive("hand", 0)
    assert rig.supply.hot_switches == 1


def test_the_book_counts_clicks_that_no_pulse_asked_for(board):
    rig = DoorsRig(board)
    rig.pulse(board, 0, 200)
    assert rig.supply.edges_before_armed == 0
    rig.lines[1].drive("hand", 1)
    rig.lines[1].drive("hand", 0)
    assert rig.supply.edges_before_armed == 1


def test_a_jammed_latch_springs_at_the_pulse_after_its_jams(board):
    rig = DoorsRig(board)
    rig.doors[0].strike.jams = 2
    outcomes = []
    for _ in range(3):
        rig.pulse(board, 0, 300)
        outcomes.append(rig.doors[0].is_open)
    assert outcomes == [False, False, True]


def test_a_door_held_shut_springs_and_stays_shut(board):
    rig = DoorsRig(board)
    rig.doors[0].held_shut = True
    rig.pulse(board, 0, 300)
    assert rig.doors[0].springs == 1
    assert not rig.doors[0].is_open
    assert rig.doors[0].reed.line.level == 0


def test_a_power_cut_in_a_pulse_ends_the_current(board):
    rig = DoorsRig(board)
    rig.lines[0].drive("hand", 1)
    rig.arm.drive("hand", 1)
    run(board, 10)
    board.power_off()
    assert rig.supply.coils_on == 0
    run(board, 500)
    assert not rig.doors[0].is_open


@pytest.mark.parametrize("closed_level", [0, 1])
def test_a_reed_rattles_and_ends_as_the_door_is(board, closed_level):
    for seed in range(30):
        line = Net("reed")
        reed = Reed(board, line, closed_level, seed, pull_up=True)
        for is_open in (True, False, True):
            levels = []
            watch = levels.append
            line.on_change(watch)
            reed.follow(is_open)
            run(board, 10)
            assert 5 <= len(levels) <= 9
            assert line.level == closed_level ^ is_open
            line.unwatch(watch)


def test_a_stuck_reed_does_not_follow_its_door_until_it_comes_loose(board):
    line = Net("reed")
    reed = Reed(board, line, 0, 1, pull_up=True)
    reed.stuck = "closed"
    reed.follow(True)
    run(board, 10)
    assert line.level == 0
    reed.stuck = None
    assert line.level == 1


# --- the expander -------------------------------------------------------------------------------------


@pytest.fixture
def chip(board):
    return Mcp23017(board, 0, 0x20)


def read(chip, register, count=1):
    chip.write(bytes((register,)))
    return chip.read(count)


def test_the_expander_powers_up_as_inputs(chip):
    assert read(chip, 0, 22) == b"\xff\xff" + bytes(20)


def test_an_output_shows_its_latch_only_once_its_direction_says_so(chip):
    chip.write(bytes((OLATA, 0x81, 0x01)))
    chip.nets[1].pull("hand", 1)
    assert [chip.nets[n].level for n in (0, 7, 8)] == [0, 0, 0]
    chip.write(bytes((IODIRA, 0x7E, 0xFE)))
    assert [chip.nets[n].level for n in (0, 7, 8, 1)] == [1, 1, 1, 1]
    assert read(chip, GPIOA, 2) == b"\x83\x01"
    chip.write(bytes((GPIOA, 0x00)))  # writing GPIO writes the latch
    assert read(chip, OLATA) == b"\x00"


def test_pull_ups_and_polarity(chip):
    chip.write(bytes((GPPUA, 0x0F, 0x00)))
    assert read(chip, GPIOA) == b"\x0f"
    chip.write(bytes((IPOLA, 0x01)))
    assert read(chip, GPIOA) == b"\x0e"
    chip.nets[0].drive("switch", 0)
    assert read(chip, GPIOA) == b"\x0f"


def test_an_interrupt_is_captured_once_and_cleared_by_reading(chip):
    chip.write(bytes((GPPUA, 0xFF, 0xFF)))
    chip.write(bytes((IOCON, 0x44)))
    chip.write(bytes((GPINTENA, 0x00, 0x03)))
    assert chip.inta.level == chip.intb.level
    chip.inta.pull("board", 1)
    chip.nets[8].drive("switch", 0)
    chip.nets[9].drive("switch", 0)  # too late for the capture
    assert chip.inta.level == 0
    assert read(chip, INTFB) == b"\x01"
    assert chip.inta.level == 0
    assert read(chip, INTCAPB) == b"\xfe"
    assert chip.inta.level == 1
    assert read(chip, GPIOB) == b"\xfc"
    chip.nets[8].drive("switch", None)
    assert chip.inta.level == 0
    read(chip, GPIOB)
    assert chip.inta.level == 1


def test_without_mirroring_port_b_does_not_reach_inta(chip):
    chip.write(bytes((GPPUA, 0xFF, 0xFF)))
    chip.write(bytes((IOCON, 0x04)))
    chip.write(bytes((GPINTENA, 0x00, 0x01)))
    chip.inta.pull("board", 1)
    chip.intb.pull("board", 1)
    chip.nets[8].drive("switch", 0)
    assert (chip.inta.level, chip.intb.level) == (1, 0)


def test_an_interrupt_against_defval_stays_while_the_level_does(chip):
    chip.write(bytes((IOCON, 0x04)))
    chip.write(bytes((GPPUA, 0xFF)))
    chip.write(bytes((DEFVALA, 0x01)))
    chip.write(bytes((INTCONA, 0x01)))
    chip.inta.pull("board", 1)
    chip.write(bytes((GPINTENA, 0x01)))
    assert chip.inta.level == 1
    chip.nets[0].drive("switch", 0)
    read(chip, GPIOA)
    assert chip.inta.level == 0
    chip.nets[0].drive("switch", None)
    read(chip, GPIOA)
    assert chip.inta.level == 1


def test_banked_and_byte_mode_addresses(chip):
    chip.write(bytes((IOCON, 0x80)))
    chip.write(bytes((0x10, 0x5A)))  # IODIRB
    chip.write(bytes((0x05, 0x00)))  # IOCON again: back to BANK 0
    assert read(chip, IODIRB) == b"\x5a"
    chip.write(bytes((IOCON, 0x20)))
    assert read(chip, IODIRA, 4) == b"\xff\x5a\xff\x5a"


def test_a_silent_expander_acknowledges_nothing(chip):
    chip.silent = True
    with pytest.raises(OSError):
        chip.board.i2c(0).write(0x20, bytes((OLATA, 1)))
    assert chip.writes == 0


# --- keypad, scanner, display ----------------------------------------------------------------------------


def test_three_keys_of_a_rectangle_close_the_fourth(board):
    rows = [Net("row 0"), Net("row 1")]
    cols = [Net("col 0"), Net("col 1")]
    keypad = MatrixKeypad(board, rows, cols, "abcd")
    for col in cols:
        col.pull("chip", 1)
    rows[1].drive("chip", 0)
    for key in "ab":
        keypad.down(key)
    run(board, 10)
    assert [col.level for col in cols] == [1, 1]
    keypad.down("c")
    run(board, 10)
    assert [col.level for col in cols] == [0, 0], "d was never pressed"
    keypad.up("b")
    run(board, 10)
    assert [col.level for col in cols] == [0, 1]


def opened(board, baud=9600):
    scanner = Gm65(board, 2, baud=9600)
    board.uart(2).open(baud, 17, 16, 1024, 10)
    return scanner


def received(board, ms):
    run(board, ms)
    return board.uart(2).take(1000)


def test_a_scanner_acknowledges_a_write_as_the_maker_says(board):
    scanner = opened(board)
    board.uart(2).transmit(bytes.fromhex("7e 00 08 01 00 02 01 ab cd"))
    assert received(board, 100) == bytes.fromhex("02 00 00 01 00 33 31")
    assert scanner.zones[0x0002] == 1


def test_a_command_with_a_wrong_checksum_is_refused(board):
    scanner = opened(board)
    board.uart(2).transmit(bytes.fromhex("7e 00 08 01 00 03 02 12 34"))
    assert received(board, 100) == b""
    assert (scanner.refused, scanner.zones[0x0003]) == (1, 0)


def test_settings_are_lost_at_power_off_unless_saved(board):
    scanner = opened(board)
    write = bytes.fromhex("08 01 00 03 02")
    board.uart(2).transmit(b"\x7e\x00" + write + crc(write))
    run(board, 100)
    assert scanner.zones[0x0003] == 2
    scanner.power_on()
    assert scanner.zones[0x0003] == 0
    board.uart(2).transmit(b"\x7e\x00" + write + crc(write) + bytes.fromhex("7e 00 09 01 00 00 00 de c8"))
    run(board, 100)
    scanner.power_on()
    assert scanner.zones[0x0003] == 2


def test_a_scanner_fresh_from_the_maker_obeys_setup_barcodes(board):
    scanner = opened(board)
    assert scanner.show(SetupCode(0x0000, 0xD4))
    assert not scanner.show("12345"), "it is in manual mode now"


def test_a_scanner_at_another_baud_rate_neither_hears_nor_is_understood(board):
    scanner = opened(board, baud=115_200)
    board.uart(2).transmit(bytes.fromhex("7e 00 08 01 00 02 01 ab cd"))
    assert received(board, 100) == b""
    scanner.raw(b"12345\r")
    assert received(board, 100) != b"12345\r"


def nibble(display, value, rs=0, wait_ms=1.0):
    for level in (0x00, 0x04, 0x00):
        display.write(bytes((value << 4 | 0x08 | rs | level,)))
    run(display.board, wait_ms)


def byte(display, value, rs=0, wait_ms=2.0):
    nibble(display, value >> 4, rs, 0.0)
    nibble(display, value & 15, rs, wait_ms)


@pytest.fixture
def display(board):
    made = CharacterDisplay(board, 0, 0x27)
    run(board, 50)
    return made


def started(display):
    for value in (3, 3, 3, 2):
        nibble(display, value, wait_ms=5)
    for value in (0x28, 0x0C, 0x06, 0x01):
        byte(display, value)
    return display


def test_the_display_is_blank_until_it_is_started(display):
    byte(display, ord("A"), rs=1)
    assert display.lines() == [" " * 20] * 4


def test_the_rows_of_a_20x4_lie_at_00_40_14_54(display):
    started(display)
    for address, char in ((0x00, "a"), (0x40, "b"), (0x14, "c"), (0x54, "d"), (0x13, "z")):
        byte(display, 0x80 | address)
        byte(display, ord(char), rs=1)
    assert [line[0] for line in display.lines()] == ["a", "b", "c", "d"]
    assert display.lines()[0][19] == "z"
    byte(display, ord("!"), rs=1)  # the address counter goes on from 13 to 14: the third row
    assert display.lines()[2][0] == "!"
    assert display.violations == 0


def test_a_drawn_letter_is_what_its_dots_look_like(display):
    started(display)
    byte(display, 0x40 | 3 << 3)
    for row in (0x02, 0x04, 0x0E, 0x11, 0x1F, 0x10, 0x0E, 0x00):
        byte(display, row, rs=1)
    byte(display, 0x80)
    byte(display, 3, rs=1)
    byte(display, 4, rs=1)
    byte(display, 0xF5, rs=1)
    assert display.lines()[0].startswith("é ü")
    assert display.dots(0, 0) == bytes((0x02, 0x04, 0x0E, 0x11, 0x1F, 0x10, 0x0E, 0x00))


def test_a_lost_nibble_garbles_what_follows(display):
    started(display)
    byte(display, 0x80)
    nibble(display, 4, rs=1)
    for char in "Hello":
        byte(display, ord(char), rs=1)
    assert not display.lines()[0].startswith("Hello")


def test_an_instruction_during_a_clear_is_counted(display):
    started(display)
    assert display.violations == 0
    byte(display, 0x01, wait_ms=0.1)
    byte(display, 0x80)
    assert display.violations > 0


def test_a_cabinet_is_built_from_a_configuration(board):
    cabinet = Cabinet(board, CONFIG)
    assert len(cabinet.doors) == 12
    assert cabinet.doors[11].strike.line is cabinet.expanders["mcp23017@0:32"].nets[7]
    assert cabinet.doors[0].reed.line is board.pin(34)
    bare = Cabinet(Board(VirtualClock()), {"arm_pin": 25, "doors": CONFIG["doors"][:1]})
    assert bare.keypad is bare.scanner is bare.display is bare.buzzer is bare.lamp is None
    with pytest.raises(KeyError):
        Cabinet(Board(VirtualClock()), {"arm_pin": 25, "doors": CONFIG["doors"]})
    with pytest.raises(ValueError, match="no model"):
        Cabinet(Board(VirtualClock()), {**CONFIG, "scanner": {**CONFIG["scanner"], "kind": "parrot"}})


def test_a_tca9554_wakes_with_inputs_over_a_latch_of_ones_and_its_pointer_stays(board):
    board.i2c(0).wire(scl=22, sda=21)
    chip = Tca9554(board, 0, 0x20)
    chip.interrupt.pull("resistor", 1)
    assert [net.level for net in chip.nets] == [1] * 8  # its own pull-ups
    assert [read(chip, register, 3) for register in (OUTPUT, POLARITY, DIRECTION)] == [
        b"\xff\xff\xff", b"\0\0\0", b"\xff\xff\xff",
    ]  # fmt: skip
    chip.write(bytes((DIRECTION, 0x0F)))
    assert [net.level for net in chip.nets][4:] == [1] * 4, "made outputs over a latch of ones"
    chip.write(bytes((OUTPUT, 0x00, 0x50)))  # the second goes to the same register
    assert [net.level for net in chip.nets][4:] == [1, 0, 1, 0]
    assert read(chip, INPUT) == b"\x5f"
    chip.nets[1].drive("hand", 0)
    assert chip.interrupt.level == 0 and read(chip, INPUT, 2) == b"\x5d\x5d"
    assert chip.interrupt.level == 1
    chip.write(bytes((POLARITY, 0x02)))
    assert read(chip, INPUT) == b"\x5f"
    chip.write(bytes((OUTPUT, 0xA0)))
    assert [net.level for net in chip.nets][4:] == [0, 1, 0, 1] and chip.interrupt.level == 1, (
        "outputs tell nobody"
    )
    chip.brown_out()
    assert read(chip, DIRECTION) == b"\xff" and read(chip, OUTPUT) == b"\xff"
