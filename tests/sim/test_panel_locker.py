"""A whole locker with a Wiegand keypad, an MH-ET scanner and an SSD1306, served by hands."""

import pytest
from consigne.protocol import codes
from consigne.sim.locker import SimLocker
from panel_kit import keypad, oled, shop, shop_config, window_code
from sim_kit import EPOCH_S, IDENTITY, KEY


def shows(locker, text):
    return any(text in line for line in locker.display())


def test_a_parcel_is_left_with_a_typed_code_and_collected_with_the_derived_one(tmp_path):
    locker, _ = shop(tmp_path)
    locker.wait_for(lambda: shows(locker, "Tapez votre code"), 10)
    locker.type(window_code(1, 1) + "#", 15)
    locker.wait_for(lambda: shows(locker, "Colis déposés : 0"), 10)
    assert locker.scan("RR123456785FR")
    locker.wait_for(lambda: shows(locker, "Quelle taille"), 5)
    locker.press("3")
    locker.wait_for(lambda: any(door.is_open for door in locker.doors), 5)
    (door,) = [n for n, each in enumerate(locker.doors) if each.is_open]
    locker.run_for(3)
    locker.push_shut(door)
    locker.wait_for(lambda: shows(locker, "Colis déposés : 1"), 5)
    locker.press("#")
    locker.run_for(8)
    locker.type(codes.derived_code(KEY, "RR123456785FR") + "#", 15)
    locker.wait_for(lambda: locker.doors[door].is_open, 10)
    locker.wait_for(lambda: shows(locker, "Prenez le colis"), 1)
    locker.run_for(3)
    locker.push_shut(door)
    locker.wait_for(lambda: shows(locker, "Merci"), 5)
    assert "▒" not in "".join(locker.display())
    locker.stop()


def test_the_shop_takes_a_mornings_parcels_out_with_one_key(tmp_path):
    locker, host = shop(tmp_path)
    locker.type(window_code(1, 1) + "#", 15)
    locker.wait_for(lambda: shows(locker, "Colis déposés : 0"), 10)
    opened = []
    for number, size in enumerate("324", 1):
        assert locker.scan(f"PARCEL-{number}")
        locker.wait_for(lambda: shows(locker, "Quelle taille"), 5)
        locker.press(size)
        locker.wait_for(lambda: any(door.is_open for door in locker.doors), 5)
        opened += [n for n, each in enumerate(locker.doors) if each.is_open]
        locker.run_for(3)
        locker.push_shut(opened[-1])
        locker.wait_for(lambda number=number: shows(locker, f"Colis déposés : {number}"), 5)
    locker.press("#")
    locker.run_for(8)
    locker.type(window_code(6, 5) + "#", 15)
    locker.wait_for(lambda: shows(locker, "0 ouvre"), 10)
    locker.press("0")
    for door in sorted(opened):
        locker.wait_for(lambda door=door: locker.doors[door].is_open, 10)
        assert sum(each.is_open for each in locker.doors) == 1
        locker.run_for(3)
        locker.push_shut(door)
    locker.wait_for(lambda: shows(locker, "Bonne journée"), 10)
    locker.wait_for(lambda: host.kinds().count("returned") == 3, 10)
    locker.stop()


def test_a_couriers_card_that_the_host_granted_opens_the_deposit_menu_and_another_does_not(tmp_path):
    locker, host = shop(tmp_path)
    tag = codes.card_tag(KEY, 26, 12, 34567).hex()
    host.command("grants", **{
        "from": 0, "to": 1, "more": 0, "drop": [], "expect": [],
        "add": [[1, EPOCH_S, EPOCH_S + 86_400, 1, 1, 0, 65535, 0, tag, ""]],
    })  # fmt: skip
    locker.run_for(3)
    locker.call(lambda: keypad(locker).present(26, 12, 34568))
    locker.wait_for(lambda: shows(locker, "pas"), 3)
    locker.run_for(1)
    locker.call(lambda: keypad(locker).present(26, 12, 34567))
    locker.wait_for(lambda: shows(locker, "Colis déposés : 0"), 5)
    locker.stop()


def test_it_serves_without_its_display_and_shows_the_newest_text_when_it_is_plugged_in_again(tmp_path):
    locker, host = shop(tmp_path)
    oled(locker).silent = True
    locker.type(window_code(1, 1) + "#", 15)
    locker.run_for(10)
    assert "accepted" in host.kinds()
    oled(locker).silent = False
    oled(locker).power_off()
    oled(locker).power_on()
    locker.wait_for(lambda: shows(locker, "Colis déposés : 0"), 15)
    locker.stop()


@pytest.mark.waits
def test_what_is_wrong_with_its_parts_is_told_to_the_host_and_the_locker_serves_on(tmp_path):
    locker, host = shop(tmp_path)
    keypad(locker).stick(0)
    for _ in range(8):
        locker.cabinet.scanner.raw(b"\x80\xff\x81")
        locker.run_for(1)
    told = [event["what"] for event in host.events.values() if event["kind"] == "fault"]
    assert sorted(told) == ["keypad line D0 is low: check its cable", "scanner garbled: check rate and cable"]
    assert not locker.ends and "fault:" not in locker.output(), "no task has ended over it"
    locker.stop()


def test_the_same_cabinet_serves_on_micropython(tmp_path):
    locker = SimLocker(shop_config(), IDENTITY, tmp_path / "device", "micropython")
    try:
        locker.start()
        locker.wait_for(lambda: shows(locker, "Tapez votre code") or locker.ends, 20)
        assert not locker.ends, locker.output()
        locker.type("90210417", 10)
        locker.wait_for(lambda: shows(locker, "90210417_"), 5)
        locker.press("#")
        locker.wait_for(lambda: shows(locker, "Ce code n'est pas"), 5)
        locker.wait_for(lambda: locker.scan("12345678"), 5)
        locker.wait_for(lambda: shows(locker, "Ce code n'est pas"), 5)
        assert not locker.failures
    finally:
        locker.stop()
