"""Starting the demo where it cannot start."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest


def test_a_port_in_use_is_said_in_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = [str(Path(sys.executable).with_name("consigne")), "demo", "--no-browser", "--port", port]
        command += ["--cabinet", "no such file"]  # nothing else is looked at before
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=600)
    assert done.returncode == 2
    assert f"port {port} cannot be had" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["--log", "--keep"])
def test_a_place_that_cannot_be_written_is_said_in_one_sentence(tmp_path: Path, option: str) -> None:
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" if option == "--keep" else tmp_path / "absent" / "log.txt"
    command = [str(Path(sys.executable).with_name("consigne")), "demo", "--no-browser", option, str(place)]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=600)
    assert done.returncode == 2 and f"give {option}" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
