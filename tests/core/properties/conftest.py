"""The kits of ``tests/core`` serve here too.  Hypothesis prints what replays a failure; it keeps no files."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

settings.register_profile("core", deadline=None, database=None, print_blob=True)
settings.load_profile("core")
