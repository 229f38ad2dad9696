"""Cards and homes: what the host grants a resident is what the locker's own code takes."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from consigne.protocol import codes
from consigne.server.access import grants
from consigne.server.access.passes import Passes
from consigne.server.errors import Conflict, Invalid
from consigne.server.storage.database import Database
from host_kit import database_at, device_key
from locker.core import access as device_access
from locker.core import records

ASKED: dict[str, Any] = {"role": 4, "action": 0, "holder": 0, "uses": 0, "days": 365, "by": "Ada"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with database_at(tmp_path / "host.db", "L1") as opened:
        yield opened


def _verdict(database: Database, text: str) -> Any:
    """What a locker that holds the host's set says to a code or card."""
    now_s = int(time.time())
    access = device_access.Access(device_key("L1"), doors=12)
    with database.read() as connection:
        for entry in grants.delta(connection, "L1", 0, 99, now_s)["add"]:
            *fixed, tag, parcel = entry
            payload = records.pack(records.GRANT, *fixed, bytes.fromhex(tag), parcel)
            access.apply(records.GRANT, now_s, payload)
    access.apply(records.ATTEMPT, now_s, records.pack(records.ATTEMPT, 1))
    return access.check_digits(text, (0, now_s, 1))


@pytest.mark.parametrize(("card", "text"), [
    ("26:12:34567", "W26:12:34567"), ("34:4711:815", "W34:4711:815"), ("37:513:99", "W37:513:99"),
])  # fmt: skip
def test_a_card_granted_by_the_host_opens_at_the_locker_and_the_next_one_does_not(
    database: Database, card: str, text: str
) -> None:
    made = Passes(database).standing("L1", door=5, card=card, **ASKED)
    assert made.code == ""
    reason, role, action, _, door, ref, *_ = _verdict(database, text)
    assert (reason, role, action, door, ref) == (0, 4, 0, 5, made.grant)
    assert _verdict(database, text[:-1] + str((int(text[-1]) + 1) % 10))[0] != 0


def test_a_resident_of_a_home_gets_a_code_for_that_homes_parcels(database: Database) -> None:
    made = Passes(database).standing("L1", door=codes.ANY_DOOR, home=12, **ASKED)
    assert _verdict(database, made.code)[6] == "@12"
    assert [one.parcel for one in Passes(database).standing_codes("L1")] == ["@12"]
    Passes(database).drop_standing("L1", made.grant, "Ada")
    assert Passes(database).standing_codes("L1") == []


def test_one_card_has_one_standing_code(database: Database) -> None:
    Passes(database).standing("L1", door=5, card="26:12:34567", **ASKED)
    with pytest.raises(Conflict, match="has a standing code"):
        Passes(database).standing("L1", door=6, card="26:12:34567", **ASKED)


@pytest.mark.parametrize(
    "card", ["26:256:1", "26:1:65536", "27:1:1", "26:1", "26:1:1:1", "26:-1:1", "26:a:1", "26: 1 :1_0"]
)
def test_a_card_that_cannot_be_is_refused_with_what_to_write(database: Database, card: str) -> None:
    with pytest.raises(Invalid, match="write bits:facility:number"):
        Passes(database).standing("L1", door=5, card=card, **ASKED)
