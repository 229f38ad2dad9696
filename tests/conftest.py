"""For every test: the device's modules import as they are (``pythonpath`` in pyproject.toml)."""

import micropython  # noqa: F401 - gives ``time`` the ticks functions before any device module is imported
