"""The board from outside: pins as on an ESP32, peripherals that work by themselves, the supply."""

import errno

import pytest
from consigne.sim.board.board import POWER_ON, WATCHDOG, Board
from consigne.sim.board.gpio import IN, OPEN_DRAIN, OUT, PULL_UP
from consigne.sim.clock import VirtualClock


@pytest.fixture
def board() -> Board:
    made = Board(VirtualClock())
    made.power_on()
    return made


@pytest.mark.parametrize("number", [6, 7, 8, 9, 10, 11, 24, 28, 40, -1])
def test_pins_that_carry_the_flash_or_do_not_exist_refuse(board: Board, number: int) -> None:
    with pytest.raises(ValueError, match="invalid pin"):
        board.pad(number)


@pytest.mark.parametrize("mode", [OUT, OPEN_DRAIN])
def test_pins_34_to_39_cannot_be_driven(board: Board, mode: int) -> None:
    for number in range(34, 40):
        with pytest.raises(ValueError, match="pin can only be input"):
            board.pad(number).configure(mode, None, None)
        board.pad(number).configure(IN, None, None)


def test_a_pull_up_asked_for_on_pins_34_to_39_is_not_there_and_nobody_is_told(board: Board) -> None:
    for number in (34, 39, 33):
        board.pad(number).configure(IN, PULL_UP, None)
    assert [board.pin(number).level for number in (34, 39, 33)] == [0, 0, 1]


def test_an_output_is_latched_before_it_drives_so_a_relay_does_not_click(board: Board) -> None:
    edges: list[int] = []
    board.pin(13).pull("resistor", 0)
    board.pin(13).on_change(edges.append)
    board.pad(13).configure(OUT, 0, 0)
    assert edges == []


def test_the_rmt_plays_to_its_end_by_itself_and_a_reset_cuts_it_short(board: Board) -> None:
    edges: list[tuple[int, int]] = []
    board.pin(25).on_change(lambda level: edges.append((board.clock.now_us(), level)))
    board.rmt(0, 25, 1_000_000, 0)
    assert isinstance(board.clock, VirtualClock)
    board.rmt_channel(0).play([(30_000, 1), (10_000, 1), (5_000, 0), (1_000, 1)])
    assert board.rmt_channel(0).busy
    board.clock.run_for(1)
    assert edges == [(0, 1), (40_000, 0), (45_000, 1), (46_000, 0)]
    assert not board.rmt_channel(0).busy
    board.rmt_channel(0).play([(30_000, 1)])
    board.clock.run_for(0.01)
    board.reset(WATCHDOG)
    assert edges[4:] == [(1_000_000, 1), (1_010_000, 0)]


def test_a_gpio_write_does_not_disturb_a_pin_that_the_rmt_owns(board: Board) -> None:
    board.pad(25).configure(OUT, None, 0)
    board.rmt(0, 25, 1_000_000, 0)
    board.rmt_channel(0).play([(30_000, 1)])
    board.pad(25).write(0)
    assert board.pin(25).level == 1
    board.pad(25).configure(OUT, None, 0)
    assert board.pin(25).level == 0


def test_the_watchdog_resets_the_chip_only_when_it_is_not_fed(board: Board) -> None:
    causes: list[int] = []
    board.on_reset = causes.append
    clock = board.clock
    assert isinstance(clock, VirtualClock) and board.cause == POWER_ON
    board.start_watchdog(1000)
    for _ in range(5):
        clock.run_for(0.9)
        board.feed_watchdog()
    assert causes == []
    clock.run_for(1.1)
    assert causes == [WATCHDOG] and board.cause == WATCHDOG
    clock.run_for(10)
    assert causes == [WATCHDOG]


def test_a_power_cut_lets_go_of_every_pin_and_forgets_the_watchdog(board: Board) -> None:
    board.pad(13).configure(OUT, None, 1)
    board.pin(13).pull("resistor", 0)
    board.start_watchdog(1000)
    board.power_off()
    assert board.pin(13).level == 0
    board.on_reset = lambda cause: pytest.fail("reset without power")
    assert isinstance(board.clock, VirtualClock)
    board.clock.run_for(5)


def test_pins_that_the_rom_drives_at_boot_move_before_any_firmware_runs_and_the_others_do_not() -> None:
    board = Board(VirtualClock())
    moved: list[int] = []
    for number in (0, 13, 14, 18, 19, 23, 25, 26, 32, 33):
        board.pin(number).pull("resistor", 0)
        board.pin(number).on_change(lambda level, number=number: moved.append(number))
    board.power_on()
    assert isinstance(board.clock, VirtualClock)
    board.clock.run_for(1)
    assert sorted(set(moved)) == [0, 14, 26] and not board.pin(26).level


class Eeprom:
    """Acknowledges everything but a write of more than four bytes."""

    def __init__(self) -> None:
        self.last = b""

    def write(self, data: bytes) -> bool:
        self.last = data
        return len(data) <= 4

    def read(self, count: int) -> bytes:
        return self.last[:1] * count


def test_an_i2c_device_is_found_only_at_its_address_and_on_its_wires(board: Board) -> None:
    board.i2c(0).wire(scl=22, sda=21)
    board.i2c(0).attach(0x50, Eeprom())
    assert board.bus_at(22, 21).scan() == [0x50] and board.bus_at(21, 22).scan() == []
    board.bus_at(22, 21).write(0x50, b"ab")
    assert board.bus_at(22, 21).read(0x50, 2) == b"aa"
    for address, data, number in ((0x51, b"", errno.ENODEV), (0x50, b"12345", errno.ENODEV)):
        with pytest.raises(OSError, match="acknowledge") as caught:
            board.bus_at(22, 21).write(address, data)
        assert caught.value.errno == number
    board.i2c(0).stuck = True
    with pytest.raises(OSError, match="stuck"):
        board.bus_at(22, 21).read(0x50, 1)


def test_serial_bytes_arrive_at_their_baud_rate_and_an_overrun_loses_the_newest(board: Board) -> None:
    uart, clock = board.uart(2), board.clock
    assert isinstance(clock, VirtualClock)
    uart.wire(tx=17, rx=16)
    uart.open(9600, 17, 16, 8, 10)
    uart.send(b"0123456789", 9600)
    clock.run_until(5 * 1042)
    assert bytes(uart.rx) == b"01234"
    clock.run_for(1)
    assert bytes(uart.rx) == b"01234567" and uart.overruns == 2


def test_a_wrong_baud_rate_garbles_and_wrong_pins_hear_nothing(board: Board) -> None:
    uart, clock = board.uart(2), board.clock
    assert isinstance(clock, VirtualClock)
    uart.wire(tx=17, rx=16)
    uart.open(19200, 17, 16, 256, 10)
    uart.send(b"hello", 9600)
    clock.run_for(1)
    assert len(uart.rx) == 5 and bytes(uart.rx) != b"hello"
    uart.open(9600, 16, 17, 256, 10)
    uart.send(b"hello", 9600)
    clock.run_for(1)
    assert not uart.rx


def test_what_the_chip_says_is_heard_when_its_last_bit_is_out(board: Board) -> None:
    uart, heard = board.uart(2), []
    uart.on_bytes(lambda data: heard.append((board.clock.now_us(), data)))
    uart.open(9600, 17, 16, 256, 10)
    uart.transmit(b"ab")
    assert isinstance(board.clock, VirtualClock)
    board.clock.run_for(1)
    assert heard == [(2082, b"ab")]


def test_wifi_joins_after_a_while_and_says_why_it_cannot(board: Board) -> None:
    radio, clock = board.radio, board.clock
    assert isinstance(clock, VirtualClock)
    radio.ssid, radio.password = "consigne", "right"
    with pytest.raises(OSError, match="Wifi Not Started"):
        radio.connect("consigne", "right")
    radio.activate(True)
    for ssid, password, status in (
        ("consigne", "wrong", 202),
        ("other", "x", 201),
        ("consigne", "right", 1010),
    ):
        radio.connect(ssid, password)
        assert not radio.connected
        clock.run_for(1)
        assert radio.status == status
    radio.set_air(False)
    assert not radio.connected
    radio.connect("consigne", "right")
    clock.run_for(1)
    assert radio.status == 201
    radio.set_air(True)
    clock.run_for(1)
    assert radio.connected
