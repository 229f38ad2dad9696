"""A key that is pressed while the display is being written is never lost."""

import pytest
from lab.bench import panel


@pytest.mark.parametrize("parts", panel.PANELS)
def test_every_key_is_told_in_time_while_the_display_is_repainted_without_a_pause(parts):
    lost, invented, late_ms = panel.typed(panel.PANELS[parts], "virtual", 100, 15)
    assert (lost, invented) == (0, 0)
    assert late_ms <= 10, "a few scans, or one write to the display"


@pytest.mark.waits
def test_on_micropython_too():
    lost, invented, _ = panel.typed(panel.PANELS["wiegand ssd1306"], "micropython", 12, 5)
    assert (lost, invented) == (0, 0)
