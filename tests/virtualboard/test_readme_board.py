"""The board that the README offers to whoever has none: its commands, as they stand there."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "PYTHONUNBUFFERED": "1",
}


def test_whoever_has_no_board_gets_one_that_takes_the_application(tmp_path: Path) -> None:
    block = README.read_text(encoding="utf-8").split("No board at hand?")[1].split("```")[1]
    first, *then = [shlex.split(line) for line in block.splitlines() if line]
    assert "virtual" in first and len(then) >= 2
    board = subprocess.Popen(first, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    try:
        assert board.stdout is not None
        assert board.stdout.readline().strip() == "board"
        for command in then:
            done = subprocess.run(
                command,
                cwd=tmp_path,
                env=ENVIRONMENT,
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        assert "main.py" in done.stdout
        board.send_signal(signal.SIGINT)
        board.stdout.read()
        assert board.wait(600) == 0
    finally:
        board.kill()
        board.wait()
