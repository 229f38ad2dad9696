"""The reed switches: what a door did is told once, whatever its contact does meanwhile."""

from driver_rig import CONFIG, VirtualRig

DOORS = len(CONFIG["doors"])
OPEN, FAULT = 5, 6
CHATTER, SILENT = 1, 2

REEDS = """
from locker.drivers.reeds import Reeds

banks = make_banks()
asyncio.run(Reeds(len(config["doors"]), banks.pin_reeds + banks.chip_reeds).run(sink))
"""


def started(tmp_path, config=CONFIG, seed=1):
    rig = VirtualRig(tmp_path, REEDS, config, seed)
    rig.run(300)
    return rig


def test_every_door_is_told_once_at_start_as_it_stands(tmp_path):
    rig = VirtualRig(tmp_path, REEDS, CONFIG, 1)
    rig.cabinet.doors[2].force_open()
    rig.cabinet.doors[9].force_open()
    rig.run(3000)
    assert sorted(rig.taken()) == [[OPEN, door, door in (2, 9)] for door in range(DOORS)]


def test_a_bouncing_reed_is_one_change_and_known_within_100_ms(tmp_path):
    for seed in range(8):
        (tmp_path / str(seed)).mkdir()
        rig = started(tmp_path / str(seed), seed=seed)
        for number, door in enumerate(rig.cabinet.doors):
            rig.taken()
            edges = door.reed.edges
            door.force_open()
            rig.run(100)
            assert rig.taken() == [[OPEN, number, True]], f"seed {seed}, door {number}"
            assert door.reed.edges - edges >= 5
            door.push_shut()
            rig.run(100)
            assert rig.taken() == [[OPEN, number, False]], f"seed {seed}, door {number}"


def test_two_doors_at_once_are_both_told(tmp_path):
    rig = started(tmp_path)
    rig.taken()
    for door in rig.cabinet.doors:
        door.force_open()
    rig.run(100)
    assert sorted(rig.taken()) == [[OPEN, door, True] for door in range(DOORS)]


def test_a_door_opened_by_hand_is_known_within_500_ms_without_the_interrupt_wire(tmp_path):
    config = {**CONFIG, "expanders": [{"kind": "mcp23017", "i2c": 0, "address": 32, "int_pin": -1}]}
    rig = started(tmp_path, config)
    for number in range(4, DOORS):
        rig.taken()
        rig.run(37 * number)
        rig.cabinet.doors[number].force_open()
        rig.run(500)
        assert rig.taken() == [[OPEN, number, True]]


def test_a_door_is_known_at_once_where_a_resistor_pulls_the_interrupt_line_up(tmp_path):
    config = {
        **CONFIG,
        "doors": CONFIG["doors"][4:],
        "expanders": [{"kind": "mcp23017", "i2c": 0, "address": 32, "int_pin": 39}],
    }
    rig = started(tmp_path, config)
    for number in range(DOORS - 4):
        rig.taken()
        rig.cabinet.doors[number].force_open()
        rig.run(60)
        assert rig.taken() == [[OPEN, number, True]]


def test_an_interrupt_that_was_lost_costs_a_second_and_no_report(tmp_path):
    rig = started(tmp_path)
    rig.taken()
    rig.board.pad(14).triggers = 0
    rig.cabinet.doors[7].force_open()
    rig.run(1100)
    assert rig.taken() == [[OPEN, 7, True]]


def test_a_chattering_sensor_is_told_once_as_a_fault_and_believed_again_when_it_rests(tmp_path):
    for number in (1, 8):
        (tmp_path / str(number)).mkdir()
        rig = started(tmp_path / str(number))
        rig.taken()
        reed = rig.cabinet.doors[number].reed
        reed.chatter(20_000)
        rig.run(5000)
        told = rig.taken()
        assert told[-1] == [FAULT, number, CHATTER]
        assert len(told) <= 4, "a rest of 30 ms in the flutter looks like a door; not often"
        rig.run(15_000)
        assert rig.taken() == []
        rig.run(3000)
        assert rig.taken() == [[OPEN, number, False]]
        rig.cabinet.doors[number].force_open()
        rig.run(100)
        assert rig.taken() == [[OPEN, number, True]]


def test_a_sensor_that_swings_slowly_is_bounded_too(tmp_path):
    """Each level lasts longer than the debounce time: every change looks like a door."""
    rig = started(tmp_path)
    rig.taken()
    rig.cabinet.doors[3].reed.chatter(60_000, period_us=160_000)
    rig.run(60_000)
    told = rig.taken()
    assert [FAULT, 3, CHATTER] in told
    assert len(told) <= 16


def test_a_sensor_that_never_rests_is_told_of_a_few_times_and_a_busy_door_each_time(tmp_path):
    """A change every 0.9 seconds for ever is no hand; open for three seconds and shut for three is one."""
    rig = started(tmp_path)
    rig.taken()
    reed, door = rig.cabinet.doors[3].reed, rig.cabinet.doors[1]
    for turn in range(40):
        reed.stuck = "closed" if turn % 2 else "open"
        rig.run(900)
    told = rig.taken()
    assert told[-1] == [FAULT, 3, CHATTER] and len(told) <= 11
    for _ in range(20):
        door.force_open()
        rig.run(3000)
        door.push_shut()
        rig.run(3000)
    assert [event for event in rig.taken() if event[1] == 1] == [[OPEN, 1, True], [OPEN, 1, False]] * 20


def test_a_contact_that_flickers_in_step_with_the_sampling_is_not_a_door(tmp_path):
    """Open whenever it is looked at, each 10 ms, and closed in between."""
    rig = started(tmp_path)
    rig.taken()
    reed = rig.cabinet.doors[1].reed
    for _ in range(30):
        reed.stuck = "open"
        rig.run(4)
        reed.stuck = "closed"
        rig.run(6)
    rig.run(100)
    assert rig.taken() == []


def test_another_door_is_told_in_time_while_one_chatters(tmp_path):
    rig = started(tmp_path)
    rig.cabinet.doors[8].reed.chatter(20_000)
    rig.run(5000)
    rig.taken()
    rig.cabinet.doors[9].force_open()
    rig.cabinet.doors[0].force_open()
    rig.run(150)
    assert sorted(rig.taken()) == [[OPEN, 0, True], [OPEN, 9, True]]


def test_a_stuck_reed_tells_nothing_and_its_release_tells_the_truth(tmp_path):
    rig = started(tmp_path)
    rig.taken()
    door = rig.cabinet.doors[5]
    door.reed.stuck = "closed"
    door.force_open()
    rig.run(3000)
    assert rig.taken() == []
    door.reed.stuck = None
    rig.run(100)
    assert rig.taken() == [[OPEN, 5, True]]


def test_a_silent_expander_is_a_fault_of_its_doors_only_and_they_are_told_anew_after_it(tmp_path):
    rig = started(tmp_path)
    rig.taken()
    chip = rig.cabinet.expanders["mcp23017@0:32"]
    chip.silent = True
    rig.run(5000)
    assert sorted(rig.taken()) == [[FAULT, door, SILENT] for door in range(4, DOORS)]
    rig.cabinet.doors[1].force_open()
    rig.cabinet.doors[6].force_open()
    rig.run(200)
    assert rig.taken() == [[OPEN, 1, True]]
    chip.silent = False
    rig.run(1500)
    assert sorted(rig.taken()) == [[OPEN, door, door == 6] for door in range(4, DOORS)]


def test_one_lost_answer_is_no_fault(tmp_path):
    rig = started(tmp_path)
    rig.taken()
    chip = rig.cabinet.expanders["mcp23017@0:32"]
    chip.silent = True
    rig.run(1100)
    chip.silent = False
    rig.run(3000)
    assert rig.taken() == []


def test_an_expander_that_lost_its_settings_reports_doors_again(tmp_path):
    rig = started(tmp_path)
    rig.taken()
    chip = rig.cabinet.expanders["mcp23017@0:32"]
    chip.brown_out()
    rig.run(2000)
    rig.taken()
    rig.cabinet.doors[10].force_open()
    rig.run(100)  # by interrupt, so GPINTEN and the pull-ups are back
    assert rig.taken() == [[OPEN, 10, True]]


def test_a_second_flutter_takes_the_place_of_the_first(tmp_path):
    """Of the simulation: two at once would flutter twice as fast, and the longer one never end in time."""
    rig = started(tmp_path)
    reed = rig.cabinet.doors[3].reed
    reed.chatter(60_000)
    reed.chatter(100)
    rig.run(200)
    edges = reed.edges
    rig.run(1_000)
    assert reed.edges == edges
