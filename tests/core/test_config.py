"""A wrong configuration is told in one sentence that names the place, and nothing has moved."""

import json

from core_kit import raw as checked_raw
from locker import config
from locker.core import limits
from locker.site import Site


def _raw():
    """A configuration as it comes out of the file: plain lists and dicts."""
    return json.loads(json.dumps(checked_raw()))


def _complaint(given):
    try:
        config.checked(given)
    except config.ConfigError as error:
        return str(error)
    return ""


def test_the_example_is_fine_and_read_again_it_is_the_same():
    assert _complaint(_raw()) == ""
    assert Site(config.checked(_raw())).names == ("1", "2", "3", "4")


def test_an_unknown_key_is_named_with_the_known_ones():
    raw = _raw()
    raw["langage"] = "fr"
    assert "unknown key 'langage'" in _complaint(raw) and "language" in _complaint(raw)


def test_each_missing_key_is_named():
    for key in ("format", "board", "arm_pin", "doors", "keypad", "display", "buzzer", "led"):
        raw = _raw()
        del raw[key]
        assert "'{}' is missing".format(key) in _complaint(raw)


def test_a_value_of_the_wrong_type_or_range_is_shown():
    for key, bad in (
        ("pulse_ms", 1001),
        ("pulse_ms", "400"),
        ("digits", 5),
        ("digits", True),
        ("name", "x" * 21),
    ):
        raw = _raw()
        raw[key] = bad
        assert key in _complaint(raw), (key, bad)


def test_a_short_channel_says_the_same_as_a_long_one():
    raw = _raw()
    for door in raw["doors"]:
        for line in ("lock", "reed"):
            assert door[line]["bank"] == "gpio"
            door[line] = [0, door[line]["channel"]]
    assert config.checked(raw) == config.checked(_raw())


def test_a_short_channel_of_a_bank_that_is_not_there_or_of_another_form_is_told():
    for bad in ([1, 13], [-1, 13], [0], [0, 13, 1], ["gpio", 13], [True, 13], 13, None):
        raw = _raw()
        raw["doors"][1]["lock"] = bad
        assert "doors[1].lock" in _complaint(raw), bad


def test_a_pin_used_twice_names_both_uses():
    raw = _raw()
    raw["doors"][1]["lock"]["channel"] = raw["doors"][0]["lock"]["channel"]
    text = _complaint(raw)
    assert "doors[1].lock" in text and "doors[0].lock" in text and "13" in text


def test_a_bank_that_nobody_declared_is_named():
    raw = _raw()
    raw["doors"][0]["reed"]["bank"] = "mcp23017@0:32"
    assert "mcp23017@0:32" in _complaint(raw) and "gpio" in _complaint(raw)


def test_two_compartments_of_one_name_and_a_part_without_driver():
    raw = _raw()
    raw["doors"][3]["name"] = "1"
    assert "'1' is taken" in _complaint(raw)
    raw = _raw()
    raw["keypad"]["kind"] = "theremin"
    assert "theremin" in _complaint(raw) and "matrix" in _complaint(raw)


def test_a_language_nobody_speaks_and_keys_that_do_not_fit():
    raw = _raw()
    raw["language"] = "xx"
    assert "xx" in _complaint(raw)
    raw = _raw()
    raw["keypad"]["keys"] = "123"
    assert "need 12 keys" in _complaint(raw)


def test_a_holder_whose_role_has_no_window_codes():
    for holder in ([0, 0, 1], [1, 9, 1], [1, 1, limits.HOLDER_MAX + 1], [1, 1], "x"):
        raw = _raw()
        raw["holders"] = [[1, 1, 7], holder]
        assert "holders[1]" in _complaint(raw), holder


def test_things_that_are_no_configuration_at_all():
    for given in (None, 3, "x", [], {}):
        assert _complaint(given) != ""


def test_an_identity_with_a_bad_key_or_name_is_refused_and_never_printed():
    good = {"locker": "L0001", "device_key": "0f" * 32}
    assert config.identity(good).device_key == b"\x0f" * 32
    for key, bad in (("device_key", "zz" * 32), ("locker", "a/b"), ("locker", ""), ("device_key", ["0f0f"])):
        try:
            config.identity(dict(good, **{key: bad}))
            raise AssertionError(key)
        except config.ConfigError as error:
            assert "zz" not in str(error) and "0f0f" not in str(error), str(error)


def test_files_that_are_missing_damaged_or_endless():
    try:
        config.load("no-such-file.json")
        raise AssertionError("loaded nothing")
    except config.ConfigError as error:
        assert "no-such-file.json" in str(error)


def _with_boards(**changes):
    raw = _raw()
    raw["rs485"] = [{"uart": 1, "tx": 18, "rx": 19}]
    raw["boards"] = [{"kind": "8a", "uart": 1, "address": 3}, {"kind": "cu16", "uart": 1, "address": 4}]
    raw["doors"][0]["lock"] = {"bank": "8a@1:3", "channel": 49}
    raw["doors"][0]["reed"] = [2, 31]
    raw.update(changes)
    return raw


def test_lock_boards_are_read_and_a_cabinet_of_boards_alone_needs_no_arming_line():
    raw = config.checked(_with_boards())
    assert raw["doors"][0]["reed"]["bank"] == "cu16@1:4" and raw["rs485"][0]["baud"] == 9600
    raw = _with_boards(arm_pin=-1)
    raw["doors"] = raw["doors"][:1]
    assert _complaint(raw) == ""
    assert "arm_pin" in _complaint(_with_boards(arm_pin=-1))


def test_what_is_wrong_with_lock_boards_is_told():
    for wrong, said in (
        ({"boards": [{"kind": "9a", "uart": 1, "address": 3}]}, "'9a' has no driver"),
        ({"boards": [{"kind": "8a", "uart": 2, "address": 3}]}, "no entry of rs485 uses UART 2"),
        ({"boards": [{"kind": "8a", "uart": 1, "address": 33}]}, "allowed are 1 to 32"),
        ({"boards": [{"kind": k, "uart": 1, "address": 3} for k in ("8a", "cu16")]}, "3 is taken"),
        ({"rs485": [{"uart": 1, "tx": 25, "rx": 19}]}, "pin 25 is used already by arm_pin"),
        ({"rs485": [{"uart": 1, "tx": 18, "rx": 19}, {"uart": 1, "tx": 2, "rx": 5}]}, "UART 1 is used"),
    ):
        raw = _with_boards(**wrong)
        if "boards" in wrong:
            bank = "{kind}@{uart}:{address}".format(**wrong["boards"][0])
            raw["doors"][0]["lock"] = raw["doors"][0]["reed"] = {"bank": bank, "channel": 0}
        assert said in _complaint(raw), (said, _complaint(raw))
    raw = _with_boards()
    raw["doors"][1]["lock"] = {"bank": "cu16@1:4", "channel": 16}
    assert "channels 0 to 15" in _complaint(raw)
    raw = _with_boards()
    raw["doors"][1]["lock"] = {"bank": "8a@1:3", "channel": 49}
    assert "channel 49 is used already" in _complaint(raw)


def _on_ethernet(**changes):
    raw = _raw()
    raw["network"] = {
        "kind": "ethernet",
        "phy": "lan8720",
        "mdc": 23,
        "mdio": 18,
        "power": 12,
        "ref_clk": 17,
        "ref_clk_out": True,
        "broker": "lockers.example",
    }
    raw["network"].update(changes)
    return raw


def test_ethernet_keeps_its_pins_for_itself():
    from locker.confignetwork import pins

    assert "network.mdc: pin 23 is used already by keypad.cols[2]" in _complaint(_on_ethernet())
    kept = sorted(pin for _, pin in pins(_on_ethernet()))
    assert kept == [12, 17, 18, 19, 21, 22, 23, 25, 26, 27]


def test_an_ethernet_chip_that_we_cannot_drive_or_clock_is_refused():
    for key, bad, word in (
        ("phy", "w5600", "no driver"),
        ("ref_clk", 4, "0 or 16 or 17"),
        ("ref_clk_out", False, "pin 0"),
        ("mdc", 34, "allowed are"),
    ):
        assert word in _complaint(_on_ethernet(**{key: bad})), key


def _on_w5500(**changes):
    raw = _raw()
    wiring = {"phy": "w5500", "sck": 17, "mosi": 18, "miso": 19, "cs": 3, "int": 39}
    raw["network"] = {"kind": "ethernet", "broker": "lockers.example"}
    raw["network"].update(wiring)
    raw["network"].update(changes)
    return raw


def test_an_ethernet_chip_on_spi_keeps_its_own_pins_and_leaves_those_of_the_chips_controller():
    from locker.confignetwork import pins

    raw = _on_w5500()
    assert not _complaint(raw)
    assert sorted(pin for _, pin in pins(raw) if pin >= 0) == [3, 17, 18, 19, 39]


def test_an_ethernet_chip_on_spi_wants_its_interrupt_and_a_bus_that_the_chip_has():
    raw = _on_w5500()
    del raw["network"]["int"]
    assert "key 'int' is missing" in _complaint(raw)
    for key, bad, word in (
        ("spi", 3, "1 to 2"),
        ("mdc", 23, "unknown key 'mdc'"),
        ("cs", 23, "used already"),
    ):
        assert word in _complaint(_on_w5500(**{key: bad})), key


def test_an_ethernet_chip_on_spi_wants_a_bus_that_this_very_chip_has():
    from locker.confignetwork import problem

    network = _on_w5500(spi=2)["network"]
    assert problem({"board": "esp32c3", "network": network}) == "network.spi: an esp32c3 has no SPI 2"
    assert problem({"board": "esp32s3", "network": network}) == ""


def _on_chips(**changes):
    """Door 1 on a shift register, door 2 on a PCF8574."""
    raw = _raw()
    raw["expanders"] = [{"kind": "pcf8574", "i2c": 0, "address": 32}]
    chain = {"kind": "74hc595", "data": 17, "clock": 18, "latch": 19, "enable": 13}
    chain.update(changes)
    raw["shifts"] = [chain]
    raw["doors"][0]["lock"] = [2, 7]
    raw["doors"][1]["lock"] = [1, 0]
    return raw


def test_relays_on_shift_registers_and_on_a_pcf8574_are_fine():
    read = config.checked(_on_chips())
    assert [door["lock"]["bank"] for door in read["doors"][:2]] == ["74hc595@19", "pcf8574@0:32"]
    assert read["shifts"][0]["chips"] == 1 and read["shifts"][0]["back"] == -1


def test_what_a_chip_cannot_do_is_refused():
    for door, line, place, word in (
        (0, "lock", [2, 8], "channels 0 to 7"),
        (1, "lock", [1, 8], "channels 0 to 7"),
        (0, "reed", [2, 0], "outputs only"),
        (2, "lock", [2, 7], "channel 7 is used already by doors[0].lock"),
    ):
        raw = _on_chips()
        raw["doors"][door][line] = place
        assert word in _complaint(raw), place
    assert "pin 13 is used already" in _complaint(_on_chips(latch=13))
    assert "'74hc164' has no driver" in _complaint(_on_chips(kind="74hc164"))
    raw = _on_chips()
    raw["expanders"][0]["address"] = 40
    assert "cannot be at 40" in _complaint(raw)


def test_what_is_wrong_with_a_part_of_the_panel_is_told_before_it_is_made():
    wiegand = {"kind": "wiegand", "d0": 26, "d1": 27}
    uart = {"uart": 2, "tx": 18, "rx": 19}
    oled = {"kind": "ssd1306", "i2c": 0}
    for part, given, says in (
        ("keypad", wiegand, ""),
        ("keypad", dict(wiegand, bits=6), "a key has 4 or 8 bits"),
        ("keypad", dict(wiegand, d1=25), "pin 25 is used already by arm_pin"),
        ("keypad", dict(wiegand, rows=[4]), "unknown key 'rows'"),
        ("scanner", dict(uart, kind="line", terminator=""), ""),
        ("scanner", dict(uart, kind="line", terminator="x"), "scanner.terminator: expected CR"),
        ("scanner", dict(uart, kind="mhet", terminator=""), "unknown key 'terminator'"),
        ("scanner", dict(uart, kind="gm66"), "'gm66' has no driver, known are gm65, line, mhet"),
        ("display", oled, ""),
        ("display", dict(oled, address=0x27), "allowed are 60 to 61"),
        ("display", dict(oled, i2c=1), "display.i2c: bus 1 is not declared"),
    ):
        raw = _raw()
        raw[part] = given
        complaint = _complaint(raw)
        assert (says in complaint) if says else complaint == "", (given, complaint)


def test_hours_are_seven_days_and_the_service_is_one_that_is_known():
    days = [[480, 1170]] * 7
    for changes, says in (
        ({"service": "shop", "hours": days}, ""),
        ({"service": "bakery"}, "'bakery' is not known, choose locker counter"),
        ({"hours": days[:6]}, "expected seven days, found 6"),
        ({"hours": days[:6] + [[480]]}, "hours[6]: expected [opens, closes]"),
        ({"hours": days[:6] + [[480, 1441]]}, "has 1440 minutes"),
        ({"hours": days[:6] + [[480, 479]]}, "opens before it closes"),
        ({"hours": days[:6] + [[True, 479]]}, "expected [opens, closes]"),
    ):
        raw = _raw()
        raw.update(changes)
        complaint = _complaint(raw)
        assert (says in complaint) if says else complaint == "", (changes, complaint)
