"""The whole firmware in a cabinet whose doors hang on pins and on lock boards of three makes."""

from pathlib import Path

from board_kit import ADDRESS, BOARDS, POLARITY, board
from board_kit import cabinet as bare_cabinet
from consigne.sim import reference
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.host import Host
from driver_rig import MicroPythonRig
from sim_kit import EPOCH_S, IDENTITY, KEY

MAKES = ("8a", "winnsen", "modbus")


def mixed() -> dict:
    """Doors 0 and 1 on pins, then two on each board."""
    given = reference.config(1883)
    given["expanders"] = []
    given["rs485"] = [{"uart": 1, "tx": 6, "rx": 17, "de": 7}]
    given["boards"] = [{"kind": kind, "uart": 1, "address": ADDRESS[kind]} for kind in MAKES]
    given["doors"] = given["doors"][:2] + [
        {
            "name": f"{number + 3}",
            "size": 1,
            "lock": {"bank": f"{MAKES[number // 2]}@1:{ADDRESS[MAKES[number // 2]]}", "channel": number % 2},
            "reed": {"bank": f"{MAKES[number // 2]}@1:{ADDRESS[MAKES[number // 2]]}", "channel": number % 2},
            "closed_level": POLARITY[MAKES[number // 2]],
        }
        for number in range(6)
    ]
    return given


def started(tmp_path: Path) -> tuple[SimLocker, Host]:
    clock = VirtualClock()
    host = Host(clock, KEY, None)
    locker = SimLocker(mixed(), IDENTITY, tmp_path, "virtual", clock=clock, network=host.network)
    locker.start()
    locker.wait_for(lambda: host.status.get("up"), 60)
    host.know_time(EPOCH_S)
    locker.wait_for(lambda: host.status.get("trust") == 1, 60)
    return locker, host


def test_a_remote_order_opens_the_door_on_every_make_and_its_closing_is_told(tmp_path: Path) -> None:
    locker, host = started(tmp_path)
    for door in (0, 2, 5, 7):
        host.command("open", door=door)
        locker.wait_for(lambda door=door: locker.doors[door].is_open, 5)
        locker.run_for(2)
        locker.push_shut(door)
        locker.run_for(2)
    told = [
        (e["kind"], e["door"]) for _, e in sorted(host.events.items()) if e["kind"] in ("opened", "closed")
    ]
    assert told == [(kind, door) for door in (0, 2, 5, 7) for kind in ("opened", "closed")]
    assert not locker.failures and not locker.ends
    locker.stop()


def test_a_silent_board_puts_its_own_doors_out_of_order_and_the_others_open(tmp_path: Path) -> None:
    locker, host = started(tmp_path)
    locker.cabinet.boards[f"winnsen@1:{ADDRESS['winnsen']}"].deaf = True
    locker.run_for(6)
    faults = [(e["door"], e["fault"]) for e in host.events.values() if e["kind"] == "door_fault"]
    assert sorted(faults) == [(4, 2), (5, 2)]
    assert any("winnsen" in e["what"] for e in host.events.values() if e["kind"] == "fault")
    host.command("open", door=4)
    host.command("open", door=3)
    locker.run_for(5)
    assert [n for n, door in enumerate(locker.doors) if door.is_open] == [3]
    assert "forced" not in host.kinds()
    locker.stop()


def test_a_board_with_a_loose_plug_fills_no_journal(tmp_path: Path) -> None:
    """It comes and goes for minutes; what happened to parcels must not make room for that."""
    locker, host = started(tmp_path)
    board_ = locker.cabinet.boards[f"8a@1:{ADDRESS['8a']}"]
    for _ in range(50):
        board_.silent = not board_.silent
        locker.run_for(6)
    told = host.kinds()
    assert told.count("door_fault") == 2 * 3
    assert 20 < told.count("fault") <= 30
    host.command("open", door=2)
    locker.wait_for(lambda: locker.doors[2].is_open, 5)
    locker.stop()


def test_a_bus_full_of_noise_is_told_board_by_board_and_the_doors_on_pins_open(tmp_path: Path) -> None:
    locker, host = started(tmp_path)
    wire = locker.cabinet.boards[f"winnsen@1:{ADDRESS['winnsen']}"].wire
    wire.noise_before = wire.noise_after = 400
    locker.run_for(15)
    told = {event["what"] for event in host.events.values() if event["kind"] == "fault"}
    assert f"winnsen@1:{ADDRESS['winnsen']} garbled: address twice?" in told
    assert not locker.ends, "the task that speaks with the boards goes on"
    host.command("open", door=0)
    locker.wait_for(lambda: locker.doors[0].is_open, 5)
    locker.stop()


def test_boards_speak_with_drivers_on_micropython_too(tmp_path: Path) -> None:
    config = bare_cabinet(board("8a"), board("modbus"), doors=4, pulses=(5,))
    with MicroPythonRig(tmp_path, BOARDS, config) as rig:
        rig.wait_for(lambda: len(rig.doors_told()) == 8)
        rig.call(lambda: rig.board.pin(33).drive("test", 0))
        rig.wait_for(lambda: ["pulsed", 5] in rig.events_seen() and rig.doors_told()[5])
        assert [n for n, is_open in rig.doors_told().items() if is_open] == [5]
        assert rig.call(lambda: rig.cabinet.supply.coils_on_max) == 1


def test_boards_that_are_asked_without_a_pause_leave_room_for_a_sweep_before_the_heap_is_full(
    tmp_path: Path,
) -> None:
    locker = SimLocker({**mixed(), "network": {}}, IDENTITY, tmp_path, "virtual")
    heap = locker.ground.heap
    heap.sweep_us, heap.bytes_per_s = 100_000, 20_000
    locker.start()
    locker.wait_for(lambda: "ready" in locker.output(), 30)
    begun = len(heap.sweeps)
    locker.run_for(60)
    assert len(heap.sweeps) > begun + 15 and not heap.overrun
    assert not [line for line in locker.output() if line.startswith("part:")], "each board was understood"
    locker.stop()
