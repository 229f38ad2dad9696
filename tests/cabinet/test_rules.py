"""Each rule of wiring is broken once, and says so at the line where it was broken."""

from pathlib import Path

import pytest
from consigne.cabinet.compiler import compile_cabinet, device_config
from consigne.cabinet.newfile import new_file
from consigne.cabinet.profiles import profiles
from consigne.cabinet.rules.table import RULES
from file_kit import GOOD, changed, line_of, opened, problems

COURIER = '[[holder]]\nrole = "courier"\naction = "deposit"\nnumber = 8\n'
# rule -> (what is there, what is put instead, the key that is named)
BREAKS = {
    "pin_exists": ("lock = 19", "lock = 20", "compartment[0].lock"),
    "pin_flash": ("lock = 19", "lock = 7", "compartment[0].lock"),
    "pin_psram": ("lock = 19", "lock = 16", "compartment[0].lock"),
    "psram_said": ("format = 1", "format = 1\npsram = false", "psram"),
    "pin_taken": ("lock = 19", "lock = 3", "compartment[0].lock"),
    "pin_once": ("lock = 19", "lock = 25", "compartment[0].lock"),
    "pin_input_only": ("lock = 19", "lock = 39", "compartment[0].lock"),
    "pin_pull_up": ("pull_up = true", "pull_up = false", "compartment[0].reed"),
    "pin_strapping": ("pin = 12", "pin = 0", "lamp.pin"),
    "coil_strapping": ("arm_pin = 25", "arm_pin = 5", "locks.arm_pin"),
    "coil_glitch": ("arm_pin = 25", "arm_pin = 14", "locks.arm_pin"),
    "coil_armed": ("arm_pin = 25", "arm_pin = -1", "locks.arm_pin"),
    "adc_pin": ("sense_pin = 34", "sense_pin = 19", "supply.sense_pin"),
    "adc2_wifi": ("sense_pin = 34", "sense_pin = 13", "supply.sense_pin"),
    "i2c_bus": ("[display]\n", "[display]\ni2c = 1\n", "display.i2c"),
    "display_level": ("shifter = true", "shifter = false", "display.volts"),
    "revision": ("format = 1", 'format = 1\nrevision = "B"\nrevised = "29.11.2026"', "revised"),
    "i2c_address": ("address = 0x27", "address = 0x20", "display.address"),
    "i2c_range": ("address = 0x20", "address = 0x30", "expander[0].address"),
    "i2c_rise": ("sda = 21", "sda = 21\ncable_m = 3", "i2c[0].pull_up_ohm"),
    "uart_exists": ("uart = 2", "uart = 0", "scanner.uart"),
    "uart_once": ("uart = 2", "uart = 1", "rs485[0].uart"),
    "board_kind": (
        'kind = "8a"\nuart = 1\naddress = 1',
        'kind = "8b"\nuart = 1\naddress = 1',
        "lock_board[0].kind",
    ),
    "board_wire": ("uart = 1\naddress = 1\n", "uart = 2\naddress = 1\n", "lock_board[0].uart"),
    "board_address": ("address = 2\n", "address = 1\n", "lock_board[1].address"),
    "board_range": ("address = 2\n", "address = 33\n", "lock_board[1].address"),
    "wire_baud": ("baud = 9600", "baud = 19200", "lock_board[0].kind"),
    "network": ('ssid = "consigne"', 'kind = "ethernet"', "network.kind"),
    "ethernet": (
        "[network]\n",
        "[ethernet]\nsck = 0\nmosi = 1\nmiso = 3\ncs = 37\nint = 38\n[network]\n",
        "ethernet",
    ),
    "door_bank": ('on = "A"', 'on = "B"', "compartment[1].on"),
    "bank_name": ('name = "right"', 'name = "left"', "lock_board[1].name"),
    "door_channel": ("lock = 3\n", "lock = 50\n", "compartment[2].lock"),
    "channel_once": ("lock = 4\n", "lock = 3\n", "compartment[3].lock"),
    "door_number": ('number = "4"', 'number = "3"', "compartment[3].number"),
    "door_overlap": ("bottom_cm = 60", "bottom_cm = 50", "compartment[3].bottom_cm"),
    "door_neighbours": ('["1", "3"]', '["1", "4"]', "compartment[1].neighbours[1]"),
    "keypad_keys": ("cols = [4, 5, 15]", 'cols = [4, 5, 15]\nkeys = "1234567890*A"', "keypad.keys"),
    "service_hours": ("format = 1", 'format = 1\nservice = "shop"\nhours = "1-8 08:00-19:30"', "hours"),
    "holder_once": ("[buzzer]", COURIER.replace("8", "7") + COURIER + COURIER + "\n[buzzer]", "holder[2]"),
    "service_holder": ("format = 1", 'format = 1\nservice = "mall"', "service"),
    "coil_volts": ("amps = 5", "amps = 5\nvolts = 24", "supply.volts"),
    "sense_range": ("sense_pin = 34", "sense_pin = 34\nlower_kohm = 40", "supply.lower_kohm"),
    "power_budget": ("amps = 5", "amps = 2.5", "supply.amps"),
    "expander_inputs": ("reed = 8", "reed = 15", "compartment[1].reed"),
}
C3_TWO_WIRES = "esp32-c3-devkitm"


def test_the_good_cabinet_breaks_no_rule(tmp_path: Path) -> None:
    assert [str(problem) for problem in problems(tmp_path, GOOD)] == []


def test_the_readme_counts_as_many_rules_as_there_are() -> None:
    told = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"  {len(RULES)} rules of wiring" in told


def test_no_rule_is_without_a_test_that_breaks_it() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert set(names) == BREAKS.keys() | {
        "rmt_channels",
        "hand_opened",
        "board_pins",
        "pin_wired",
        "board_memory",
    }


@pytest.mark.parametrize("rule", BREAKS)
def test_a_broken_rule_is_told_with_file_line_key_and_what_to_do(rule: str, tmp_path: Path) -> None:
    old, new, key = BREAKS[rule]
    text = changed(old, new)
    found = [problem for problem in problems(tmp_path, text) if problem.rule == rule]
    assert found, f"{rule} found nothing"
    problem = found[0]
    place, _, rest = str(problem).partition(f": {key}: ")
    assert rest, str(problem)
    assert problem.advice and problem.text in rest
    file, line = place.rsplit(":", 1)
    assert file.endswith("cabinet.toml")
    _assert_names_the_key(text, int(line), key)
    assert problem.is_warning == (rule in ("expander_inputs", "service_holder"))


def _assert_names_the_key(text: str, line: int, key: str) -> None:
    """The line holds the key, or opens the table that lacks it."""
    table, _, last = key.rpartition(".")
    found = text.splitlines()[line - 1]
    assert found.startswith((last.partition("[")[0] + " ", f"[{table}", f"[[{table.partition('[')[0]}")), (
        found
    )


# The other ways to break a rule that has several: rule, what is there, what is put instead, the key.
MORE_BREAKS = (
    ("revision", "format = 1", 'format = 1\nrevision = "B"', "revised"),
    ("revision", "format = 1", 'format = 1\nrevised = "2026-11-29"', "revised"),
    (
        "sense_range",
        "sense_pin = 34",
        "sense_pin = 34\nupper_kohm = 100\nlower_kohm = 24",
        "supply.lower_kohm",
    ),
    ("network", 'ssid = "consigne"\n', "", "network.ssid"),
    ("network", '"mqtt.example"', '"localhost"', "network.broker"),
    ("i2c_bus", "sda = 21\n", "sda = 21\n\n[[i2c]]\nid = 0\nscl = 0\nsda = 23\n", "i2c[1].id"),
    ("channel_once", "reed = 8", "reed = 0", "compartment[1].reed"),
    ("door_neighbours", '["1", "3"]', '["2", "3"]', "compartment[1].neighbours[0]"),
    ("keypad_keys", "cols = [4, 5, 15]", 'cols = [4, 5, 15, 0]\nkeys = "123A456B789C*0##"', "keypad.keys"),
    (
        "door_overlap",
        "[buzzer]",
        "[front]\nterminal_column = 1\nterminal_cm = 20\n\n[buzzer]",
        "compartment[0].bottom_cm",
    ),
)


def test_a_holder_that_is_named_twice_is_told_with_both_and_may_do_two_things(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD + COURIER + COURIER)
    assert problem.text == "courier 8, action deposit, is holder[0] already"
    assert str(problem).startswith(f"{tmp_path}/cabinet.toml:{GOOD.count(chr(10)) + 5}: holder[1]: ")
    others = COURIER.replace("deposit", "collect") + COURIER.replace("courier", "clerk")
    assert not problems(tmp_path, GOOD + COURIER + others)


@pytest.mark.parametrize(("rule", "old", "new", "key"), MORE_BREAKS)
def test_every_way_to_break_a_rule_is_found(rule: str, old: str, new: str, key: str, tmp_path: Path) -> None:
    found = [p for p in problems(tmp_path, changed(old, new)) if p.rule == rule]
    assert found, f"{rule} found nothing"
    assert f": {key}: " in str(found[0])


def test_adc2_measures_where_the_network_is_no_wi_fi(tmp_path: Path) -> None:
    text = changed("sense_pin = 34", "sense_pin = 13")
    assert "adc2_wifi" in {problem.rule for problem in problems(tmp_path, text)}
    text = text.replace('ssid = "consigne"', 'kind = "ethernet"')
    assert "adc2_wifi" not in {problem.rule for problem in problems(tmp_path, text)}


def test_a_pin_that_moves_at_power_up_is_never_advised_for_a_coil(tmp_path: Path) -> None:
    """Pin 27 is free here, and good for anything but a coil."""
    text = changed("lock = 19", "lock = 12").replace("rows = [26, 27, 32, 33]", "rows = [26, 19, 32, 33]")
    text = text.replace("[tamper]\npin = 23\n", "")
    (problem,) = [problem for problem in problems(tmp_path, text) if problem.rule == "coil_strapping"]
    assert problem.advice == "take 23"


def test_as_many_timers_are_needed_as_there_are_lines_that_must_end_by_themselves(tmp_path: Path) -> None:
    """The C3 has two RMT channels: the arming line and one wire; the second wire needs de = -1."""
    wire = "\n[[rs485]]\nuart = 2\ntx = 4\nrx = 3\nde = 7\n"
    text = GOOD.replace('"esp32-devkitc-ve"', f'"{C3_TWO_WIRES}"') + wire
    assert "rmt_channels" in {problem.rule for problem in problems(tmp_path, text)}
    text = text.replace("de = 7", "de = -1")
    assert "rmt_channels" not in {problem.rule for problem in problems(tmp_path, text)}


def test_the_light_strip_is_one_timer_too_many_for_a_small_chip_with_a_wire_and_that_is_one_sentence(
    tmp_path: Path,
) -> None:
    """The C3: arming line and lights, or arming line and the direction of a wire, not all three."""
    text = GOOD.replace('"esp32-devkitc-ve"', f'"{C3_TWO_WIRES}"') + "\n[strip]\npin = 7\n"
    (problem,) = [problem for problem in problems(tmp_path, text) if problem.rule == "rmt_channels"]
    assert problem.text == (
        "the arming line, the direction of RS-485 wire 0 and the light strip need 3 RMT channels, "
        "ESP32-C3-DevKitM-1 has 2"
    )
    assert "de = -1" in problem.advice
    text = text.replace("de = 18", "de = -1")
    assert "rmt_channels" not in {problem.rule for problem in problems(tmp_path, text)}
    text = text.replace(f'"{C3_TWO_WIRES}"', '"esp32-s3-devkitc"').replace("de = -1", "de = 18")
    assert "rmt_channels" not in {problem.rule for problem in problems(tmp_path, text)}


@pytest.mark.parametrize("pin", [34, 35, 36, 39])
def test_a_sensor_on_a_pin_without_pull_ups_needs_its_resistor(pin: int, tmp_path: Path) -> None:
    text = GOOD.replace("sense_pin = 34", "sense_pin = -1").replace("rx = 35", "rx = 3")
    text = text.replace("reed = 36\npull_up = true", f"reed = {pin}")
    (problem,) = [problem for problem in problems(tmp_path, text) if problem.rule == "pin_pull_up"]
    assert problem.place.line == line_of(text, f"reed = {pin}")
    assert "10 kOhm" in problem.advice


@pytest.mark.parametrize("pin", [0, 1, 2, 3, 5, 12, 14, 15, 26, 27])
def test_no_relay_hangs_on_a_pin_that_is_high_at_boot_or_decides_how_the_chip_boots(
    pin: int, tmp_path: Path
) -> None:
    found = {problem.rule for problem in problems(tmp_path, changed("lock = 19", f"lock = {pin}"))}
    assert found & {"coil_strapping", "coil_glitch"}


def test_the_advice_names_only_pins_that_break_no_rule(tmp_path: Path) -> None:
    text = changed("lock = 19", "lock = 12")
    (problem,) = [problem for problem in problems(tmp_path, text) if problem.rule == "coil_strapping"]
    named = problem.advice.replace(",", "").replace("take one of", "take").split()[1:]
    assert named
    for pin in named:
        assert problems(tmp_path, changed("lock = 19", f"lock = {pin}")) == []


def test_ethernet_takes_its_wiring_from_the_board_and_its_pins_are_nobody_elses(tmp_path: Path) -> None:
    text = GOOD.replace('"esp32-devkitc-ve"', '"olimex-esp32-poe"')
    text = text.replace('ssid = "consigne"', 'kind = "ethernet"').replace("tx = 14", "tx = 17")
    found = problems(tmp_path, text)
    assert [problem for problem in found if problem.rule == "network"] == []
    taken = {problem.text for problem in found if problem.rule == "pin_taken"}
    assert "pin 25 is Ethernet RXD0" in taken and "pin 17 is the clock of the Ethernet chip" in taken


def test_the_device_is_told_how_the_boards_ethernet_chip_is_wired(tmp_path: Path) -> None:
    text = GOOD.replace('"esp32-devkitc-ve"', '"olimex-esp32-poe"')
    network = device_config(opened(tmp_path, text.replace('ssid = "consigne"', 'kind = "ethernet"')))[
        "network"
    ]
    wiring = {key: network[key] for key in ("kind", "phy", "mdc", "mdio", "power", "ref_clk")}
    assert wiring == {
        "kind": "ethernet", "phy": "lan8720", "mdc": 23, "mdio": 18, "power": 12, "ref_clk": 17
    }  # fmt: skip
    assert "ssid" not in network


def on_s3(ethernet: str) -> str:
    """Four doors on a lock board, on a board with a chip that has no Ethernet controller."""
    text = new_file(profiles()["esp32-s3-devkitc"], 4, "8a", 4)
    kind = 'kind = "wifi"\nssid = "change me"'
    assert kind in text
    return text.replace(kind, 'kind = "ethernet"') + ethernet


MODULE = "\n[ethernet]\nspi = 2\nsck = 4\nmosi = 5\nmiso = 6\ncs = 7\nint = 8\nreset = 9\n"


def test_a_w5500_on_a_chip_without_an_ethernet_controller_is_compiled_for_the_device(tmp_path: Path) -> None:
    cabinet = opened(tmp_path, on_s3(MODULE))
    pins = [use.pin for use in cabinet.uses if use.key[0] == "ethernet"]
    assert pins == [4, 5, 6, 7, 8, 9]
    config, _ = compile_cabinet(cabinet)
    network = config["network"]
    wiring = {"phy": "w5500", "spi": 2, "sck": 4, "mosi": 5, "miso": 6, "cs": 7, "int": 8, "reset": 9}
    assert {key: network[key] for key in wiring} == wiring and network["kind"] == "ethernet"


@pytest.mark.parametrize(
    ("old", "new", "rule", "said"),
    [
        (MODULE, "", "network", "wire a W5500"),
        ("int = 8\n", "", "form", "without it the firmware hears of no packet"),
        ("cs = 7", "cs = 6", "pin_once", "ethernet.miso"),
        ('phy = "w5500"', 'phy = "lan8720"', "form", "'lan8720' is not known"),
        ("spi = 2", "spi = 3", "form", "1 to 2"),
    ],
)
def test_a_w5500_wired_wrongly_is_told(old: str, new: str, rule: str, said: str, tmp_path: Path) -> None:
    module = MODULE.replace("[ethernet]\n", '[ethernet]\nphy = "w5500"\n')
    text = on_s3(MODULE if old == MODULE else module)
    assert old in text
    found = problems(tmp_path, text.replace(old, new))
    assert any(said in str(problem) and problem.rule == rule for problem in found), [str(p) for p in found]


def test_a_w5500_is_refused_on_a_bus_that_the_chip_has_not_and_beside_a_chip_that_the_board_has(
    tmp_path: Path,
) -> None:
    pins = "\n[ethernet]\nspi = 2\nsck = 4\nmosi = 5\nmiso = 6\ncs = 7\nint = 10\n"
    text = GOOD.replace('ssid = "consigne"', 'kind = "ethernet"') + pins
    on_c3 = text.replace('"esp32-devkitc-ve"', f'"{C3_TWO_WIRES}"')
    (problem,) = [problem for problem in problems(tmp_path, on_c3) if problem.rule == "ethernet"]
    assert problem.text == "ESP32-C3-DevKitM-1 has no SPI 2"
    olimex = text.replace('"esp32-devkitc-ve"', '"olimex-esp32-poe"')
    (problem,) = [problem for problem in problems(tmp_path, olimex) if problem.rule == "ethernet"]
    assert "of its own" in problem.text


def on_stations(*counts: int) -> str:
    """A cabinet of Winnsen stations on one wire, so many doors on each."""
    head, _, _ = GOOD.partition("[[lock_board]]")
    panel = GOOD[GOOD.index("[keypad]") : GOOD.index("[[compartment]]")]
    text = head + panel
    for number, count in enumerate(counts):
        text += f'[[lock_board]]\nname = "W{number}"\nkind = "winnsen"\nuart = 1\naddress = {number}\n'
        for lock in range(count):
            text += (
                f'[[compartment]]\nnumber = "{number}.{lock}"\nsize = "S"\non = "W{number}"\n'
                f"column = {number * 3 + lock // 12 + 1}\nbottom_cm = {10 + lock % 12 * 15}\n"
                f"lock = {lock}\nreed = {lock}\n"
            )
    return text


def test_two_stations_that_are_asked_lock_by_lock_are_too_many_for_one_wire(tmp_path: Path) -> None:
    assert problems(tmp_path, on_stations(24)) == []
    (problem,) = problems(tmp_path, on_stations(24, 24))
    assert (problem.rule, problem.is_warning) == ("hand_opened", True)
    assert "890 ms" in problem.text and "a wire of its own" in problem.advice
