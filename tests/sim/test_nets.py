"""Wires: who wins when several things act on one net."""

import pytest
from consigne.sim.board.nets import Net, Switch


def test_a_driver_wins_over_pulls_and_a_free_net_keeps_its_level() -> None:
    net = Net("n")
    net.pull("resistor", 1)
    assert net.level == 1
    net.drive("chip", 0)
    assert net.level == 0
    net.drive("chip", None)
    assert net.level == 1
    net.pull("resistor", None)
    assert net.level == 1


def test_two_drivers_against_each_other_are_counted_and_low_wins() -> None:
    net = Net("n")
    net.drive("a", 1)
    net.drive("b", 0)
    assert net.level == 0 and net.fights == 1


def test_watchers_hear_changes_only_and_never_a_level_that_is_no_more() -> None:
    net, heard = Net("n"), []
    net.on_change(lambda level: net.drive("reply", 0))
    net.on_change(heard.append)
    net.drive("a", 1)
    assert heard == [0] and net.level == 0


def test_three_closed_keys_at_the_corners_of_a_rectangle_show_a_ghost_at_the_fourth() -> None:
    rows, cols = [Net("r0"), Net("r1")], [Net("c0"), Net("c1")]
    for net in cols:
        net.pull("up", 1)
    for row, col in ((0, 0), (0, 1), (1, 0)):
        Switch(rows[row], cols[col]).set(True)
    rows[1].drive("scan", 0)
    assert [net.level for net in cols] == [0, 0]


def test_opening_a_switch_parts_the_nets_again() -> None:
    one, two = Net("a"), Net("b")
    two.pull("up", 1)
    switch = Switch(one, two)
    switch.set(True)
    one.drive("x", 0)
    assert two.level == 0
    switch.set(False)
    assert two.level == 1
    with pytest.raises(ValueError, match="not tied"):
        one.untie(two)


def test_an_adc_sees_the_voltage_applied_or_the_level() -> None:
    net = Net("n")
    net.drive("a", 1)
    assert net.volts == pytest.approx(3.3)
    net.set_volts(1.2)
    assert net.volts == pytest.approx(1.2)
