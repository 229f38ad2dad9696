"""Every file in ``hardware/cabinets`` is played on the real interpreter, on a board flashed for it."""

import pytest
from lab.bench import cabinets
from lab.bench.cabinets import Play

FILES = {file.stem: file for file in cabinets.files()}


@pytest.fixture(scope="module")
def plays() -> dict[str, Play]:
    """All of them, some at once: nearly all their time is waiting."""
    every = [(file, "board") for file in FILES.values()]
    return {play.file.stem: play for play in cabinets.play_all(every)}


@pytest.mark.parametrize("name", FILES)
def test_a_parcel_goes_in_and_out_of_a_shipped_cabinet(plays: dict[str, Play], name: str) -> None:
    assert plays[name].amiss == "", plays[name].printed
