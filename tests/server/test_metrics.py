"""What Prometheus reads of the host."""

import asyncio

import httpx2
import pytest
from consigne.server.api import create_app
from consigne.server.ingest.store import Store
from consigne.server.service import HostService
from consigne.server.storage.documents import Place
from host_kit import device_key, event, events, register, status
from prometheus_client.parser import text_string_to_metric_families


@pytest.fixture
def host(databases):
    with databases.url() as url:
        made = HostService(url, broker_port=1)
        register(made.database, ["L1", "L2", "L3"])
        yield made
        made.database.close()


def scrape(host, token=None, **headers):
    async def ask():
        transport = httpx2.ASGITransport(app=create_app(host, token=token))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/metrics", headers=headers)

    return asyncio.run(ask())


def numbers(answer):
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, *sample.labels.values()): sample.value for one in families for sample in one.samples
    }


def test_an_operator_sees_who_is_connected_what_is_missing_and_what_is_lost(host):
    store = Store(host.database)
    store.commit([events("L1", 1, event(1), event(5)), status("L1", 1)])
    store.commit([events("L2", 1, event(4, "lost", first=1, last=3)), events("L3", 1, event(1))])
    store.commit([events("L3", 1, event(1, door=9))])
    told = numbers(scrape(host))
    assert (told["consigne_lockers",], told["consigne_lockers_connected",]) == (3, 3)
    assert told["consigne_streams_with_gaps",] == 1
    assert told["consigne_events_lost",] == 3
    assert told["consigne_events_in_conflict",] == 1
    assert told["consigne_broker_connected",] == 0


def test_a_counter_is_no_locker_that_is_connected(host):
    host.fleet.register_counter("shop", 5, Place("Shop"))
    Store(host.database).commit([status("L1", 1)])
    told = numbers(scrape(host))
    assert (told["consigne_lockers",], told["consigne_lockers_connected",]) == (3, 1)
    assert told["consigne_counters",] == 1


def test_what_the_ingest_counts_is_told(host):
    host.ingest.counts.stored, host.ingest.counts.commits, host.ingest.counts.commit_s = 7, 2, 0.5
    host.ingest.dropped["bad_mac"] = 3
    told = numbers(scrape(host))
    assert told["consigne_stored_total",] == 7
    assert (told["consigne_commit_seconds_count",], told["consigne_commit_seconds_sum",]) == (2, 0.5)
    assert told["consigne_dropped_total", "bad_mac"] == 3


def test_how_the_lockers_fare_is_spread_over_the_fleet(host):
    store = Store(host.database)
    for locker, free_bytes, rssi_dbm, opens_ms in (("L1", 40_000, -80, 90), ("L2", 60_000, 0, 300)):
        health = {"taken": 1, "samples": [[1_790_000_000, 60, free_bytes, rssi_dbm]]}
        health["latches"] = [[0, 80, opens_ms, opens_ms // 2, 128 if opens_ms > 200 else 0]]
        store.commit([status(locker, 1, health=health)])
    told = numbers(scrape(host))
    assert [told["consigne_heap_free_bytes", q] for q in ("0", "1")] == [40_000, 60_000]
    assert [told["consigne_rssi_dbm", q] for q in ("0", "1")] == [-80, -80], "one has no Wi-Fi"
    assert [told["consigne_latch_open_ms", q] for q in ("0", "1")] == [90, 300]
    assert told["consigne_latch_trouble", "1"] == 150
    assert told["consigne_lockers_needing", "latch"] == 1 and told["consigne_lockers_needing", "new"] == 1
    assert ("consigne_supply_millivolts", "0") not in told, "nobody told it"


def test_the_numbers_need_the_token_and_hold_no_key(host):
    assert scrape(host, "t" * 20).status_code == 401
    answer = scrape(host, "t" * 20, authorization="Bearer " + "t" * 20)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    assert device_key("L1").hex() not in answer.text
