"""The bench as a program: it measures what it promises, whatever happens to one of its parts."""

import ast
import importlib
import io
import json
import subprocess
import threading
from pathlib import Path

import consigne
import lab.bench
import pytest
from consigne import firmware_dir
from consigne.sim.grounds.process import interpreter
from lab.bench import cycles, journal, latency, narrow
from lab.bench.__main__ import PARTS, Bench
from lab.bench.goals import meets
from lab.bench.part import Measured, measure
from lab.soak import doors
from rich.console import Console

PATIENCE_S = 180.0  # ends a test that hangs, not one that is slow
# What is promised of the product, and the part that says whether it holds.
PROMISED = {
    "latency": ("latency.key_to_relay_after_debounce_p99_ms",),
    "heap": (
        "heap.peak_bytes",
        *(("heap.loaded_bytes", "heap.in_place_online_bytes") if narrow.interpreter() else ()),
    ),
    "boot": ("boot.import_reads", "boot.loaded_vs_in_place"),
    "cabinets": ("cabinets.run_cpython", "cabinets.run_micropython", "cabinets.run_official"),
    "journal": (
        "journal.program_bytes_per_record_byte",
        "journal.erases_per_1000_records",
        "journal.append_vs_littlefs_time",
        "journal.recover_vs_read",
        "journal.max_sector_erases_10y",
        "journal.capacity_events",
    ),
    "access": (
        "access.check_vs_hmac_10",
        "access.check_vs_hmac_1000",
        "access.guess_probability_day",
        "access.free_tries_after_1000_power_cuts",
        "access.honest_refused_during_attack",
        "access.grant_bytes",
    ),
    "mqtt": ("mqtt.qos1_vs_wait_each", "mqtt.drain_heap_growth_bytes"),
    "replay": ("sync.replayed_opens", "sync.replayed_commands"),
    "sync": ("sync.lost", "sync.duplicate_rows", "sync.gap_repair_s_max"),
    "holes": ("sync.stuck_streams", "sync.untold_lost", "sync.wrongly_told", "sync.converged_s_max"),
    "takeover": (
        "takeover.s_max",
        "takeover.lost",
        "takeover.orders_twice",
        "takeover.notices_twice",
        "failover.lost",
        "failover.twice",
    ),
    "hardware": (
        "hardware.config_bytes_96",
        "hardware.config_read_ms_96",
        "hardware.learned_doors_right",
    ),
    "doors": (
        "doors.max_coil_on_ms",
        "doors.concurrent_coils_max",
        "doors.edges_before_armed",
        "bus.status_poll_ratio",
        "doors.hand_opened_known_ms_max",
        "keypad.lost_keys",
    ),
    "cycles": ("doors.false_free",),
    "panel": ("panel.lost_keys",),
    "server": (
        "server.events_per_s",
        "server.ack_p99_ms",
        "server.postgresql.events_per_s",
        "server.postgresql.ack_p99_ms",
    ),
    "herd": (
        "server.herd_2000_acked_s_postgresql_2",
        "server.ack_p99_ms_postgresql",
        "server.repeats_vs_stored_sqlite",
        "server.deadlocks_postgresql_2",
    ),
    "pages": (
        "pages.ack_p99_ratio",
        "pages.healthz_s",
        "pages.postgresql.ack_p99_ratio",
        "pages.postgresql.healthz_s",
    ),
    "fleet": ("fleet.list_cold_cpu_s", "fleet.list_warm_cpu_s", "fleet.page_cpu_s_max"),
    "retention": ("retention.size_ratio", "retention.postgresql.size_ratio"),
    "tls": ("tls.attempts_without_time_max", "tls.online_without_time_s"),
    "house": ("house.imports_up", "house.circles", "types.any_dicts"),
    "contract": ("contract.calls_without_row", "contract.stand_in_differences"),
    "push": (
        "device.push_ratio",
        "device.push_ratio_romfs",
        "device.push_changed_s",
        "device.app_bytes",
    ),
    "cuts": (
        "device.cuts_survived",
        "device.cuts_not_survived",
        "device.cuts_survived_romfs",
        "device.cuts_not_survived_romfs",
    ),
}


@pytest.mark.parametrize("part", PARTS)
def test_what_is_promised_is_measured_by_the_bench(part: str) -> None:
    goals = importlib.import_module(f"lab.bench.{part}").GOALS
    assert set(PROMISED.get(part, ())) <= set(goals)
    for goal in goals.values():
        meets(0, goal)  # raises for one that cannot be compared


def test_no_promise_belongs_to_a_part_that_the_bench_does_not_run() -> None:
    assert set(PROMISED) <= set(PARTS)


PROGRAMS = [
    path for path in Path(lab.bench.__path__[0]).glob("probe_*.py") if "sys.argv[1]" in path.read_text()
]
"""Those that MicroPython is given as they are; the others stand in a firmware's place."""


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_what_a_program_for_the_device_imports_is_there(program: Path) -> None:
    """The bench alone runs them, and nobody waits for a whole bench to see that a module has moved."""
    lines = [ast.unparse(line) for line in ast.parse(program.read_text()).body]
    begin = [f"import sys; sys.path[0] = {str(program.parent)!r}"]
    begin.append(f"sys.argv[1:] = [{str(firmware_dir())!r}, {consigne.__path__[0]!r}]")
    begin += [line for line in lines if line.startswith(("import ", "from ", "sys.path"))]
    command = [interpreter(), "-c", "\n".join(begin)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def _bench(tmp_path: Path) -> tuple[Bench, io.StringIO]:
    terminal = io.StringIO()
    return Bench(Console(file=terminal, width=200), tmp_path / "bench.json"), terminal


def test_a_part_that_fails_is_named_and_what_came_before_and_after_is_kept(tmp_path: Path) -> None:
    bench, terminal = _bench(tmp_path)
    bench.keep({"before.number": 3.0}, {"before.number": "<= 2"})
    bench.measure("no_such_part", 30)
    bench.measure("cycles", 60)
    wrote = json.loads((tmp_path / "bench.json").read_text())
    assert wrote["before.number"] == 3
    assert wrote["bench.failed.no_such_part"] == 1
    assert wrote["doors.false_free"] == 0
    assert set(bench.failed) == {"no_such_part"}
    assert bench.missed() == ["before.number"]
    said = terminal.getvalue()
    assert "No module named 'lab.bench.no_such_part'" in said  # its own words, to find the cause
    assert "no_such_part failed" in said
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


def test_a_part_that_does_not_end_is_ended_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that never would: so it was ended, however slow the computer is."""
    (tmp_path / "endless.py").write_text(
        "import time\nGOALS = {}\ndef run():\n    while True:\n        time.sleep(1)\n"
    )
    (tmp_path / "sitecustomize.py").write_text(
        f"import lab.bench\nlab.bench.__path__.append({str(tmp_path)!r})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found: list[Measured] = []
    measuring = threading.Thread(
        target=lambda: found.append(measure("endless", lambda text: None, limit_s=1.0)), daemon=True
    )
    measuring.start()
    measuring.join(PATIENCE_S)
    assert found and "not ended after 1 s" in found[0].failed
    assert not found[0].numbers


def test_a_cabinet_that_gives_a_full_compartment_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cycles.counted([11], 200) == {"doors.false_free": 0, "doors.fault_cycles": 200}
    monkeypatch.setattr(doors.cabinet, "_TAKE_MS", -1)  # every flutter of a contact is a collection
    assert cycles.counted([11], 20_000)["doors.false_free"] == 1


def test_the_journal_that_is_measured_takes_a_day_of_traffic() -> None:
    life = journal._Life()
    life.day()
    assert life.events >= 400
    assert life.record_bytes < life.flash.programmed_bytes < 2 * life.record_bytes


def test_one_in_a_hundred_is_above_the_99th_percentile() -> None:
    assert latency.p99([float(value) for value in range(100, 0, -1)]) == 99
    assert latency.p99([5.0]) == 5


@pytest.mark.waits
def test_latency_is_measured_by_the_clocks_of_board_and_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "PICK_UPS", 1)
    monkeypatch.setattr(latency, "TOUCHES", 2)
    found = latency.run()
    assert set(latency.GOALS) <= set(found)
    assert found["latency.key_to_relay_p50_ms"] > latency.DEBOUNCE_MS
    assert 0 < found["latency.debounced_key_to_relay_p50_ms"] < found["latency.key_to_relay_p50_ms"]
    assert found["latency.waits_p99_ms"] < 2
