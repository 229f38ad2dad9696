"""Starting the demo where it cannot start."""

import socket
import subprocess
import sys
from pathlib import Path


def test_a_port_in_use_is_said_in_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = [str(Path(sys.executable).with_name("consigne")), "demo", "--no-browser", "--port", port]
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=600)
    assert done.returncode == 2
    assert f"port {port} cannot be had" in done.stderr
    assert "Traceback" not in done.stderr
