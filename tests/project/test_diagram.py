"""The page that shows what a door does shows what it does."""

from consigne import firmware_dir
from lab import diagram


def test_the_doors_page_is_the_one_drawn_from_the_table() -> None:
    shown = (firmware_dir() / diagram.PAGE).read_text(encoding="utf-8")
    assert shown == diagram.page(), "run: python -m lab.diagram"


def test_every_row_of_the_table_is_an_arrow_and_every_action_is_there() -> None:
    arrows = diagram.arrows()
    for phase, signal, target, action in diagram.rows():
        assert (phase, target, signal, action) in arrows
    assert ("ordered", "stuck", "late", "pulse_again") in arrows, "what an action chooses is drawn too"
    reached = {end for _, end, _, _ in arrows} | {"unknown"}
    assert reached == set(diagram.doors.PHASES)
