"""What a locker tells of how it fares is kept with its status, or refused whole."""

import pytest
from consigne.protocol import messages, telemetry
from consigne.protocol.untrusted import ProtocolError, dump
from consigne.server.fleet.fleet import Fleet
from consigne.server.ingest.store import Store
from host_kit import T0, database_at, status

HEALTH = {
    "taken": 3,
    "samples": [[T0, 1800, 61440, -58], [T0 + 900, 2700, -1, 0]],
    "latches": [[4, 86, 91, 0, 128]],
}


def test_the_newest_telemetry_stands_with_the_status(tmp_path):
    with database_at(tmp_path / "host.db") as database:
        Store(database).commit([status("L1", 7, seq=1, t=T0, health=HEALTH)])
        assert Fleet(database).locker("L1").status.health == telemetry.parse(HEALTH)


@pytest.mark.parametrize("column", [2, 3, 4])
@pytest.mark.parametrize("value", [2**31, -(2**31), 2**32 - 1])
def test_a_sample_that_no_column_holds_is_left_out_alone(column, value):
    odd = [T0, 5, 1, -1, 1]
    odd[column] = value
    most = [T0, 2**32 - 1, 2**31 - 1, -(2**31) + 1, 2**31 - 1]
    told = telemetry.parse({**HEALTH, "samples": [odd, most]})
    assert told == telemetry.Telemetry(3, [tuple(most)], [tuple(HEALTH["latches"][0])])


@pytest.mark.parametrize(
    "health",
    [
        [],
        {},
        {**HEALTH, "taken": -1},
        {**HEALTH, "samples": [[1, 2, 3]]},
        {**HEALTH, "samples": [[1, 2, 3, "4"]]},
        {**HEALTH, "samples": [[1, 2, 3, 2**40]]},
        {**HEALTH, "samples": [[0, 0, 0, 0]] * (telemetry.SAMPLES_MAX + 1)},
        {**HEALTH, "latches": [[1, 2, 3, 4]]},
        {**HEALTH, "latches": [1]},
        {**HEALTH, "latches": [[0] * 5] * (telemetry.DOORS_MAX + 1)},
    ],
)
def test_telemetry_of_another_shape_is_refused(health):
    with pytest.raises(ProtocolError):
        messages.parse_status(dump({"up": True, "epoch": 1, "health": health}))
