"""Every file in ``hardware/cabinets`` is played on the real interpreter, alone and on a flashed board."""

import pytest
from lab.bench import cabinets
from lab.bench.cabinets import Play

REAL = ("micropython", "board")
FILES = {file.stem: file for file in cabinets.files()}


@pytest.fixture(scope="module")
def plays() -> dict[tuple[str, str], Play]:
    """All of them, some at once: nearly all their time is waiting."""
    every = [(file, ground) for file in FILES.values() for ground in REAL]
    return {(play.file.stem, play.ground): play for play in cabinets.play_all(every)}


@pytest.mark.parametrize("ground", REAL)
@pytest.mark.parametrize("name", FILES)
def test_a_parcel_goes_in_and_out_of_a_shipped_cabinet(
    plays: dict[tuple[str, str], Play], name: str, ground: str
) -> None:
    played = plays[(name, ground)]
    assert played.amiss == "", played.printed
