"""Sets up ``.venv`` from the lock: ``install.py run`` for the demo, ``dev`` for tests and checks.

Nothing is compiled: what has no package built for this Python and machine ends set-up with one sentence.
Any Python 3 can read this file, for an old one has to be able to say that it is too old.
"""

import os
import platform
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = os.path.join(ROOT, ".venv", "bin", "python")
# What the lock is made for and what is tried before each release; here, because no old Python reads lock.py.
PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")
OLDEST = tuple(int(part) for part in PYTHONS[0].split("."))
TOO_OLD = "Consigne needs Python {} or later, this is {}; name another with: make PYTHON=python{}"
UNAVAILABLE = (
    "{} has no package built for Python {} on {} {}, or the package index did not answer; set-up compiles "
    "nothing. Known to work: Python {} on 64-bit Linux ({})."
)
_UNAVAILABLE = re.compile(r"No matching distribution found for ([^\s;]+)")


def explained(said: str) -> str:
    """What pip said on its standard error, as one sentence where the cause is known."""
    missing = _UNAVAILABLE.search(said)
    if missing:
        version = ".".join(platform.python_version_tuple()[:2])
        here = (missing.group(1), version, platform.system(), platform.machine())
        return UNAVAILABLE.format(*here, ", ".join(PYTHONS), ", ".join(MACHINES))
    return said.strip()


def pip(*arguments: str) -> None:
    """Run the environment's pip; end with what went wrong."""
    command = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *arguments]
    ended = subprocess.run(command, check=False, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    if ended.returncode:
        sys.exit(explained(ended.stderr))


def locked(name: str, *options: str) -> None:
    """Install a file of the lock; what comes as source is built with the tools of build.txt."""
    path = os.path.join("requirements", name + ".txt")
    pip("--require-hashes", "--no-build-isolation", "--requirement", path, *options)


def environment() -> None:
    """Make the environment, and install into it what builds packages."""
    if subprocess.run([sys.executable, "-m", "venv", os.path.join(ROOT, ".venv")], check=False).returncode:
        sys.exit("This Python cannot make an environment; on Debian and Ubuntu install python3-venv.")
    locked("build")


def run() -> None:
    """What the demo needs, and this checkout."""
    print("setting up .venv (a minute or two, once)", flush=True)
    environment()
    if subprocess.run([PYTHON, os.path.join(".ci", "lock.py"), "--check"], check=False, cwd=ROOT).returncode:
        sys.exit(1)
    locked("run")
    pip("--no-deps", "--no-build-isolation", "--editable", ".")


def dev() -> None:
    """What tests and checks need besides."""
    print("adding what tests and checks need (a minute or two, once)", flush=True)
    locked("dev")


def lock() -> None:
    """What makes the lock, so that it can be made where it does not fit."""
    environment()
    locked("lock")


def stubs() -> None:
    """What MicroPython's modules look like to the type checker: never in the environment itself."""
    locked("stubs", "--upgrade", "--target", "typings", "--no-user")


if __name__ == "__main__":
    if sys.version_info < OLDEST:
        sys.exit(TOO_OLD.format(PYTHONS[0], platform.python_version(), PYTHONS[-1]))
    {"run": run, "dev": dev, "lock": lock, "stubs": stubs}[sys.argv[1]]()
