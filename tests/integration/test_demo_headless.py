"""``make demo HEADLESS=1``: the whole path, proved without a browser, in one line of JSON."""

import asyncio
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from consigne.demo import headless, stage, steps, trial
from consigne.demo.stage import Stage
from consigne.sim import reference
from consigne.sim.locker import SimLocker

CONSIGNE = str(Path(sys.executable).with_name("consigne"))


def test_two_parcels_go_in_and_out_and_the_database_knows_everything() -> None:
    done = subprocess.run(
        [CONSIGNE, "demo", "--headless"], capture_output=True, check=False, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1, "one line for machines, nothing else"
    report = json.loads(lines[0])
    assert report["interpreter"] == "micropython"
    assert report["interpreter_version"].startswith("1.29.0")
    assert report["parcels_deposited"] == report["parcels_collected"] == 2
    assert report["events_stored"] >= 20
    assert report["events_lost"] == report["events_duplicated"] == 0
    assert 0 < report["seconds"] < headless.DEADLINE_S


def test_a_demo_that_gets_nowhere_says_what_it_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(headless, "DEADLINE_S", 0.0)
    assert headless.run() == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "waiting for the locker to connect and have its clock set" in told.err


def test_a_firmware_that_cannot_start_is_told_in_its_consoles_words_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stage, "SimLocker", partial(SimLocker, heap_kb=96))
    assert headless.run() == 1
    assert trial.run([steps.Step(steps.WAIT, "1")], "micropython") == 1
    told = capsys.readouterr()
    first, second = told.err.splitlines()
    assert first.startswith("consigne: the firmware ended: MemoryError")
    assert second.startswith("consigne sim: the firmware ended: MemoryError")


def test_a_kept_demo_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async def visit() -> tuple[int, list[int]]:
        async with Stage(tmp_path / "kept") as stage:
            proof = headless.Proof(stage)
            await proof.until("the locker to connect", proof.is_ready)
            events = stage.host.fleet.events(reference.LOCKER, limit=1000)
            boots = [event.seq for event in events if event.kind == "boot"]
            return events[0].epoch, boots

    first_epoch, first_boots = asyncio.run(visit())
    second_epoch, second_boots = asyncio.run(visit())
    assert second_epoch == first_epoch, "the same journal, not a new one"
    assert len(first_boots) == 1
    assert second_boots[: len(first_boots)] == first_boots
    assert len(second_boots) == 2
