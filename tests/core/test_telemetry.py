"""How the locker fares: what is kept of it while nobody hears it, and what is told."""

from time import ticks_add

from locker.net.telemetry import Telemetry

START_MS = ticks_add(0, -5_000)  # the ticks wrap soon


class Site:
    """A clock, a radio and latches; a sample is taken every quarter of an hour."""

    def __init__(self, doors=3, rows=None):
        self.ms = START_MS
        self.s = 1_790_000_000
        self.dbm = -60
        self.rows = rows or {}
        self.telemetry = Telemetry(lambda: (self.ms, self.s, 1), lambda: self.dbm, self.rows.get, doors)

    def sample(self, count):
        for _ in range(count):
            self.ms = ticks_add(self.ms, 900_000)
            self.s += 900
            self.telemetry.sample()


def test_a_sample_says_when_how_long_how_much_how_loud_and_what_the_supply_gives():
    site = Site()
    site.sample(1)
    (row,) = site.telemetry.body()["samples"]
    assert row[:2] == (1_790_000_900, 900) and row[3:] == (-60, -1)
    assert row[2] == -1 or row[2] > 0
    for measured_mv, told in ((12_140, 12_140), (0, -1)):
        site.telemetry = Telemetry(
            lambda: (site.ms, site.s, 1), lambda: 0, {}.get, 1, lambda mv=measured_mv: mv
        )
        site.sample(1)
        assert site.telemetry.body()["samples"][0][4] == told


def test_the_time_since_start_outlives_the_ticks():
    site = Site()
    site.sample(14 * 96)  # the ticks wrap every 12 days
    assert site.telemetry.body()["samples"][-1][1] == 14 * 86400


def test_the_oldest_go_first_and_the_host_can_count_them():
    site = Site()
    site.sample(100)
    body = site.telemetry.body()
    times = [row[0] for row in body["samples"]]
    assert body["taken"] == 100 and len(times) == 8
    assert times == [1_790_000_000 + 900 * n for n in range(93, 101)]


def test_only_latches_that_something_is_known_of_are_told_and_never_more_than_a_packet_holds():
    known = {1: (1, 90, 95, 0, 0)}
    assert Site(3, known).telemetry.body()["latches"] == [(1, 90, 95, 0, 0)]
    many = {door: (door, 90, 95, 0, 0) for door in range(200)}
    assert len(Site(200, many).telemetry.body()["latches"]) == 64
