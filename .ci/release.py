"""Makes a release: ``release.py <directory> [key]`` builds what is published of the version at hand.

Into the directory go the source archive, the wheel built from it, the packages that it was tested with
(hashes, and as a CycloneDX list of parts), the changes of this version, the checksums of all these, and with
a private SSH key the signature of the checksums.  A release is of a commit: what is not committed ends it.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMESPACE = "consigne-release"  # a signature says what it was made for
_VERSION = re.compile(r'^VERSION = "([^"]+)"$', re.MULTILINE)


def version() -> str:
    """The version of the checkout, from its one place."""
    found = _VERSION.search((ROOT / "firmware/locker/__init__.py").read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def changes(text: str, release: str) -> str:
    """The section of a version in CHANGELOG.md, without its title; ends the program where there is none."""
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    for section in sections:
        title, _, body = section.partition("\n")
        if re.match(rf"\[{re.escape(release)}\] - \d{{4}}-\d\d-\d\d$", title):
            return body.strip() + "\n"
    sys.exit(
        f"CHANGELOG.md has no section for {release}: give what is under Unreleased its version and date."
    )


def run(*command: str | Path, cwd: Path = ROOT, epoch: str = "0") -> str:
    """What the command prints; ends the program with the command's own words when it fails."""
    ended = subprocess.run(
        command,
        check=False,
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
    )
    if ended.returncode:
        sys.exit(ended.stderr.strip() or ended.stdout.strip())
    return ended.stdout


def build(directory: Path, epoch: str) -> tuple[Path, Path]:
    """Source archive and wheel; the wheel comes from the unpacked archive, so that anybody can make the same.

    ``epoch``: seconds since 1970 that the files in both are dated with.  Built with the environment's own
    hatchling, whose version and hash the lock holds.
    """
    builder = (sys.executable, "-m", "hatchling", "build", "--directory", directory)
    run(*builder, "--target", "sdist", epoch=epoch)
    archive = directory / f"consigne-{version()}.tar.gz"
    with tempfile.TemporaryDirectory() as work:
        with tarfile.open(archive) as opened:
            opened.extractall(work, filter="data")
        run(*builder, "--target", "wheel", cwd=Path(work, f"consigne-{version()}"), epoch=epoch)
    return archive, directory / f"consigne-{version()}-py3-none-any.whl"


def list_parts(target: Path, epoch: str) -> None:
    """The packages of the run lock as a CycloneDX list, as JSON."""
    with tempfile.TemporaryDirectory() as work:
        project = Path(work, "pyproject.toml")
        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        project.write_text(
            text.replace('dynamic = ["version"]', f'version = "{version()}"'), encoding="utf-8"
        )
        run(
            *(sys.executable, "-m", "cyclonedx_py", "requirements", ROOT / "requirements/run.txt"),
            *(
                "--pyproject",
                project,
                "--output-reproducible",
                "--output-format",
                "JSON",
                "--output-file",
                target,
            ),
            epoch=epoch,
        )


def checksums(directory: Path) -> Path:
    """SHA256SUMS of all files in the directory, as ``sha256sum --check`` reads them."""
    names = sorted(path.name for path in directory.iterdir())
    lines = [f"{hashlib.sha256((directory / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    sums = directory / "SHA256SUMS"
    sums.write_text("".join(lines))
    return sums


def why_not(key: Path) -> str:
    """Why it cannot sign, "" if it can: told before anything is built, which takes minutes.

    One that is locked can: its passphrase is asked for when there is something to sign.
    """
    try:
        text = key.read_text(errors="replace")
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if "PRIVATE KEY-----" not in text:
        return "" if _is_with_agent(text.split()) else "is no private key"
    asked = ("ssh-keygen", "-y", "-P", "", "-f", key)
    ended = subprocess.run(asked, check=False, capture_output=True, text=True)
    if not ended.returncode or "incorrect passphrase" in ended.stderr:
        return ""
    return f"cannot sign ({ended.stderr.strip().rpartition(': ')[2]})"


def _is_with_agent(public: list[str]) -> bool:
    """Whether a public key's private half is with ssh-agent, as that of a hardware token may be."""
    if not public or not public[0].startswith(("ssh-", "sk-", "ecdsa-")):
        return False
    ended = subprocess.run(("ssh-add", "-L"), check=False, capture_output=True, text=True)
    return public[:2] in [line.split()[:2] for line in ended.stdout.splitlines()]


def release(directory: Path, key: Path | None) -> None:
    """Everything that is published, and how a reader verifies it."""
    if key is not None and (wrong := why_not(key)):
        sys.exit(f"{key} {wrong}: give the private SSH key that signs, as KEY=~/.ssh/id_ed25519.")
    if changed := run("git", "status", "--porcelain"):
        sys.exit(f"A release is of a commit; not committed are:\n{changed.rstrip()}")
    notes = changes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version())
    epoch = run("git", "log", "-1", "--format=%ct").strip()
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    build(directory, epoch)
    shutil.copy(ROOT / "requirements/run.txt", directory / f"consigne-{version()}-requirements.txt")
    list_parts(directory / f"consigne-{version()}.cdx.json", epoch)
    (directory / f"consigne-{version()}-changes.txt").write_text(notes, encoding="utf-8")
    sums = checksums(directory)
    print(sums.read_text(), end="")
    if key is None:
        print(f"{directory}: not signed, for no key was given (make release KEY=~/.ssh/id_ed25519).")
    else:
        run("ssh-keygen", "-Y", "sign", "-f", key, "-n", NAMESPACE, sums)
        print(f"{directory}: signed with {key}; docs/releasing.md says how a reader verifies it.")


if __name__ == "__main__":
    given = Path(sys.argv[2]).expanduser().absolute() if len(sys.argv) > 2 else None
    release(Path(sys.argv[1]).resolve(), given)
