"""Commands to lockers: written down, counted, signed, expired, matched with their answers.

A command is a row before it is a message.  Its counter is taken, and committed, when it is sent; it is never
less than the host's time in seconds, so it rises even when the database was restored from an older copy; and
a locker says in its status which it took last.  A command that opens a door is sent once: lost, it expires,
and a person decides again.  Commands that can safely be carried out twice are sent again, under a new
counter, until they are answered or expire.

Whoever changes commands that exist has their lockers locked before (``storage.locks``).
"""

import logging
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from locker.core.orders import RESULT_NAMES
from locker.core.timekeeping import DAY_S
from sqlalchemy import ColumnElement, bindparam, select, update
from sqlalchemy.engine import Connection

from consigne.protocol import frames, messages, topics
from consigne.protocol.messages import Arguments
from consigne.protocol.untrusted import ProtocolError

from ..access import aside, grants
from ..clock import next_change, offset_s, zone_of
from ..complaints import Complaints
from ..people import audit
from ..people.audit import HOST
from ..storage import retention
from ..storage.ages import Ages
from ..storage.contiguity import Stored
from ..storage.database import Database, chunks, columns_of
from ..storage.documents import write_arguments
from ..storage.locks import lock_lockers
from ..storage.lookup import is_device_key
from ..storage.models import commands, lockers
from ..storage.secret import Secret
from . import contents, sizes
from .answers import (
    BROKE_OFF,
    DONE,
    EXPIRED,
    FAILED,
    LEARNT,
    NO_ANSWER,
    REFUSED,
    SENT,
    SUPERSEDED,
    TOO_EARLY,
    UNREADABLE,
    WAITING,
)

log = logging.getLogger(__name__)
_complaints = Complaints(log)

OPEN, TIME, GRANTS, AGAIN = "open", "time", "grants", "again"
REVOKE, REVOKED = "revoke", "revoked"
BLOCK, RELEASE, RESERVE = "block", "release", "reserve"
CONTENTS = "contents"
CONFIGURE, MESSAGE, IDENTIFY, REBOOT = "configure", "message", "identify", "reboot"
CLOCK = "clock"
LIFETIME_S = {OPEN: 30, TIME: 30, GRANTS: 30, AGAIN: 30, CONTENTS: 60, REVOKED: 60, REVOKE: 30 * DAY_S}
LIFETIME_S |= {BLOCK: 7 * DAY_S, RELEASE: 7 * DAY_S, RESERVE: DAY_S}
LIFETIME_S |= {CONFIGURE: 7 * DAY_S, MESSAGE: DAY_S, IDENTIFY: 30, REBOOT: 30, CLOCK: 7 * DAY_S}
SENDING_LIFETIME_S = 60
"""Seconds from each sending to the expiry that the locker sees, unless the command ends sooner."""
REPEATED = (GRANTS, CONTENTS, REVOKE, REVOKED, BLOCK, RELEASE, RESERVE, CONFIGURE, MESSAGE)
ANSWER_WITHIN_S = 10
"""A command of ``REPEATED`` is sent again when no answer came for this many seconds."""
COUNTER_OF_CLOCK_MAX = 3 << 30
"""The most that a counter takes from a clock (2072): above it a locker's 32 bits leave room for a billion
commands, so a host that once believed to live in 2106 can still command."""
REFUSED_PAUSE_S = 5
"""After a locker refused a delta the next one waits this long, unless the locker asks."""
FAILED_PAUSE_S = 900
"""... and this long after the locker broke off and started anew, where less was no cure: else it would, with
every delta."""
BROKEN_WITHIN_S = 90
"""A connection that ends so soon after a command was sent, and before it was answered, may have ended by it:
the broker notices a dead one within a keep-alive time and a half."""
WHOLE_SETS_PER_HOUR = 3
"""How often per hour a locker is sent its whole set of grants because its digest is not the host's."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A signed command, ready to be published."""

    id: str
    locker: str
    topic: str
    payload: bytes


class Sent(NamedTuple):
    """Commands to publish, and the ids of those that ended: not answered, or not readable for this host."""

    outgoing: list[Outgoing]
    ended: list[str]


@dataclass(frozen=True, slots=True)
class _ToSend:
    """A command with what is needed of its locker to sign it."""

    id: str
    locker: str
    cmd: str
    arguments: Arguments
    state: str
    breaks: int
    sent_at: int | None
    expires_at: int
    device_key: Secret
    timezone: str
    command_counter: int
    grants_have: int | None
    grants_version: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """A command that may be answered."""

    id: str
    locker: str
    cmd: str
    arguments: Arguments
    state: str
    counter: int | None


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A command that was not answered before the connection ended."""

    id: str
    locker: str
    cmd: str
    arguments: Arguments
    breaks: int


_SUSPECT = columns_of(_Suspect, commands)
_TO_SEND = columns_of(_ToSend, commands, lockers)
_ASKED = columns_of(_Asked, commands)
_SENT = (
    update(commands)
    .where(commands.c.id == bindparam("the_id"))
    .values(
        state=SENT,
        counter=bindparam("new_counter"),
        sent_at=bindparam("at_s"),
        arguments=bindparam("new_arguments", type_=commands.c.arguments.type),
    )
)
_COUNTED = (
    update(lockers)
    .where(lockers.c.id == bindparam("the_locker"))
    .values(command_counter=bindparam("new_counter"))
)
_ANSWERED = (
    update(commands)
    .where(commands.c.id == bindparam("the_id"))
    .values(state=bindparam("new_state"), result=bindparam("new_result"), answered_at=bindparam("at_s"))
)
# A locker at another version asked before it answered, which changed grants_have.
_GRANTS_HAD = (
    update(lockers)
    .where(lockers.c.id == bindparam("the_locker"), lockers.c.grants_have == bindparam("had"))
    .values(grants_have=bindparam("has"))
)
_CLOCK_ASKED = (
    update(commands)
    .where(commands.c.id == bindparam("the_id"))
    .values(state=WAITING, arguments=bindparam("new_arguments", type_=commands.c.arguments.type))
)


def issue(
    connection: Connection,
    locker: str,
    cmd: str,
    arguments: Arguments,
    now_s: int,
    *,
    by: str = HOST,
    subject: str | None = None,
) -> str:
    """Write a command down to be sent; returns its id.

    Parameters
    ----------
    by
        The account that ordered it.
    subject
        What the command settles, such as one door's block. An older unanswered command of the same subject
        ends here: repeated later, it would undo the newer decision.
    """
    if subject is not None:
        lock_lockers(connection, [locker])
        older = (commands.c.locker == locker) & (commands.c.subject == subject)
        open_ = older & commands.c.state.in_((WAITING, SENT))
        connection.execute(update(commands).where(open_).values(state=EXPIRED, result=SUPERSEDED))
    row = _new(locker, cmd, arguments, now_s)
    connection.execute(commands.insert().values(**row, by=by, subject=subject))
    id_ = str(row["id"])
    if by != HOST:
        audit.note(connection, by, cmd, locker=locker, command=id_, detail=write_arguments(arguments))
    return id_


def _new(locker: str, cmd: str, arguments: Arguments, now_s: int) -> dict[str, object]:
    """The row of a command of the host itself that waits to be sent."""
    row: dict[str, object] = {
        "id": secrets.token_hex(8),
        "locker": locker,
        "cmd": cmd,
        "arguments": arguments,
    }
    return row | {"state": WAITING, "created_at": now_s, "expires_at": now_s + LIFETIME_S[cmd]}


def _issue_all(connection: Connection, cmd: str, wanted: Mapping[str, Arguments], now_s: int) -> None:
    """Write down the same command of the host to some lockers, each with its arguments."""
    if wanted:
        rows = [_new(locker, cmd, arguments, now_s) for locker, arguments in wanted.items()]
        connection.execute(commands.insert(), rows)


def due(connection: Connection, now_s: int, tells_time: bool = True) -> list[str]:
    """The lockers that a command ended or is to be sent to, or whose set of grants is not the host's."""
    mine = commands.c.locker == lockers.c.id
    over = commands.c.state.in_((WAITING, SENT)) & (commands.c.expires_at <= now_s)
    ending = select(commands.c.id).where(mine, over).exists()
    sending = select(commands.c.id).where(mine, _to_send(now_s, tells_time)).exists()
    wanted = ending | (lockers.c.up.is_(True) & (sending | _stale(now_s)))
    names = connection.execute(select(lockers.c.id).where(wanted)).scalars()
    return sorted({*names, *sizes.due(connection, now_s)})


def _to_send(now_s: int, tells_time: bool) -> ColumnElement[bool]:
    """Commands whose time it is; an order for a clock waits until the locker asks, and its nonce is known."""
    unanswered = (commands.c.state == SENT) & commands.c.cmd.in_(REPEATED)
    waiting = (commands.c.state == WAITING) & (
        (commands.c.cmd != CLOCK) | commands.c.arguments.like('%"nonce"%')
    )
    if not tells_time:
        waiting &= commands.c.cmd != TIME
    return waiting | (unanswered & (commands.c.sent_at <= now_s - ANSWER_WITHIN_S))


def _stale(now_s: int) -> ColumnElement[bool]:
    """Lockers whose set of grants is not the host's: none is on its way, none was refused just now.

    While a locker is asked what is revoked, none is sent: the host may have forgotten that a code was.
    """
    open_ = commands.c.state.in_((WAITING, SENT))
    failed = (commands.c.result == FAILED) & (commands.c.answered_at > now_s - FAILED_PAUSE_S)
    since_s = now_s - REFUSED_PAUSE_S
    refused = (commands.c.state == REFUSED) & ((commands.c.answered_at > since_s) | failed)
    learning = (commands.c.cmd == REVOKED) & open_ & (commands.c.expires_at > now_s)
    busy = ((commands.c.cmd == GRANTS) & (open_ | refused)) | learning
    mine = (commands.c.locker == lockers.c.id) & busy
    behind = lockers.c.grants_have.is_not(None) & (lockers.c.grants_have != lockers.c.grants_version)
    return behind & ~select(commands.c.id).where(mine).exists()


def turn(
    connection: Connection,
    names: Sequence[str],
    missing: Mapping[str, int],
    now_s: int,
    tells_time: bool = True,
) -> Sent:
    """What is due at these lockers, few enough for one short transaction.

    ``missing`` gives, for some of them, the first event that they are asked for again; those that are not
    connected would receive that too late.  Without ``tells_time`` nobody is told a time that is not believed.
    """
    known = lock_lockers(connection, names)
    asked: dict[str, Arguments] = {
        locker: {"seq": seq} for locker, seq in missing.items() if locker in known and known[locker].up
    }
    _issue_all(connection, AGAIN, asked, now_s)
    expired = expire(connection, names, now_s)
    repair_grants(connection, names, now_s)
    sent = send(connection, names, now_s, tells_time)
    return sent._replace(ended=expired + sent.ended)


def expire(connection: Connection, names: Sequence[str], now_s: int) -> list[str]:
    """End the commands that these lockers did not answer in time; returns their ids."""
    over = commands.c.state.in_((WAITING, SENT)) & (commands.c.expires_at <= now_s)
    unanswered = over & (commands.c.cmd == GRANTS) & (commands.c.state == SENT)
    ids: list[str] = []
    for chunk in chunks(names):
        mine = commands.c.locker.in_(chunk)
        deltas = select(commands.c.locker, commands.c.arguments).where(mine, unanswered)
        for row in connection.execute(deltas).all():
            sizes.unsettled(connection, row.locker, row.arguments, sizes.UNANSWERED, NO_ANSWER, now_s)
        ended = update(commands).where(mine, over).values(state=EXPIRED)
        ids.extend(connection.execute(ended.returning(commands.c.id)).scalars())
    return ids


def forget(database: Database, at_s: int, ages: Ages) -> None:
    """Delete old commands; what a person ordered is part of the trail, and stays as long as that."""
    ended = commands.c.state.in_((DONE, REFUSED, EXPIRED))
    old = (commands.c.by == HOST) & (commands.c.expires_at < retention.before(at_s, ages.commands))
    older = commands.c.expires_at < retention.before(at_s, ages.trail)
    retention.delete(database, commands, ended & (old | older))


def repair_grants(connection: Connection, names: Sequence[str], now_s: int) -> None:
    """Start a delta for those connected lockers whose set of grants is not the host's."""
    for chunk in chunks(names):
        here = lockers.c.id.in_(chunk) & lockers.c.up.is_(True) & _stale(now_s)
        stale = connection.execute(select(lockers.c.id).where(here).order_by(lockers.c.id)).scalars()
        _issue_all(connection, GRANTS, {locker: {} for locker in stale}, now_s)
    sizes.retry_full(connection, names, now_s)


def broke_off(connection: Connection, names: Iterable[str], now_s: int) -> None:
    """Connections ended: what had been sent and was not answered is suspected, and sent in smaller pieces.

    A delta is made anew, smaller.  Other commands that are repeated go on one at a time; one at which it
    happened ``sizes.BREAKS_MAX`` times is set aside.
    """
    for chunk in chunks(sorted(names)):
        lately = (commands.c.state == SENT) & (commands.c.sent_at > now_s - BROKEN_WITHIN_S)
        here = commands.c.locker.in_(chunk) & lately & commands.c.cmd.in_(REPEATED)
        for row in connection.execute(select(*_SUSPECT).where(here).order_by(commands.c.locker)).all():
            _suspect(connection, _Suspect(*row), now_s)


def _suspect(connection: Connection, row: _Suspect, now_s: int) -> None:
    breaks = row.breaks + 1
    values: dict[str, object] = {"breaks": breaks}
    if row.cmd == GRANTS:
        sizes.unsettled(connection, row.locker, row.arguments, sizes.BROKEN, BROKE_OFF, now_s)
        values |= {"state": EXPIRED}
    elif breaks >= sizes.BREAKS_MAX:
        values |= {"state": REFUSED, "result": BROKE_OFF, "answered_at": now_s}
        _set_revocation_aside(connection, row, BROKE_OFF, now_s)
    connection.execute(update(commands).where(commands.c.id == row.id).values(**values))


def _set_revocation_aside(connection: Connection, row: "_Suspect | _Asked", result: str, now_s: int) -> None:
    """A code that still works although it was revoked is told until somebody has looked."""
    if row.cmd == REVOKE:
        parcels = row.arguments.get("parcels")
        parcel = str(parcels[0][0]) if parcels else None
        aside.put(connection, row.locker, aside.REVOKE, parcel, result, now_s, command=row.id)


def try_again(connection: Connection, locker: str, now_s: int, *, by: str) -> list[aside.Aside]:
    """Send once more what was set aside, for instance after a new firmware; returns what that is."""
    lock_lockers(connection, [locker])
    those = aside.of_locker(connection, locker)
    grants.give_anew(connection, locker, those)
    for one in those:
        if one.command is not None:
            kept = select(commands.c.arguments).where(commands.c.id == one.command)
            arguments = connection.execute(kept).scalar_one_or_none()
            if arguments is not None:
                issue(connection, locker, REVOKE, arguments, now_s, by=by)
    if those:
        audit.note(connection, by, "try again", locker=locker, detail=f"{len(those)} that were set aside")
    return those


def begin_grants_anew(connection: Connection, locker: str, now_s: int) -> None:
    """Send a locker the whole set of grants: its version is the host's, but its set is not.

    A locker that refuses a grant would differ for ever, so it happens at most ``WHOLE_SETS_PER_HOUR`` times
    an hour.
    """
    here = (commands.c.locker == locker) & (commands.c.cmd == GRANTS) & (commands.c.state == DONE)
    whole = here & commands.c.arguments.like('{"from": 0,%') & (commands.c.answered_at > now_s - 3600)
    if len(connection.execute(select(commands.c.id).where(whole)).all()) < WHOLE_SETS_PER_HOUR:
        connection.execute(update(lockers).where(lockers.c.id == locker).values(grants_have=0))


def revoke(
    connection: Connection,
    locker: str,
    now_s: int,
    *,
    parcel: tuple[str, int] | None = None,
    nonce: tuple[int, int] | None = None,
    holder: tuple[int, int, int, int] | None = None,
    by: str = HOST,
) -> str:
    """Have a locker refuse codes; returns the id.

    ``parcel`` is a parcel's id and until when its derived code and tokens are refused, ``nonce`` the same of
    one token, ``holder`` ``(role, action, holder, counter)``: the number that takes the holder's place.
    """
    arguments: Arguments = {
        "parcels": [list(parcel)] if parcel else [],
        "nonces": [list(nonce)] if nonce else [],
        "holders": [list(holder)] if holder else [],
    }
    return issue(connection, locker, REVOKE, arguments, now_s, by=by)


def ask_revoked(connection: Connection, locker: str, now_s: int, first: int = 0) -> None:
    """Ask a locker what it refuses for good, from this entry on; from the first at most once a minute."""
    if first or not _asked_revoked(connection, locker, now_s - LIFETIME_S[REVOKED]):
        issue(connection, locker, REVOKED, {"from": first}, now_s, subject=REVOKED)


def has_asked_revoked(connection: Connection, locker: str, now_s: int, first: int) -> bool:
    """Whether that was asked a moment ago: nobody else can know which piece of an answer is to come."""
    return first in _asked_revoked(connection, locker, now_s - 2 * LIFETIME_S[REVOKED])


def _asked_revoked(connection: Connection, locker: str, since_s: int) -> list[int | None]:
    here = (commands.c.locker == locker) & (commands.c.cmd == REVOKED) & (commands.c.created_at > since_s)
    told: Sequence[Arguments] = connection.execute(select(commands.c.arguments).where(here)).scalars().all()
    return [arguments.get("from") for arguments in told]


def note_revoked(connection: Connection, locker: str, arguments: Arguments, until_s: int, now_s: int) -> None:
    """Write down, as the command that it once was, what a locker has told that it refuses."""
    row = _new(locker, REVOKE, arguments, now_s) | {"state": DONE, "result": LEARNT, "answered_at": now_s}
    connection.execute(commands.insert().values(**row | {"expires_at": until_s}))


def pending_holder(connection: Connection, locker: str, who: Sequence[int]) -> bool:
    """Whether a revocation of this holder's codes, ``(role, action, holder)``, is on its way."""
    open_ = commands.c.state.in_((WAITING, SENT)) & (commands.c.cmd == REVOKE)
    rows = connection.execute(select(commands.c.arguments).where(open_, commands.c.locker == locker))
    return any([*one[:3]] == [*who] for told in rows.scalars() for one in told.get("holders", ()))


def tell_contents(connection: Connection, locker: str, epoch: int, now_s: int, piece: int = 0) -> None:
    """Tell a locker that begins a journal of this epoch what the host knows, from this piece on."""
    asked: Arguments = {"epoch": epoch, "piece": piece, "at": now_s}
    issue(connection, locker, CONTENTS, asked, now_s, subject=CONTENTS)


def is_telling(connection: Connection, locker: str, now_s: int) -> bool:
    """Whether that began a moment ago: a status that still asks for it has crossed it on its way."""
    here = (commands.c.locker == locker) & (commands.c.cmd == CONTENTS)
    recent = here & (commands.c.created_at > now_s - ANSWER_WITHIN_S)
    return connection.execute(select(commands.c.id).where(recent)).first() is not None


def tell_time(connection: Connection, asked: Mapping[str, int], now_s: int) -> None:
    """Answer lockers that ask for the time, each by its nonce; one to an older question would be refused.

    An operator's order for a locker's clock takes the place of the answer, until it is answered itself.
    """
    ordered: dict[str, str] = {}
    for chunk in chunks(sorted(asked)):
        here = commands.c.locker.in_(chunk)
        older = here & (commands.c.cmd == TIME) & (commands.c.state == WAITING)
        connection.execute(update(commands).where(older).values(state=EXPIRED))
        open_ = commands.c.state.in_((WAITING, SENT)) & (commands.c.expires_at > now_s)
        orders = select(commands.c.id, commands.c.locker).where(here, commands.c.cmd == CLOCK, open_)
        ordered.update({row.id: row.locker for row in connection.execute(orders)})
    if ordered:
        told = [{"the_id": id_, "new_arguments": {"nonce": asked[name]}} for id_, name in ordered.items()]
        connection.execute(_CLOCK_ASKED, told)
    others = asked.keys() - set(ordered.values())
    _issue_all(connection, TIME, {locker: {"nonce": asked[locker]} for locker in sorted(others)}, now_s)


def send(connection: Connection, names: Sequence[str], now_s: int, tells_time: bool = True) -> Sent:
    """Sign what is to be sent now to those of these lockers that are connected.

    Without ``tells_time`` no question is answered with a time that is not believed.  The counters are taken
    in the caller's transaction: publish only after it committed.  Each row is judged on its own, since
    another release or another hand may have written it: a command that cannot be read ends as refused, and a
    locker without a key that can sign is sent nothing.
    """
    taken: dict[str, int] = {}
    sent = Sent([], [])
    changed: list[dict[str, object]] = []
    for row in _one_suspect_each(_waiting(connection, names, now_s, tells_time), now_s):
        if not is_device_key(row.device_key):
            told = "the database has no key of {locker} that can sign: it is sent nothing"
            _complaints.say(told, locker=row.locker)
            continue
        counter = max(taken.get(row.locker, row.command_counter) + 1, min(now_s, COUNTER_OF_CLOCK_MAX))
        try:
            outgoing, arguments = _sign(connection, row, counter, now_s)
        except ProtocolError as error:
            _complaints.say(
                "a command to {locker} is refused: it cannot be read",
                f" ({row.id}: {error})",
                locker=row.locker,
            )
            sent.ended.append(row.id)
            refused = {"state": REFUSED, "result": UNREADABLE, "answered_at": now_s}
            connection.execute(update(commands).where(commands.c.id == row.id).values(**refused))
            continue
        sent.outgoing.append(outgoing)
        taken[row.locker] = counter
        changed.append({"the_id": row.id, "new_arguments": arguments, "new_counter": counter, "at_s": now_s})
    if changed:
        connection.execute(_SENT, changed)
        rows = [{"the_locker": locker, "new_counter": counter} for locker, counter in taken.items()]
        connection.execute(_COUNTED, rows)
    return sent


def _waiting(connection: Connection, names: Sequence[str], now_s: int, tells_time: bool) -> list[_ToSend]:
    """What is to be sent, for each locker in the order in which it was ordered, and every suspect sent."""
    suspect = (commands.c.state == SENT) & commands.c.cmd.in_(REPEATED) & (commands.c.breaks > 0)
    rows: list[_ToSend] = []
    for chunk in chunks(sorted(names)):
        statement = (
            select(*_TO_SEND)
            .join(lockers, lockers.c.id == commands.c.locker)
            .where(lockers.c.id.in_(chunk), lockers.c.up.is_(True), _to_send(now_s, tells_time) | suspect)
            .order_by(commands.c.locker, commands.c.created_at)
        )
        rows.extend(_ToSend(*row) for row in connection.execute(statement))
    return rows


def _one_suspect_each(rows: Iterable[_ToSend], now_s: int) -> list[_ToSend]:
    """Without all but the oldest suspect of each locker: alone, the one that breaks connections shows itself.

    One that is not answered yet keeps the others back, and is sent again when it is time.
    """
    suspects: set[str] = set()
    kept = []
    for row in rows:
        if row.breaks and row.locker in suspects:
            continue
        if row.breaks:
            suspects.add(row.locker)
        is_due = row.state == WAITING or (row.sent_at or 0) <= now_s - ANSWER_WITHIN_S
        if is_due:
            kept.append(row)
    return kept


def _sign(connection: Connection, row: _ToSend, counter: int, now_s: int) -> tuple[Outgoing, Arguments]:
    """A command signed, and what its row says of its arguments from now on."""
    arguments: Mapping[str, object] = row.arguments
    note = row.arguments
    if row.cmd == GRANTS:  # made at the last moment, so that it is up to date
        if row.state == SENT:  # in vain
            sizes.unsettled(connection, row.locker, row.arguments, sizes.UNANSWERED, NO_ANSWER, now_s)
        room = sizes.room(connection, row.locker)
        delta = grants.delta(connection, row.locker, row.grants_have or 0, row.grants_version, now_s, room)
        arguments = delta
        note = {"from": delta["from"], "to": delta["to"]}
    elif row.cmd == CONTENTS:
        arguments = told = contents.piece(connection, row.locker, row.arguments)
        note = {**row.arguments, "more": told["more"]}
    elif row.cmd in (TIME, CLOCK):
        zone = zone_of(row.locker, row.timezone)
        next_s, next_offset_s = next_change(zone, now_s)
        times = {"t": now_s, "offset_s": offset_s(zone, now_s)}
        arguments = {**row.arguments, **times, "next_s": next_s, "next_offset_s": next_offset_s}
    exp = min(row.expires_at, now_s + SENDING_LIFETIME_S)
    body = messages.command_body(row.id, counter, exp, row.cmd, arguments)
    topic = topics.topic(row.locker, topics.COMMANDS)
    payload = frames.frame(row.device_key.reveal(), frames.LABEL_COMMAND, topic, body)
    return Outgoing(row.id, row.locker, topic, payload), note


def answered(connection: Connection, said: Iterable[tuple[str, str, str]]) -> set[str]:
    """Note what lockers answered: each given by its name, the command's id and the result.

    Returns the ids of the commands that this ended: not of those that ended before, or are another locker's.
    """
    told: dict[tuple[str, str], list[str]] = {}
    for locker, id_, result in said:
        told.setdefault((locker, id_), []).append(result)
    lock_lockers(connection, {locker for locker, _ in told})
    ended: list[tuple[_Asked, str]] = []
    for chunk in chunks(sorted({id_ for _, id_ in told})):
        wanted = select(*_ASKED).where(commands.c.id.in_(chunk))
        for row in [_Asked(*row) for row in connection.execute(wanted)]:
            if row.state in (DONE, REFUSED):
                continue
            answers = told.get((row.locker, row.id), [])  # none: the command is another locker's
            ended.extend([(row, result) for result in answers if _ends(row.cmd, result)][:1])
    _note_answers(connection, ended)
    return {row.id for row, _ in ended}


def _ends(cmd: str, result: str) -> bool:
    """Whether this answer ends a command; where two clocks differ it is sent again, until its own end."""
    is_early = result in TOO_EARLY.get(cmd, TOO_EARLY[""])
    return not (is_early and cmd in (*REPEATED, CLOCK))


def _note_answers(connection: Connection, ended: Sequence[tuple[_Asked, str]]) -> None:
    at_s = int(time.time())
    results: list[dict[str, object]] = []
    taken: list[str] = []
    grants_had: list[dict[str, object]] = []
    for row, answer in ended:
        state, result = (DONE if answer == "ok" else REFUSED), answer
        if row.cmd == GRANTS and state == REFUSED:
            result = sizes.refused(connection, row.locker, row.arguments, answer, at_s)
        elif state == REFUSED and answer in sizes.OF_ITS_CONTENT:
            _set_revocation_aside(connection, row, answer, at_s)
        elif row.cmd == GRANTS and row.counter is not None:
            taken.append(row.locker)
            from_, to = row.arguments.get("from"), row.arguments.get("to")
            if from_ is not None and to is not None:
                grants_had.append({"the_locker": row.locker, "had": from_, "has": to})
        results.append({"the_id": row.id, "new_state": state, "new_result": result, "at_s": at_s})
    if results:
        connection.execute(_ANSWERED, results)
    for row, answer in ended:
        if row.cmd == CONTENTS:
            _go_on(connection, row, answer == "ok")
    sizes.succeeded(connection, taken, at_s)
    if grants_had:
        connection.execute(_GRANTS_HAD, grants_had)


def _go_on(connection: Connection, row: _Asked, done: bool) -> None:
    """The next piece of the contents, or the first again when the locker has started anew meanwhile."""
    asked = row.arguments
    number = asked.get("piece", 0)
    if asked.get("more") if done else number:
        told: Arguments = {**asked, "piece": number + 1 if done else 0}
        issue(connection, row.locker, CONTENTS, told, int(time.time()), subject=CONTENTS)


def answered_by_events(connection: Connection, stored: Iterable[Stored]) -> set[str]:
    """Note the answers that came as events: the reply may be lost, the event in the journal is not.

    An event ``command`` carries the id and the result, 0 for done.
    """
    said = []
    for locker, _, event in stored:
        if event.kind == "command" and event.sound and event.data.text("id"):
            number = event.data.number("result")
            result = RESULT_NAMES[number] if number < len(RESULT_NAMES) else f"reason {number}"
            said.append((locker, event.data.text("id"), result))
    return answered(connection, said)
