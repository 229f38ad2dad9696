"""What Prometheus reads at ``/metrics``.

Counters are those of the ingest, workers included, since it started; gauges are read from the database at
each scrape, so it does not matter which process wrote them.
"""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from .fleet.fleet import COUNTER
from .fleet.overview import NEEDS, Overview
from .health import State
from .ingest.counts import Counts
from .notices import notices
from .service import HostService
from .storage.database import NO_ANSWER
from .storage.models import commands, holes, lockers, streams

_COUNTERS = {
    "messages": "MQTT messages received",
    "stored": "Events committed",
    "repeated": "Events that were committed before",
    "deferred": "Events left for later: their stream has too many gaps",
    "conflicts": "Event numbers that came again with other content",
    "failed_commits": "Commits that the database refused",
    "met": "Transactions tried again because they met another one",
    "shed": "Repeated messages answered without the database, because the host was behind",
    "overflow": "Messages not queued because the database was too slow",
    "failed_listeners": "Failures of what listens to commits, such as a page",
    "acknowledgements": "Cumulative acknowledgements published",
    "asked_again": "Requests to send again from a number",
}

QUANTILES = (0, 0.05, 0.5, 0.95, 1)
# name, text, column of a sample (telemetry.Telemetry), the value that means unknown
_SAMPLED = (
    ("heap_free_bytes", "Free heap", 2, -1),
    ("rssi_dbm", "Wi-Fi signal", 3, 0),
    ("supply_millivolts", "Supply voltage", 4, -1),
)


class HostMetrics(Collector):
    """The numbers of one host, whose health is as it was looked at a moment ago."""

    def __init__(self, host: HostService, state: State) -> None:
        self._database, self._ingest, self._overview = host.database, host.ingest, host.overview
        self._state = state
        self._clock = host.clock

    def describe(self) -> list[Metric]:
        """Return nothing, so that registering does not query the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every number at this moment; when the database does not answer, those alone that do not need it."""
        counts, by_reason = self._ingest.total()
        yield from _counters(counts)
        dropped = CounterMetricFamily("consigne_dropped", "Messages not let through", labels=["reason"])
        for reason, count in sorted(by_reason.items()):
            dropped.add_metric([reason], count)
        yield dropped
        state = self._state
        yield _gauge("healthy", "1 while all of the host works, as /healthz tells", state.healthy)
        yield _gauge("database_writable", "1 while events can be stored", state.database)
        yield _gauge("broker_connected", "1 while the broker is connected", state.broker)
        yield _gauge("ingest_running", "1 while what arrives is committed", state.ingest)
        yield _gauge("clock_believed", "1 while lockers are told the time", not self._clock.doubt)
        yield _gauge("queue_messages", "Messages received and not yet committed", self._ingest.waiting)
        try:
            yield from [*self._from_database(), *_of_fleet(self._overview)]
        except NO_ANSWER as error:
            self._database.complain(error)

    def _from_database(self) -> Iterator[Metric]:
        with self._database.read() as connection:
            up = func.count().filter(lockers.c.up.is_(True))
            kinds = select(lockers.c.kind, func.count(), up).where(lockers.c.retired_at.is_(None))
            by_kind = {kind: (count, up) for kind, count, up in connection.execute(kinds.group_by("kind"))}
            gaps = connection.execute(
                select(func.count()).select_from(streams).where(streams.c.islands != "[]")
            ).scalar_one()
            lost_at = connection.execute(select(func.count()).select_from(holes)).scalar_one()
            sums = select(func.sum(streams.c.lost), func.sum(streams.c.conflicts))
            lost, conflicts = connection.execute(sums).one()
            states = select(commands.c.state, func.count()).group_by(commands.c.state)
            by_state = connection.execute(states).all()
            told = notices.count(connection)
        known, connected = by_kind.get("locker", (0, 0))
        yield _gauge("lockers", "Lockers registered, counters not among them", known)
        yield _gauge("lockers_connected", "Lockers connected to the broker", connected)
        yield _gauge("counters", "Attended pick-up counters registered", by_kind.get(COUNTER, (0, 0))[0])
        yield _gauge("streams_with_gaps", "Streams of which events are known to be missing", gaps)
        yield _gauge("events_lost", "Events that no journal has any more", lost or 0)
        yield _gauge("event_holes", "Places in streams where events are lost", lost_at)
        yield _gauge("events_in_conflict", "Events that came again with other content", conflicts or 0)
        family = GaugeMetricFamily("consigne_commands", "Commands by state", labels=["state"])
        for state, count in by_state:
            family.add_metric([state], count)
        yield family
        family = GaugeMetricFamily("consigne_notices", "Notices to customers by state", labels=["state"])
        for state in (notices.WAITING, notices.SENT, notices.FAILED, notices.VOID):
            family.add_metric([state], told.get(state, 0))
        yield family


def registry(host: HostService, state: State) -> CollectorRegistry:
    """A registry with these numbers alone, for ``prometheus_client.generate_latest``."""
    made = CollectorRegistry()
    made.register(HostMetrics(host, state))
    return made


def _counters(counts: Counts) -> Iterator[Metric]:
    for name, text in _COUNTERS.items():
        yield CounterMetricFamily(f"consigne_{name}", text, value=getattr(counts, name))
    yield SummaryMetricFamily(
        "consigne_commit_seconds",
        "Batches committed and the time they took",
        count_value=counts.commits,
        sum_value=counts.commit_s,
    )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"consigne_{name}", text, value=value)


def _of_fleet(overview: Overview) -> Iterator[Metric]:
    """How the lockers fare, as of what each last told."""
    lines = [line for line in overview.lines() if line.kind == "locker"]
    needing = Counter(name for line in lines for name, _ in line.needs)
    family = GaugeMetricFamily("consigne_lockers_needing", "Lockers that need something", labels=["need"])
    for name in NEEDS:
        family.add_metric([name], needing[name])
    yield family
    told = [line.sample for line in lines if line.sample]
    for name, text, column, unknown in _SAMPLED:
        values = [sample[column] for sample in told if len(sample) > column and sample[column] != unknown]
        yield _spread(name, f"{text}, spread over the fleet", values)
    latches = [latch for line in lines for latch in line.latches]
    opening = "Time from pulse to open door, average of the last few, spread over all latches"
    yield _spread("latch_open_ms", opening, [latch[2] for latch in latches if latch[2]])
    trouble = "Pulses in vain and repeated, 0 to 255, spread over all latches"
    yield _spread("latch_trouble", trouble, [latch[3] for latch in latches])


def _spread(name: str, text: str, values: list[int]) -> GaugeMetricFamily:
    """Least, largest and some quantiles between them; no series when no locker sent a value."""
    family = GaugeMetricFamily(f"consigne_{name}", text, labels=["quantile"])
    values.sort()
    for quantile in QUANTILES if values else ():
        family.add_metric([f"{quantile:g}"], values[round(quantile * (len(values) - 1))])
    return family
