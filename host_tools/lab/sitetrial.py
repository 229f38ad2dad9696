"""``docs/install-host.md`` followed word by word on a fresh Debian, with a parcel at the end.

A Debian is made by debootstrap and booted by systemd-nspawn, so that services run under a real systemd.  Blocks
marked ``sh`` are given to one root shell in the page's order, at a terminal, and each command must succeed; the
block marked ``bash`` is the page's second terminal.  ``consigne`` itself is the wheel of this tree, which pip finds
in a folder; everything else comes from the registries.  Needs root, and the ports that the page uses.
"""

import argparse
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "install-host.md"
SUITE, MIRROR = "bookworm", "http://deb.debian.org/debian"
NAME = "lockers.example"
PASSWORD = "correct horse battery"
PARCEL = "RR123456785FR"
COMMAND_S, BOOT_S, STEP_S = 900.0, 120.0, 120.0
_BLOCK = re.compile(r"^```(sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_DONE = re.compile(rb"\[\[ended (\d+)\]\]")
_PROMPT = re.compile(rb"(?:Password|confirmation): ?$")


class TrialError(RuntimeError):
    """The page does not lead where it says; the text tells at which command."""


def blocks(page: str) -> list[tuple[str, str]]:
    """``(terminal, commands)`` of each block in its order; ``sh`` is the first terminal, ``bash`` the second."""
    return [(found[1], found[2]) for found in _BLOCK.finditer(page)]


def commands(block: str) -> list[str]:
    """The commands of a block, each whole."""
    return [line for line in block.splitlines() if line.strip()]


def make_debian(root: Path) -> None:
    """A minimal Debian with systemd, and this machine's own authorities, where it reaches registries by them."""
    packages = "systemd-sysv,dbus,ca-certificates"
    run("debootstrap", "--variant=minbase", f"--include={packages}", SUITE, str(root), MIRROR)
    own = Path("/usr/local/share/ca-certificates")
    shutil.copytree(own, root / own.relative_to("/"), dirs_exist_ok=True)
    run("chroot", str(root), "update-ca-certificates")
    with (root / "etc" / "hosts").open("a") as hosts:
        hosts.write(f"127.0.0.1 localhost {NAME}\n")
    (root / "etc" / "resolv.conf").unlink(missing_ok=True)


def run(*words: str, **more: Any) -> str:
    done = subprocess.run(words, check=False, capture_output=True, text=True, **more)
    if done.returncode:
        raise TrialError(f"{' '.join(words)}: {done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


def until(condition: Callable[[], Any], what: str, timeout_s: float) -> Any:
    """What ``condition`` returns once it is true."""
    ends_s = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > ends_s:
            raise TrialError(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(0.2)
    return found


@contextmanager
def booted(root: Path, wheels: Path) -> Iterator[int]:
    """The process number, seen from here, of the systemd of a booted Debian."""
    words = ["systemd-nspawn", "--quiet", f"--directory={root}", "--boot", "--register=no", "--keep-unit"]
    with Path(f"{root}.boot.log").open("wb") as log:
        machine = subprocess.Popen(
            [*words, f"--bind-ro={wheels}:/srv/wheels"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        children = Path(f"/proc/{machine.pid}/task/{machine.pid}/children")
        leader = int(until(lambda: children.read_text().split(), "a first process", BOOT_S)[0])

        def is_up() -> bool:
            asked = ["nsenter", f"--target={leader}", "--mount", "--pid", "systemctl", "is-system-running"]
            return subprocess.run(asked, check=False, capture_output=True, text=True).stdout.strip() in (
                "running",
                "degraded",
            )

        until(is_up, "the Debian is up", BOOT_S)
        yield leader
    finally:
        machine.send_signal(signal.SIGTERM)
        machine.wait()


class Terminal:
    """A root shell in the Debian, at a terminal of its own."""

    def __init__(self, leader: int) -> None:
        kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        kept |= {"PIP_FIND_LINKS": "/srv/wheels", "HOME": "/root", "TERM": "dumb", "LANG": "C.UTF-8"}
        kept |= {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PAGER": "cat"}
        kept |= {"DEBIAN_FRONTEND": "noninteractive", "COLUMNS": "200"}
        self._pid, self._line = pty.fork()
        if self._pid == 0:
            enter = ["nsenter", f"--target={leader}", "--mount", "--uts", "--ipc", "--pid", "--"]
            os.execvpe("nsenter", [*enter, "bash", "--norc", "--noprofile", "--noediting"], kept | {"PS1": ""})
        self.said = b""

    def give(self, text: str) -> None:
        os.write(self._line, text.encode() + b"\n")

    def read(self, timeout_s: float = 0.2) -> bytes:
        """What came within the time; b"" when nothing did or the shell has ended."""
        if not select.select([self._line], [], [], timeout_s)[0]:
            return b""
        try:
            data = os.read(self._line, 65_536)
        except OSError:  # its end is closed
            return b""
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        self.said += data
        return data

    def carry_out(self, command: str) -> str:
        """Give one command, answer if it asks for a password; what it printed.  Raises ``TrialError``."""
        self.said = b""
        self.give(command + "; echo [[ended $?]]")
        ends_s = time.monotonic() + COMMAND_S
        while not (ended := _DONE.search(self.said)):
            if time.monotonic() > ends_s:
                raise TrialError(f"still running after {COMMAND_S:.0f} s: {command}")
            if self.read() and _PROMPT.search(self.said):
                self.give(PASSWORD)
        if ended[1] != b"0":
            raise TrialError(f"ended with {ended[1].decode()}: {command}")
        return self.said.decode(errors="replace")

    def close(self) -> None:
        os.close(self._line)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def wait_for(self, text: str, what: str) -> None:
        """Return when the terminal has shown this since it was last asked."""
        wanted = text.encode()
        until(lambda: self.read() and False or wanted in self.said, what, STEP_S)
        self.said = self.said.partition(wanted)[2]


class Trial:
    """The page's two terminals, and what a person does at the cabinet between its blocks."""

    def __init__(self, leader: int, root: Path) -> None:
        self._root = root
        self._first, self._second = Terminal(leader), Terminal(leader)

    def follow(self, page: str) -> None:
        """Give every block of the page.  Raises ``TrialError`` at the first command that fails."""
        for terminal, block in blocks(page):
            if terminal == "bash":
                self._open_second(block)
                continue
            said = [self._first.carry_out(command) for command in commands(block)]
            if "courier-code" in block:
                self._leave(json_in(said[-1])["code"])
            elif f"/parcels/{PARCEL}/code" in block:
                if json_in(said[0])["state"] != "stored":
                    raise TrialError(f"the host does not have the parcel: {said[0]}")
                self._collect(json_in(said[1])["code"])

    def _open_second(self, block: str) -> None:
        for command in commands(block):
            self._second.give(command)
        link = self._root / "root" / "board"
        until(lambda: self._second.read() and False or link.is_symlink(), "the virtual board's port", STEP_S)

    def _leave(self, code: str) -> None:
        ...

    def _collect(self, code: str) -> None:
        ...

    def close(self) -> None:
        self._first.close()
        self._second.close()


def json_in(said: str) -> Any:
    """The JSON object that a command printed."""
    lines = [line for line in said.splitlines() if line.startswith("{")]
    return json.loads(lines[-1])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="consigne-site-") as directory:
        wheels, root = Path(directory) / "wheels", Path(directory) / "debian"
        run(sys.executable, "-m", "pip", "wheel", "--no-deps", f"--wheel-dir={wheels}", str(ROOT))
        make_debian(root)
        with booted(root, wheels) as leader:
            trial = Trial(leader, root)
            try:
                trial.follow(PAGE.read_text(encoding="utf-8"))
            finally:
                trial.close()
    print("the page leads where it says")


if __name__ == "__main__":
    main()
