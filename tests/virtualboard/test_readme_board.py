"""The board that the README offers to whoever has none: its commands, as they stand there."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from device_kit import TOKEN, running_host

README = Path(__file__).parents[2] / "README.md"
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "PYTHONUNBUFFERED": "1",
}


def _run(words: list[str], cwd: Path, **more: str) -> str:
    """What a command of the README prints, in a shell that stands in the clone."""
    done = subprocess.run(
        words, cwd=cwd, env=ENVIRONMENT | more, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def test_whoever_has_no_board_gets_one_that_becomes_a_locker(tmp_path: Path) -> None:
    (tmp_path / "hardware").symlink_to(README.parent / "hardware")
    block = README.read_text(encoding="utf-8").split("No board at hand?")[1].split("```")[1]
    first, *then = [shlex.split(line) for line in block.splitlines() if line]
    assert "virtual" in first
    assert {words[2] for words in then if words[0] == "consigne"} >= {"push", "provision", "doctor"}
    board = subprocess.Popen(first, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    try:
        assert board.stdout is not None
        assert board.stdout.readline().strip() == "board"
        with running_host(tmp_path) as (address, host):
            told = [
                _run(
                    [word.replace("http://127.0.0.1:8080", address) for word in words],
                    tmp_path,
                    CONSIGNE_TOKEN=TOKEN,
                )
                for words in then
            ]
            assert host.fleet.names() == ["L0001"]
        assert any("main.py" in text for text in told)
        board.send_signal(signal.SIGINT)
        board.stdout.read()
        assert board.wait(600) == 0
    finally:
        board.kill()
        board.wait()
