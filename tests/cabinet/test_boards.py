"""Controller boards as they are ordered: PSRAM, the pins that MicroPython has for it, what they serve."""

from pathlib import Path

import pytest
from consigne.cabinet.chips import CHIPS, OCTAL, QUAD
from consigne.cabinet.compiler import compile_file, open_cabinet
from consigne.cabinet.draw.harness import sheets
from consigne.cabinet.draw.power import bill
from consigne.cabinet.newfile import new_file
from consigne.cabinet.profiles import Profile, hardware_dir, profiles
from consigne.device import fitness
from consigne.device.rombootloader import Chip
from file_kit import GOOD, changed, problems

CABINETS = sorted((hardware_dir() / "cabinets").glob("*.toml"))
PROFILES = profiles()

# From ``ports/esp32/machine_pin.h`` and the boards' ``sdkconfig`` of MicroPython 1.25 to 1.28, written down
# apart from the table of the rules: the pins that ``machine.Pin`` knows in each image.
IMAGE_PINS = {
    "ESP32_GENERIC": {*range(24), 25, 26, 27, *range(32, 40)},
    "ESP32_GENERIC-SPIRAM": {*range(16), *range(18, 24), 25, 26, 27, *range(32, 40)},
    "ESP32_GENERIC_S3": {*range(22), *range(33, 49)},
    "ESP32_GENERIC_S3-SPIRAM_OCT": {*range(22), *range(38, 49)},
    "ESP32_GENERIC_C3": {*range(14), 20, 21},
}
# An image for a board without PSRAM is made from the same table, with ROMFS.
BUILT = {"esp32": "ESP32_GENERIC", "esp32s3": "ESP32_GENERIC_S3", "esp32c3": "ESP32_GENERIC_C3"}


def image_pins(board: Profile) -> set[int]:
    return IMAGE_PINS[board.image or BUILT[board.chip.name]]


@pytest.mark.parametrize("file", CABINETS, ids=lambda file: file.stem)
def test_every_pin_of_every_shipped_cabinet_is_in_the_image_for_its_board(file: Path) -> None:
    cabinet = open_cabinet(file)
    known = image_pins(cabinet.board)
    assert {use.pin for use in cabinet.uses} <= known
    if cabinet.data.get("network", {}).get("kind") == "ethernet":
        assert cabinet.board.own_pins.keys() <= known


@pytest.mark.parametrize("file", CABINETS, ids=lambda file: file.stem)
def test_every_shipped_cabinet_breaks_no_rule_and_warns_of_nothing(file: Path) -> None:
    _, warnings = compile_file(file)
    assert [str(warning) for warning in warnings] == []


def test_every_shipped_cabinet_with_a_network_is_ordered_with_psram() -> None:
    boards = {file.stem: open_cabinet(file) for file in CABINETS}
    assert {name for name, cabinet in boards.items() if not cabinet.psram} == {"offline-4"}
    assert "network" not in boards["offline-4"].data
    modules = {cabinet.board.module for cabinet in boards.values()}
    assert {"ESP32-WROVER-E", "ESP32-S3-WROOM-1-N8R8", "ESP32-S3-WROOM-1-N16R8"} <= modules


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_carries_a_cabinet(name: str, tmp_path: Path) -> None:
    """One that is shipped, or the smallest that `consigne cabinet new` writes for it."""
    if name in {open_cabinet(file).board.name for file in CABINETS}:
        return
    file = tmp_path / "cabinet.toml"
    file.write_text(new_file(PROFILES[name], 1, None, 24))
    cabinet = open_cabinet(file)
    _, warnings = compile_file(file)
    assert {warning.rule for warning in warnings} <= {"board_memory"}
    assert {use.pin for use in cabinet.uses} <= image_pins(cabinet.board)


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_says_nothing_that_its_chip_cannot_be(name: str) -> None:
    board = PROFILES[name]
    chip = board.chip
    assert bool(board.psram) == bool(board.psram_mb) and board.psram in ("", *chip.psram)
    assert ("R8" in board.module or "WROVER" in board.module) == bool(board.psram)
    headers = board.pins - chip.image_pins(board.psram) - chip.psram.get(board.psram, frozenset())
    assert headers <= board.taken.keys() | chip.flash, (
        "a pin on the headers that no image has, and nobody says why"
    )
    assert board.own_pins.keys() <= chip.image_pins(board.psram)
    assert all(pin < 49 for pin in board.taken) and board.source and board.flash_mb >= 4


@pytest.mark.parametrize("name", sorted({board.image for board in PROFILES.values()} - {""}))
def test_the_table_of_chips_leaves_out_what_the_image_leaves_out(name: str) -> None:
    board = next(board for board in PROFILES.values() if board.image == name)
    assert board.chip.image_pins(board.psram) == IMAGE_PINS[name]


def test_a_pin_of_the_psram_is_refused_on_each_kind_of_psram_without_a_key_that_one_forgets(
    tmp_path: Path,
) -> None:
    assert "psram" not in GOOD
    for pin in (16, 17):
        (found,) = [
            p for p in problems(tmp_path, changed("lock = 19", f"lock = {pin}")) if p.rule == "pin_psram"
        ]
        assert str(pin) not in found.advice
        wroom = changed("lock = 19", f"lock = {pin}").replace("esp32-devkitc-ve", "esp32-devkitc")
        assert "pin_psram" not in {problem.rule for problem in problems(tmp_path, wroom)}
    s3 = (hardware_dir() / "cabinets" / "demo.toml").read_text()
    for pin in (35, 36, 37):
        text = s3.replace("pin = 13\n", f"pin = {pin}\n")
        assert [p.rule for p in problems(tmp_path, text)] == ["pin_psram"]
        without = text.replace("esp32-s3-devkitc-n8r8", "esp32-s3-devkitc")
        assert "pin_psram" not in {problem.rule for problem in problems(tmp_path, without)}
    assert set(CHIPS["esp32"].psram) == {QUAD} and set(CHIPS["esp32s3"].psram) == {QUAD, OCTAL}


def test_psram_on_a_board_that_has_none_is_told_with_the_boards_that_have(tmp_path: Path) -> None:
    text = changed("format = 1", "format = 1\npsram = true").replace("esp32-devkitc-ve", "esp32-devkitc")
    (found,) = [problem for problem in problems(tmp_path, text) if problem.rule == "psram_said"]
    assert "ESP32-WROOM-32E, which has no PSRAM" in found.text and "esp32-devkitc-ve" in found.advice
    text = changed("format = 1", "format = 1\npsram = true")
    assert "psram_said" not in {problem.rule for problem in problems(tmp_path, text)}
    (found,) = problems(tmp_path, changed("format = 1", "format = 1\npsram = false"))
    assert "has PSRAM (ESP32-WROVER-E)" in found.text and "remove this line" in found.advice
    text = text.replace("esp32-devkitc-ve", "esp32-c3-devkitm")
    assert "there is no esp32c3 with PSRAM" in {p.text for p in problems(tmp_path, text)}


def test_a_boards_own_ethernet_clock_is_judged_like_the_files_pins(tmp_path: Path) -> None:
    """A WROVER soldered on a board that is wired for a WROOM: pin 17 gives the clock there."""
    text = (hardware_dir() / "cabinets" / "boards-96.toml").read_text()
    assert problems(tmp_path, text) == []
    old = text.replace("olimex-esp32-poe-iso-wrover", "olimex-esp32-poe").replace("rx = 39", "rx = 0")
    assert "board_pins" not in {problem.rule for problem in problems(tmp_path, old)}
    swapped = old.replace("format = 1", "format = 1\npsram = true")
    (found,) = [problem for problem in problems(tmp_path, swapped) if problem.rule == "board_pins"]
    assert "the clock of the Ethernet chip of Olimex ESP32-POE is pin 17" in found.text
    on_air = swapped.replace('kind = "ethernet"', 'kind = "wifi"\nssid = "a"')
    assert "board_pins" not in {problem.rule for problem in problems(tmp_path, on_air)}


def test_a_pin_that_the_board_has_wired_serves_that_part_and_is_advised_for_it(tmp_path: Path) -> None:
    text = (hardware_dir() / "cabinets" / "boards-96.toml").read_text()
    moved = text.replace("d1 = 14", "d1 = 39").replace("rx = 39", "rx = 14")
    (found,) = [problem for problem in problems(tmp_path, moved) if problem.rule == "pin_wired"]
    assert "wired for scanner.rx or rs485.rx" in found.text
    twice = text.replace("rx = 39", "rx = 36")
    (found,) = [problem for problem in problems(tmp_path, twice) if problem.rule == "pin_once"]
    assert "39" in found.advice


def test_a_board_without_psram_is_told_what_it_has_no_room_for(tmp_path: Path) -> None:
    online = changed('board = "esp32-devkitc-ve"', 'board = "esp32-devkitc"')
    (found,) = problems(tmp_path, online)
    assert found.rule == "board_memory" and found.is_warning and found.place.line == 2
    assert "no room for doors and a network" in found.text and "esp32-s3-devkitc-n8r8" in found.advice
    assert problems(tmp_path, _offline(online)) == []
    text = new_file(PROFILES["esp32-devkitc"], 49, "8a", 24)
    (found,) = problems(tmp_path, _offline(text))
    assert found.rule == "board_memory" and "49 doors were never seen to fit, 48 were" in found.text
    assert problems(tmp_path, new_file(PROFILES["esp32-devkitc-ve"], 49, "8a", 24)) == []


def _offline(text: str) -> str:
    """A file without its network."""
    before, _, after = text.partition("[network]\n")
    return before + after[after.index("\n[") :]


def test_the_image_of_a_board_without_psram_is_one_of_the_definitions_to_build_it_from() -> None:
    definitions = hardware_dir().parent / "firmware" / "boards"
    for board in PROFILES.values():
        assert board.image or (definitions / board.chip.built_image / "mpconfigboard.cmake").is_file()


def test_a_boards_own_relays_need_an_arming_line_that_the_board_has_not(tmp_path: Path) -> None:
    """A relay stays closed for as long as nobody opens it: only an arming switch ends the pulse by itself."""
    text = (hardware_dir() / "cabinets" / "waveshare-8.toml").read_text()
    (found,) = problems(tmp_path, text.replace("arm_pin = 1\n", ""))
    assert found.rule == "coil_armed" and not found.is_warning
    assert {problem.rule for problem in problems(tmp_path, text.replace("arm_pin = 1", "arm_pin = 46"))} >= {
        "pin_wired",
        "coil_strapping",
    }


def test_what_a_board_has_aboard_is_neither_bought_nor_wired() -> None:
    cabinet = open_cabinet(hardware_dir() / "cabinets" / "waveshare-8.toml")
    parts = {item.part for item in bill(cabinet)}
    assert not parts & {"tca9554", "driver", "buzzer", "w5500"} and {"arming", "diode", "reed"} <= parts
    drawn = sheets(cabinet)
    assert not {"Buzzer", "Expander RO", "Ethernet"} & drawn["controller"]["connectors"].keys()
    relays = drawn["doors"]["connectors"]["Relays RO"]
    assert "NO 1" in relays["pinlabels"] and "COM of each to GND" in str(relays)
    assert "DI1" in drawn["doors"]["connectors"]["Controller"]["pinlabels"]


def test_what_a_board_has_on_its_own_bus_keeps_its_address(tmp_path: Path) -> None:
    text = (hardware_dir() / "cabinets" / "waveshare-8.toml").read_text()
    second = '[[expander]]\nname = "X"\nkind = "mcp23017"\naddress = 0x20\n\n[keypad]\n'
    alone = text.replace(
        'kind = "tca9554" # on the board\naddress = 0x20', 'kind = "mcp23017"\naddress = 0x20'
    )
    (found,) = [p for p in problems(tmp_path, alone) if p.rule == "i2c_address"]
    assert "0x20 is taken by the tca9554 of Waveshare" in found.text and "0x21" in found.advice
    assert "0x20" not in found.advice
    moved = text.replace("[keypad]\n", second.replace("0x20", "0x21"))
    assert "i2c_address" not in {problem.rule for problem in problems(tmp_path, moved)}
    bus = "[[i2c]]\nid = 1\nscl = 47\nsda = 48\n\n"
    elsewhere = text.replace("[keypad]\n", bus + second.replace('"mcp23017"', '"mcp23017"\ni2c = 1'))
    assert "i2c_address" not in {problem.rule for problem in problems(tmp_path, elsewhere)}, "another bus"
    begun = new_file(PROFILES["waveshare-esp32-s3-eth-8di-8ro"], 8, None, 24)
    assert "address = 0x21" in begun and "scl = 41" in begun and "pin = 46" in begun
    assert problems(tmp_path, begun) == []


@pytest.mark.parametrize("name", PROFILES)
def test_the_profile_and_device_flash_name_the_same_image(name: str) -> None:
    board = PROFILES[name]
    found = Chip(board.chip.name, "", board.flash_mb << 20, board.psram_mb << 20)
    told = fitness.image_for(found)
    image, _, variant = (board.image or board.chip.built_image).partition("-")
    assert image in told and (f"variant {variant}," in told if variant else "variant S" not in told)
