"""A locker out of its box, which has never known the time: firmware, broker and host are real."""

import asyncio
from pathlib import Path

import pytest
from lab.bench import tls


@pytest.mark.parametrize("case", ["began yesterday", "ends in an hour"])
def test_a_locker_that_has_never_known_the_time_comes_online_and_sets_its_clock(
    tmp_path: Path, case: str
) -> None:
    seen = asyncio.run(tls.first_day(tmp_path / "locker", tls.CASES[case]))
    assert seen.handshakes == 3, "refused by the earliest time, believed, judged by the true date"


def test_a_certificate_that_has_expired_lets_nobody_in_once_the_time_is_known(tmp_path: Path) -> None:
    """It is believed for as long as the host needs to say what time it is, and no longer."""
    with pytest.raises(TimeoutError):
        asyncio.run(tls.first_day(tmp_path / "locker", (-90, -1), patience_s=25))
