"""Asks OSV, the database of known weaknesses, for every package of the lock.

Usage: ``audit.py [URL of the service]``.  Ends with 1 when a package has a known weakness.  Where the
service is not reached it says so in one line and ends with 0: a closed network must stop nobody's check.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SERVICE = "https://api.osv.dev/v1/query"
ASKED_S_MAX = 180  # for all packages, one after the other


def audit(service: str) -> str:
    """What was found, as one line.  Ends the program where weaknesses were."""
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", "osv", "--osv-url", service]
    command += ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        command += ["--requirement", str(lock)]
    try:
        ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=ASKED_S_MAX)
    except subprocess.TimeoutExpired:
        return f"Known weaknesses: not checked, {service} had not answered everything after {ASKED_S_MAX} s."
    if "requests.exceptions." in ended.stderr:
        return f"Known weaknesses: not checked, {service} is not reached from here."
    if not ended.stdout:
        sys.exit(ended.stderr)
    packages = json.loads(ended.stdout)["dependencies"]
    if weak := [package for package in packages if package.get("vulns")]:
        sys.exit("\n".join(["Known weaknesses:", *(_sentence(package) for package in weak)]))
    passed_over = [package["name"] for package in packages if "skip_reason" in package]
    more = f"; not known to the service: {', '.join(passed_over)}" if passed_over else ""
    return f"Known weaknesses: none in {len(packages) - len(passed_over)} packages{more}."


def _sentence(package: dict[str, object]) -> str:
    vulns = package["vulns"]
    assert isinstance(vulns, list)
    names = ", ".join(sorted(vuln["id"] for vuln in vulns))
    fixed = sorted({version for vuln in vulns for version in vuln["fix_versions"]})
    return (
        f"  {package['name']} {package['version']}: {names}; mended in {', '.join(fixed) or 'no release yet'}"
    )


if __name__ == "__main__":
    print(audit(*sys.argv[1:2] or [SERVICE]))
