"""``docs/install-host.md`` followed word by word on a fresh Debian, with a parcel at the end.

debootstrap makes a Debian and systemd-nspawn boots it, so services run under a real systemd.  Blocks marked
``sh`` are given to one root shell in the page's order, at a terminal, and each command must succeed; the
block marked ``bash`` is the page's second terminal.  ``consigne`` itself is the wheel of this tree, put where
the page says; all else comes from the registries.  Needs root, and the ports that the page uses.
"""

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
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from consigne.sim.board.nameserver import computers_name_server

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "install-host.md"
SUITE, MIRROR = "bookworm", "http://deb.debian.org/debian"
NAME = "lockers.example"
PASSWORD = "correct horse battery"
PARCEL = "RR123456785FR"
COMMAND_S, BOOT_S, STEP_S = 900.0, 120.0, 120.0
PERSON_S = 3.0
_BLOCK = re.compile(r"^```(sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_DONE = re.compile(rb"\[\[ended (\d+)\]\]")
_PROMPT = re.compile(rb"(?:Password|confirmation): ?$")


class TrialError(RuntimeError):
    """A command of the page failed; the text says which."""


def blocks(page: str) -> list[tuple[str, str]]:
    """``(terminal, commands)`` of each block in its order: ``sh`` the first terminal, ``bash`` the second."""
    return [(found[1], found[2]) for found in _BLOCK.finditer(page)]


def commands(block: str) -> list[str]:
    """The commands of a block, one a line."""
    return [line for line in block.splitlines() if line.strip()]


def make_debian(root: Path) -> None:
    """A minimal Debian with systemd, name resolution and this machine's certificate authorities."""
    packages = "systemd-sysv,dbus,ca-certificates,dnsmasq"
    run("debootstrap", "--variant=minbase", f"--include={packages}", SUITE, str(root), MIRROR)
    own = Path("/usr/local/share/ca-certificates")
    shutil.copytree(own, root / own.relative_to("/"), dirs_exist_ok=True)
    run("chroot", str(root), "update-ca-certificates")
    names = ["listen-address=127.0.0.1", "bind-interfaces", "no-resolv", f"address=/{NAME}/127.0.0.1"]
    lines = [*names, f"server={computers_name_server()}"]
    (root / "etc/dnsmasq.d/site.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n", encoding="utf-8")


def run(*words: str) -> None:
    """Carry out a command of this machine.  Raises ``TrialError``."""
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        raise TrialError(f"{' '.join(words)}: {done.stdout[-1000:]}{done.stderr[-2000:]}")


def until(condition: Callable[[], Any], what: str, timeout_s: float) -> None:
    """Return once it is true.  Raises ``TrialError``."""
    ends_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > ends_s:
            raise TrialError(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(0.2)


@contextmanager
def booted(root: Path) -> Iterator[int]:
    """The process id, outside the container, of the systemd of a booted Debian."""
    words = ["systemd-nspawn", "--quiet", f"--directory={root}", "--boot", "--register=no", "--keep-unit"]
    words += ["--resolv-conf=off"]
    with Path(f"{root}.log").open("wb") as log:
        machine = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        children = Path(f"/proc/{machine.pid}/task/{machine.pid}/children")
        until(lambda: children.read_text().split(), "a first process", BOOT_S)
        leader = int(children.read_text().split()[0])
        state = ["nsenter", f"--target={leader}", "--mount", "--pid", "systemctl", "is-system-running"]

        def is_up() -> bool:
            asked = subprocess.run(state, check=False, capture_output=True, text=True)
            return asked.stdout.strip() in ("running", "degraded")

        until(is_up, "the Debian is up", BOOT_S)
        yield leader
    finally:
        machine.send_signal(signal.SIGTERM)
        machine.wait()


class Terminal:
    """A root shell in the Debian, at a terminal of its own; ``said`` is its output."""

    def __init__(self, leader: int) -> None:
        kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        kept |= {"HOME": "/root", "TERM": "dumb", "LANG": "C.UTF-8"}
        kept |= {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PS1": ""}
        kept |= {"DEBIAN_FRONTEND": "noninteractive", "COLUMNS": "200"}
        self._pid, self._line = pty.fork()
        if self._pid == 0:
            enter = ["nsenter", f"--target={leader}", "--mount", "--uts", "--ipc", "--pid", "--"]
            os.execvpe("nsenter", [*enter, "bash", "--norc", "--noprofile", "--noediting"], kept)
        self.said = b""

    def give(self, text: str) -> None:
        """Type a line."""
        os.write(self._line, text.encode() + b"\n")

    def read(self) -> bool:
        """Read on for a moment; whether anything came."""
        if not select.select([self._line], [], [], 0.2)[0]:
            return False
        data = os.read(self._line, 65_536)
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        self.said += data
        return True

    def _echoes(self) -> bool:
        """Whether the terminal echoes: it does not while a program waits for a password."""
        return bool(termios.tcgetattr(self._line)[3] & termios.ECHO)

    def carry_out(self, command: str) -> str:
        """Give one command, answer if it asks for a password; returns its output.  Raises ``TrialError``."""
        self.said = b""
        self.give(command + "; echo [[ended $?]]")
        ends_s = time.monotonic() + COMMAND_S
        while not (ended := _DONE.search(self.said)):
            if time.monotonic() > ends_s:
                raise TrialError(f"still running after {COMMAND_S:.0f} s: {command}")
            self.read()
            if _PROMPT.search(self.said) and not self._echoes():
                self.said += b"(answered)"
                self.give(PASSWORD)
        if ended[1] != b"0":
            raise TrialError(f"ended with {ended[1].decode()}: {command}")
        return self.said.decode(errors="replace")

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        """Read on until the condition is true."""

        def is_so() -> bool:
            self.read()
            return bool(condition())

        until(is_so, what, STEP_S)

    def close(self) -> None:
        """End the shell; programs still running at this terminal get a hangup."""
        os.close(self._line)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


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
                self._collect(json_in(said[-1])["code"])

    def close(self) -> None:
        """End both terminals."""
        self._first.close()
        self._second.close()

    def _open_second(self, block: str) -> None:
        for command in commands(block):
            self._second.give(command)
        link = self._root / "root" / "board"
        self._second.wait_for(link.is_symlink, "the virtual board's port")

    def _at_cabinet(self, line: str, then: str) -> None:
        """Type a line at the virtual board's terminal, and wait for the next display."""
        self._second.said = b""
        self._second.give(line)
        self._second.wait_for(lambda: then.encode() in self._second.said, f"the display says {then!r}")

    def _stands_there(self) -> None:
        """Wait as a person would: a door that is shut as it opens counts as not used."""
        done_s = time.monotonic() + PERSON_S
        self._second.wait_for(lambda: time.monotonic() > done_s, "a person is done")

    def _leave(self, code: str) -> None:
        online = re.compile(rb"Consigne +\d\d:\d\d")
        self._second.wait_for(
            lambda: online.search(self._second.said), "the host has told the locker the time"
        )
        self._at_cabinet(f"{code}#", "Scan the next")
        self._at_cabinet(f"scan {PARCEL}", "Which size?")
        self._at_cabinet("1", "Put the parcel in")
        self._stands_there()
        self._at_cabinet("shut", "Parcels put in: 1")
        self._at_cabinet("#", "Thank you.")
        self._until_host("in_locker")

    def _collect(self, code: str) -> None:
        self._at_cabinet(f"{code}#", "Take your parcel")
        self._stands_there()
        self._at_cabinet("shut", "Thank you!")
        self._until_host("collected")

    def _until_host(self, state: str) -> None:
        """Wait until the host knows."""

        def knows() -> bool:
            return f'"state":"{state}"' in self._first.carry_out(f"ask /parcels/{PARCEL}")

        until(knows, f"the host has the parcel as {state}", STEP_S)


def json_in(said: str) -> Any:
    """The JSON object that a command printed."""
    return json.loads(next(line for line in said.splitlines() if line.startswith("{")))


def main() -> None:
    """Make the Debian, follow the page; exit with what went wrong."""
    with tempfile.TemporaryDirectory(prefix="consigne-site-") as directory:
        root = Path(directory) / "debian"
        make_debian(root)
        run(sys.executable, "-m", "pip", "wheel", "--no-deps", f"--wheel-dir={root / 'root'}", str(ROOT))
        with booted(root) as leader:
            trial = Trial(leader, root)
            try:
                trial.follow(PAGE.read_text(encoding="utf-8"))
            finally:
                trial.close()
    print("\nthe page leads where it says")


if __name__ == "__main__":
    try:
        main()
    except TrialError as error:
        sys.exit(f"\n{error}")
