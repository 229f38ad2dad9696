"""A host restored from a backup learns from the real firmware what it does not know any more."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from consigne.protocol import codes
from consigne.server.access.passes import Passes
from consigne.server.errors import Conflict
from consigne.server.fleet.alarms import Alarms
from consigne.server.fleet.orders import Orders
from consigne.server.parcels.parcels import Parcels
from restored_kit import LOCKER, Joined
from sim_kit import EPOCH_S, KEY

DERIVED, LISTED, LATER = "RR123456785FR", "JD000000000000000001", "JD000000000000000002"
COURIER = codes.window_code(KEY, role=1, action=1, holder=7, epoch_s=EPOCH_S)


@pytest.fixture
def joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Joined]:
    both = Joined(tmp_path, monkeypatch)
    yield both
    both.stop()


def courier(joined: Joined) -> str:
    return Passes(joined.database).window_code(LOCKER, role=1, action=1, holder=7).code


def test_what_was_revoked_after_the_backup_stays_revoked_on_both_sides_and_an_order_opens_at_once(
    joined: Joined,
) -> None:
    parcels = Parcels(joined.database)
    parcels.announce(DERIVED, LOCKER)
    parcels.announce(LISTED, LOCKER, code="listed")
    joined.run(3)
    joined.deposit(COURIER, DERIVED)
    joined.deposit(COURIER, LISTED)
    digits = parcels.code(DERIVED), parcels.code(LISTED)
    joined.backup()
    joined.ahead_s = 366 * 86_400  # the host's clock is wrong for some orders: its counter is far ahead
    Orders(joined.database).revoke_holder(LOCKER, 1, 1, 7)
    Parcels(joined.database).revoke(DERIVED)
    Parcels(joined.database).revoke(LISTED)
    Parcels(joined.database).announce(LATER, LOCKER)
    Parcels(joined.database).revoke(LATER)
    joined.run(3)
    joined.ahead_s = 0
    new = courier(joined)
    joined.restore()
    joined.run(5)
    parcels = Parcels(joined.database)
    for id_ in (DERIVED, LISTED):
        assert parcels.get(id_).revoked and parcels.get(id_).state == "in_locker"
        with pytest.raises(Conflict, match="revoked"):
            parcels.code(id_)
    with pytest.raises(Conflict, match="revoked"):
        parcels.announce(LATER, LOCKER)
    assert courier(joined) == new != COURIER
    assert not any(joined.typed(code) for code in (*digits, COURIER)), "a revoked code opens"
    Orders(joined.database).open(LOCKER, 3)
    joined.run(2)
    assert joined.locker.doors[3].is_open


def test_what_a_swapped_board_says_of_its_doors_corrects_what_happened_after_the_backup(
    joined: Joined, tmp_path: Path
) -> None:
    Parcels(joined.database).announce(DERIVED, LOCKER)
    Parcels(joined.database).announce(LATER, LOCKER)
    joined.run(3)
    joined.deposit(COURIER, DERIVED)
    joined.backup()
    assert joined.typed(Parcels(joined.database).code(DERIVED)), "the customer takes it"
    joined.shut_all()
    Parcels(joined.database).announce(LISTED, LOCKER)  # of which the copy knows nothing
    door = joined.deposit(COURIER, LATER)
    strange = joined.deposit(COURIER, LISTED)
    joined.swap_board(tmp_path / "another")
    joined.restore()
    joined.run(15)
    parcels = Parcels(joined.database)
    known = [(one.state, one.door) for one in map(parcels.get, (DERIVED, LATER, LISTED))]
    assert [known[0][0], *known[1:]] == ["gone", ("in_locker", door), ("in_locker", strange)]
    assert parcels.get(LISTED).carrier is None
    (alarm,) = [one for one in Alarms(joined.database).open(LOCKER) if one.kind == "corrected"]
    assert alarm.data["gone"] == DERIVED and alarm.data["found"] == LATER
    assert alarm.data["unknown"] == LISTED
    assert joined.typed(parcels.code(LATER)), "a customer's code is good"
