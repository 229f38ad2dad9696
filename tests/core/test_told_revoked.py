"""What a locker refuses for good it tells the host, which may have forgotten it: all of it, in pieces."""

import asyncio
from binascii import hexlify

from locker.core import records
from locker.core.access import Access
from locker.core.events import TRUST_SET
from locker.core.revoked import mark_of
from locker.net.sync import Sync
from sync_kit import LOCKER, Client

U32_MAX = 4294967295


class Journal:
    """The numbers of a journal with nothing to send."""

    epoch = next_seq = 1
    acknowledged = 0


def told_revoked(access, limit=None):
    """All that a locker tells of its revocations, a piece for each question; and the digest in each."""
    client = Client(12)
    if limit:
        client.packet.fit.limit = limit
    sync = Sync(
        client,
        Journal(),
        LOCKER,
        bytes(range(32)),
        lambda event: None,
        list,
        dict,
        lambda: 0,
        lambda: (0, U32_MAX, TRUST_SET),
        access=access,
    )
    rows, digests, first = [], [], 0
    while first or not digests:
        sync._inbox.revoked_from = first
        assert asyncio.run(sync._publish_one())
        piece = client.sent[b"replies"]
        assert piece["from"] == first and (piece["revoked"] or not first)
        rows += piece["revoked"]
        digests.append(piece["digest"])
        first = piece["next"]
    return rows, digests


def test_all_that_is_revoked_is_told_in_pieces_that_fit():
    access = Access(bytes(range(32)))
    assert told_revoked(access) == ([], [0])
    said = []
    for n in range(100):
        parcel = "RR{}".format(n)
        access.apply(records.REVOKE_PARCEL, 0, records.pack(records.REVOKE_PARCEL, U32_MAX - n, parcel))
        said.append([records.REVOKED, str(hexlify(mark_of(parcel.encode())), "ascii"), U32_MAX - n])
    others = [[records.REVOKE_NONCE, U32_MAX - n, U32_MAX] for n in range(64)]
    others += [[records.HOLDER_COUNTER, 1, 1, n, 65535 - n] for n in range(32)]
    for kind, *values in others:
        access.apply(kind, 0, records.pack(kind, *values))
    said += others
    for limit in (None, 400):
        rows, digests = told_revoked(access, limit)
        assert sorted(map(str, rows)) == sorted(map(str, said))
        assert len(digests) > 2 and set(digests) == {access.revoked_digest()}
    for kind, *values in (
        [records.HOLDER_COUNTER, 1, 1, 7, 50000],
        [records.REVOKE_NONCE, 70, U32_MAX],
        [records.REVOKE_PARCEL, U32_MAX, "P1"],
        [records.REVOKED, bytes(range(8)), U32_MAX],
    ):
        before = access.revoked_digest()
        access.apply(kind, 0, records.pack(kind, *values))
        assert access.revoked_digest() != before, kind
