"""What the database holds as JSON is read as one typed object, also where another release wrote it."""

import json

import pytest
from consigne.protocol.messages import Status
from consigne.protocol.telemetry import Telemetry
from consigne.server.fleet.fleet import Fleet
from consigne.server.fleet.overview import Overview
from consigne.server.ingest.store import Store
from consigne.server.storage import documents
from consigne.server.storage.documents import Door, Place
from consigne.server.storage.models import lockers
from host_kit import T0, database_at, status
from sqlalchemy import text, update

HEALTH = {"taken": 3, "samples": [[T0, 1800, 61440, -58]], "latches": [[4, 86, 91, 0, 128]]}
NESTED = "[" * 100_000
TOLD = Status(
    up=True, epoch=7, seq=9, ack=8, grants=2, digest=None, trust=1, time_s=T0, firmware="1.0",
    journal="clean", faults=["sensor"], health=Telemetry(3, [(T0, 1800, 61440, -58)], [(4, 86, 91, 0, 128)]),
    takes=2048,
)  # fmt: skip
WHOLE = {
    "epoch": 7, "seq": 9, "ack": 8, "grants": 2, "trust": 1, "wants": False, "time_s": T0, "firmware": "1.0",
    "journal": "clean", "faults": ["sensor"], "health": HEALTH, "takes": 2048,
}  # fmt: skip


def stored(database, **texts):
    """Put these texts into the row of L1 as another release could have left them."""
    with database.write() as connection:
        for column, value in texts.items():
            connection.execute(
                text(f"UPDATE lockers SET {column} = :value WHERE id = 'L1'"), {"value": value}
            )


def test_a_status_is_the_object_that_the_locker_sent(tmp_path):
    with database_at(tmp_path / "host.db") as database:
        told = {"seq": 9, "ack": 8, "grants": 2, "digest": 5, "t": T0, "takes": 2048}
        told |= {"fw": "1.0", "journal": "clean"}
        Store(database).commit([status("L1", 7, **told, faults=["sensor"], health=HEALTH)])
        assert Fleet(database).locker("L1").status == TOLD


def test_what_is_written_is_text_that_the_release_before_reads():
    assert json.loads(documents.write_status(TOLD)) == WHOLE
    assert json.loads(documents.write_layout([Door("A", 2, True)])) == [{"name": "A", "size": 2, "low": True}]
    assert json.loads(documents.write_place(Place("T"))) == {"title": "T", "address": "", "hours": ""}
    assert documents.write_ranges([]) == "[]", "the index of streams with gaps looks for this text"


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (WHOLE, TOLD),
        ({"epoch": 7}, Status(up=True, epoch=7)),
        ({**{name: WHOLE[name] for name in ("epoch", "trust")}, "battery": 3}, Status(True, 7, trust=1)),
        ({}, Status(up=True, epoch=0)),
        ({"epoch": 7, "health": {}}, Status(True, 7, health=Telemetry(0, [], []))),
        (
            {"epoch": 7, "health": {**HEALTH, "latches": [[4, 86]]}},
            Status(True, 7, health=Telemetry(3, TOLD.health.samples, [])),
        ),
        (
            {"epoch": 7, "health": {**HEALTH, "latches": [[4, 86, 91, 0, "weak"]]}},
            Status(True, 7, health=Telemetry(3, TOLD.health.samples, [])),
        ),
        (
            {"epoch": 7, "health": {"taken": "x", "samples": 5, "latches": {"a": 1}}},
            Status(True, 7, health=Telemetry(0, [], [])),
        ),
        (
            {"epoch": "x", "trust": "set", "firmware": 1, "journal": None, "faults": "all", "health": []},
            Status(True, 0),
        ),
    ],
)
def test_a_status_of_another_release_is_read_as_far_as_it_goes(told, read):
    assert documents.read_status(json.dumps(told)) == read


@pytest.mark.parametrize(
    "nonsense", ["", "{", "null", "5", "[]", '"x"', "[1, null, {}]", NESTED], ids=lambda told: told[:9]
)
def test_what_is_no_such_object_takes_nobodys_list_away(tmp_path, nonsense):
    with database_at(tmp_path / "host.db", "L1", "L2") as database:
        Store(database).commit([status("L1", 7, fw="1.0"), status("L2", 7, fw="1.0")])
        stored(database, status=nonsense, place=nonsense, layout=nonsense)
        shown = {line.id: line for line in Overview(database).lines()}
        assert (shown["L1"].firmware, shown["L2"].firmware) == ("", "1.0")
        assert [point.id for point in Overview(database).points()][:2] == ["L1", "L2"]
        assert Fleet(database).locker("L1").place == Place()
        assert Fleet(database).compartments("L1") is not None


def test_a_compartment_that_cannot_be_read_leaves_the_numbers_of_the_others():
    layout = documents.read_layout('[{"name": "A"}, 7, {"size": 3, "low": true, "colour": "red"}]')
    assert layout == (Door("A", 0), Door("2", 0), Door("3", 3, True))
    assert [documents.door_name(layout, door) for door in (0, 2, 3)] == ["A", "3", "4"]


def test_a_layout_that_a_person_wrote_into_the_database_may_be_spaced():
    assert documents.read_layout('\n [ {"name": "A", "size": 1} ] \n') == (Door("A", 1),)


def test_a_place_of_another_release_is_found_by_the_words_people_read(tmp_path):
    with database_at(tmp_path / "host.db") as database:
        stored(database, place='{"title": "Gare de l\\u00c9st", "floor": 2}')
        points = Overview(database).points("gare de l\u00e9st")
        assert [(one.id, one.title, one.address) for one in points] == [("L1", "Gare de l\u00c9st", "")]


def test_islands_that_cannot_be_read_are_never_taken_for_none():
    assert documents.read_ranges("[[3, 4], [9, 9]]") == [(3, 4), (9, 9)]
    assert documents.read_ranges("[]") == []
    for nonsense in (
        "{",
        "[3]",
        "[[3]]",
        "null",
        "[[0, 1]]",
        "[[3, 4.0]]",
        "[[3, 4], [5, 5]]",
        "[[3, 4294967296]]",
    ):
        assert documents.read_ranges(nonsense) is None


def test_commands_and_events_of_another_release_are_read():
    assert documents.read_arguments('{"door": 3, "colour": "red"}') == {"door": 3, "colour": "red"}
    assert documents.read_arguments("[]") == {} == documents.read_arguments("{")
    assert documents.read_event('{"kind": "opened", "door": 3}') == {"kind": "opened", "door": 3}
    assert documents.read_event("[]") == {"kind": "unknown"}


def test_a_column_is_changed_with_the_object_and_compared_with_the_text(tmp_path):
    with database_at(tmp_path / "host.db") as database:
        with database.write() as connection:
            connection.execute(
                update(lockers).where(lockers.c.id == "L1").values(place=Place("T"), status=TOLD)
            )
        with database.read() as connection:
            here = lockers.select().where(
                lockers.c.place.like('{"title": "T"%'), lockers.c.status.is_not(None)
            )
            row = connection.execute(here).one()
        assert (row.id, row.place, row.status) == ("L1", Place("T"), TOLD)
