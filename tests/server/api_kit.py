"""A host with something of everything, and a key for each role: what the tests of the whole API ask."""

import asyncio
from dataclasses import dataclass, field

import httpx2
from consigne.server.api import create_app
from consigne.server.ingest.store import Store
from consigne.server.pages.site import add_pages
from consigne.server.people.roles import Role
from consigne.server.service import HostService
from consigne.server.storage.documents import Place
from fastapi import FastAPI
from host_kit import T0, collected, deposited, event, events, occupancy, register, status

LOCKER, COUNTER = "L1", "shop-7"
PARCELS = ("RR123456785FR", "A/1", "B 2", "C", "D")
AT_COUNTER = ("C", "X", "Y", "Z")  # the first was announced
HEALTH = {
    "taken": 3,
    "samples": [[T0, 9, 61_000, -60, 12_100]],
    "latches": [[0, 80, 84, 0, 0], [1, 80, 200, 9, 0x80]],
}
ACCOUNTS = {
    Role.OPERATOR: {},
    Role.CARRIER: {"holder": 7},
    Role.MERCHANT: {"holder": 8},
    Role.PARTNER: {"holder": 9, "locker": LOCKER},
    Role.CLERK: {"holder": 10, "locker": COUNTER},
}


@dataclass
class World:
    """The application as it is served, pages and all; ``keys`` has one API key for each role."""

    host: HostService
    app: FastAPI
    keys: dict[Role, str] = field(default_factory=dict)
    command: str = ""  # the id of one that L1 was sent

    def headers(self, role: Role | None) -> dict[str, str]:
        """What shows who asks; nothing without a role."""
        return {} if role is None else {"authorization": f"Bearer {self.keys[role]}"}

    def ask(self, method, path, role=Role.OPERATOR, **more):
        """One request, over HTTP as the application receives it."""
        return self.ask_all([(method, path, more)], role)[0]

    def ask_all(self, requests, role=Role.OPERATOR, *, loop_factory=None):
        """The answers to many requests, each ``(method, path, what httpx takes more)``."""

        async def ask():
            transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
            base = {"base_url": "http://localhost", "headers": self.headers(role)}
            async with httpx2.AsyncClient(transport=transport, **base) as client:
                return [await client.request(method, path, **more) for method, path, more in requests]

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(ask())


def made(url: str) -> World:
    """A world on an empty database."""
    host = HostService(url, broker_port=1)
    register(host.database, [LOCKER, "L2"])
    host.fleet.register_counter(COUNTER, 5, Place("Kiosk", "1 rue A", "day"))
    world = World(host, create_app(host))
    add_pages(world.app, host)
    for role, place in ACCOUNTS.items():
        world.keys[role] = host.accounts.add(role.value, role, by="test", **place)
    world.command = _fill(host)
    return world


def _fill(host: HostService) -> str:
    """Parcels in each state, events, alarms, orders, codes, a history."""
    host.parcels.announce(PARCELS[0], LOCKER, carrier=7, contact="mail:a@example.org")
    host.parcels.announce(PARCELS[1], LOCKER, carrier=7, code="listed", deadline_days=2)
    host.parcels.announce(PARCELS[2], LOCKER, carrier=8)
    host.parcels.announce(PARCELS[3], COUNTER)
    store = Store(host.database)
    store.commit([status(LOCKER, 1, health=HEALTH, faults=["reader"], fw="1.0")])
    rows = [
        deposited(1, PARCELS[0], door=4),
        event(2, "forced", door=5, parcel=""),
        event(3, "unheard of", door=[1]),
    ]
    rows += [deposited(5, PARCELS[4], door=6), collected(6, PARCELS[4], door=6)]
    store.commit([events(LOCKER, 1, *rows)])
    store.commit(
        [occupancy(LOCKER, 1, 7, [[0, 0, None]] * 4 + [[1, 0, PARCELS[0]], [4, 2, None], [9, 9, "é"]])]
    )
    for parcel in AT_COUNTER:
        host.counter.take_in(COUNTER, parcel, by="clerk")
    host.orders.configure(LOCKER, {"language": "fr"}, "operator")
    resident = {"role": 4, "action": 0, "holder": 0, "door": 2, "uses": 0, "days": 9, "by": "operator"}
    host.passes.standing(LOCKER, **resident)
    host.passes.standing(LOCKER, **{**resident, "door": 65_535}, home=12)
    return host.orders.open(LOCKER, 4, "operator")
