"""A host that leads no more, and does not know it yet: it signs no command and takes no notice."""

import time
from functools import partial

import pytest
from consigne.server.fleet import commands
from consigne.server.ingest.ingest import Ingest
from consigne.server.ingest.mqtt import HostClient
from consigne.server.notices.notices import Outbox
from consigne.server.parcels.parcels import Parcels
from consigne.server.storage.lease import LeadershipLost, Lease
from consigne.server.storage.models import leases, lockers
from sqlalchemy import update


@pytest.fixture
def database(databases):
    with databases.opened("L1") as opened:
        yield opened


def test_only_the_host_that_leads_signs_and_takes_notices(database):
    former, leader = Lease(database), Lease(database)
    former.attempt()
    with database.write() as connection:
        connection.execute(update(leases).values(holder=""))  # as if it had not been renewed for long
    leader.attempt()
    now_s = int(time.time())
    Parcels(database).announce("RR123456785FR", "L1", contact="mail:ada@example.org")
    with database.write() as connection:
        connection.execute(update(lockers).values(up=True))
        commands.issue(connection, "L1", commands.OPEN, {"door": 0}, now_s)

    def signed(lease):
        ingest = Ingest(database, HostClient("127.0.0.1", 1, client_id="test"), check=lease.check)
        turn = partial(ingest._turn_of, names=["L1"], missing={}, at_s=now_s)
        return len(database.transact(turn).outgoing)

    with pytest.raises(LeadershipLost):
        signed(former)
    with pytest.raises(LeadershipLost):
        Outbox(database, former.check).take(8)
    assert signed(leader) == 1
    assert [due.parcel for due in Outbox(database, leader.check).take(8)] == ["RR123456785FR"]
