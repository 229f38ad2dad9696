"""What is told at a locker that is not well, on a virtual board: its journal, its state, its parts."""

import json
import subprocess

import device_kit as kit
from consigne.device import journal


def test_a_journal_reads_the_same_from_the_board_and_from_its_flash_in_a_file(tmp_path, ready, site):
    _, config, sim = site
    with kit.running_host(tmp_path) as (url, _), kit.board_with(ready, tmp_path, sim) as board:
        kit.made_locker(board, config, url)
        board.type("12345678#")
        board.wait_for(lambda: "known here" in " ".join(board.display()).lower(), 10)
        status, told = kit.consigne("journal", "dump", "-p", board.port, "--json")
        assert status == 0
        board.cut_power()
    from_board = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    status, told = kit.consigne("journal", "dump", "--image", tmp_path / "flash.bin", "--json")
    assert status == 0 and "clean" in told
    from_file = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    kinds = [record["kind"] for record in from_board]
    assert {"bound", "boot", "attempt", "refused"} <= set(kinds)
    assert from_file[: len(from_board)] == from_board  # it has started again since
    status, told = kit.consigne(
        "journal", "dump", "--image", tmp_path / "flash.bin", env=kit.environment(COLUMNS="200")
    )
    assert status == 0 and "cause restarted" in told and "reason wrong, via at the keypad" in told


def proven_and_ready(board):
    """Whether the newest start found the state proven and has come to serve."""
    lines = [line for _, what, line in list(board.log) if what == "stdout"]
    starts = [number for number, line in enumerate(lines) if line.startswith("journal:")]
    newest = lines[starts[-1] :] if starts else [""]
    return "ready" in newest and "not proven" not in newest[0]


def test_a_locker_whose_state_was_lost_serves_again_when_somebody_looked(tmp_path, ready, site):
    _, config, sim = site
    with kit.running_host(tmp_path) as (url, _), kit.board_with(ready, tmp_path, sim) as board:
        kit.made_locker(board, config, url)
        board.cut_power()
    kit.lose_records(tmp_path / "flash.bin")
    answers = ["empty", "RR123456785FR", "unseen"] + ["empty"] * (len(config["doors"]) - 3)
    with kit.board_with(None, tmp_path, sim) as board:
        board.wait_for(kit.said(board, "state not proven"), 20)
        done = subprocess.run(
            [*kit.COMMAND, "journal", "prove", "-p", board.port],
            check=False,
            input="\n".join(answers) + "\n", capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0 and "proven: 12 compartments, 1 of them blocked" in done.stdout, done
        board.wait_for(lambda: proven_and_ready(board), 20)
        board.cut_power()
    dump = journal.decode(kit.partition_of(tmp_path, "journal"))
    assert dump.proven
    assert any(entry.data.get("parcel") == "RR123456785FR" for entry in dump.entries)


def examined(board, *words):
    """The rows of the doctor's table by their part, of a locker that has a fault."""
    status, told = kit.consigne("doctor", "-p", board.port, *words, env=kit.environment(COLUMNS="200"))
    assert status == 1, told
    return {row.split("│")[1].strip(): row for row in told.splitlines() if row.count("│") == 5}


def test_doctor_says_an_expander_that_is_gone_once_and_waits_for_the_word_on_a_scanner(tmp_path, ready):
    config, sim = kit.compiled(kit.cabinet_file(tmp_path, clock=False))
    with kit.running_host(tmp_path) as (url, _), kit.board_with(ready, tmp_path, sim) as board:
        kit.made_locker(board, config, url)
        board.cabinet.expanders["mcp23017@0:32"].silent = True
        board.cabinet.scanner.silent = True
        rows = examined(board)
    gone = rows["expander mcp23017 at 0x20"]
    assert "fail" in gone and "does not answer" in gone and "address" in gone
    assert "pass" in rows["expander mcp23017 at 0x21"]
    behind = [door["name"] for door in sim["doors"] if door["reed"]["bank"] == "mcp23017@0:32"]
    assert behind and all(f" {name}" in gone for name in behind)
    assert not [part for part in rows if part in [f"door {name} sensor" for name in behind]]
    assert "does not answer" in rows["scanner"] and "fail" in rows["scanner"]
    assert "pass" in rows["clock"] and "no chip" in rows["clock"]


def test_doctor_says_nothing_of_serving_of_a_board_that_never_did(tmp_path, ready):
    with kit.board_with(ready, tmp_path) as board:
        board.wait_for(kit.said(board, "not serving"), 20)
        rows = examined(board)
    assert "is not on the board" in rows["identity.json"] and "pass" in rows["application"]
    assert not {"Python's memory", "internal memory"} & set(rows)


def test_doctor_names_the_part_that_fails_and_what_to_do(tmp_path, ready, site):
    _, config, sim = site
    with kit.running_host(tmp_path) as (url, _), kit.board_with(ready, tmp_path, sim) as board:
        kit.made_locker(board, config, url)
        board.cabinet.display.silent = True
        board.doors[2].strike.dead = True
        rows = examined(board, "--doors", "--yes")
    assert "pass" in rows["PSRAM"] and "MB" in rows["PSRAM"]
    assert "at the least" in rows["internal memory"] and "while it served" in rows["Python's memory"]
    assert "fail" in rows["display"] and "SDA and SCL" in rows["display"]
    assert "fail" in rows["door 3 lock"] and "latch" in rows["door 3 lock"]
    assert "pass" in rows["door 1 lock"] and "pass" in rows["keypad"] and "pass" in rows["clock"]
    assert "not in production" in rows["console"]
