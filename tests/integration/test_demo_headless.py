"""``make demo HEADLESS=1``: the whole path, proved without a browser, in one line of JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from consigne.demo import headless

CONSIGNE = str(Path(sys.executable).with_name("consigne"))


def test_two_parcels_go_in_and_out_and_the_database_knows_everything() -> None:
    done = subprocess.run(
        [CONSIGNE, "demo", "--headless"], capture_output=True, check=False, text=True, timeout=120
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
