"""The documents as a site, built as ``make docs`` builds it, elsewhere."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
START = "docs/index.html"


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of the Makefile's target ``docs`` on ``source``, into ``out``."""
    recipe = re.search(r"^docs:.*\n\t@(.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe, "the Makefile has no target docs"
    command = recipe[1].replace("$(BIN)", str(Path(sys.executable).parent)).replace("build/site", str(out))
    return subprocess.run(
        shlex.split(command), cwd=source, capture_output=True, text=True, timeout=600, check=False
    )
