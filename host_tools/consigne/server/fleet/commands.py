"""Commands to lockers: written down, counted, signed, expired, matched with their answers.

A command is a row before it is a message.  Its counter is taken, and committed, when it is sent; it is never
less than the host's time in seconds, so it rises even when the database was restored from an older copy.  A
command that opens a door is sent once: lost, it expires, and a person decides again.  Commands that can
safely be carried out twice are sent again, under a new counter, until they are answered or expire.

Whoever changes several rows locks them in one order: lockers, by name, before commands (``_hold``).
"""

import logging
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from locker.core.orders import RESULT_NAMES
from locker.core.timekeeping import DAY_S
from sqlalchemy import ColumnElement, select, update
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
from ..storage.lookup import is_device_key
from ..storage.models import commands, lockers
from ..storage.secret import Secret
from . import contents, sizes
from .answers import (
    BROKE_OFF,
    DONE,
    EXPIRED,
    FAILED,
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

OPEN, TIME, GRANTS, AGAIN, REVOKE = "open", "time", "grants", "again", "revoke"
BLOCK, RELEASE, RESERVE = "block", "release", "reserve"
CONTENTS = "contents"
CONFIGURE, MESSAGE, IDENTIFY, REBOOT = "configure", "message", "identify", "reboot"
CLOCK = "clock"
LIFETIME_S = {OPEN: 30, TIME: 30, GRANTS: 30, AGAIN: 30, CONTENTS: 60, REVOKE: 30 * DAY_S}
LIFETIME_S |= {BLOCK: 7 * DAY_S, RELEASE: 7 * DAY_S, RESERVE: DAY_S}
LIFETIME_S |= {CONFIGURE: 7 * DAY_S, MESSAGE: DAY_S, IDENTIFY: 30, REBOOT: 30, CLOCK: 7 * DAY_S}
SENDING_LIFETIME_S = 60
"""Seconds from each sending to the expiry that the locker sees, unless the command ends sooner."""
REPEATED = (GRANTS, CONTENTS, REVOKE, BLOCK, RELEASE, RESERVE, CONFIGURE, MESSAGE)
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
    """What ``send`` made: commands to publish, and the ids of those that this host cannot read."""

    outgoing: list[Outgoing]
    refused: list[str]


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
        older = (commands.c.locker == locker) & (commands.c.subject == subject)
        open_ = older & commands.c.state.in_((WAITING, SENT))
        connection.execute(update(commands).where(open_).values(state=EXPIRED, result=SUPERSEDED))
    id_ = secrets.token_hex(8)
    row: dict[str, object] = {
        "id": id_,
        "locker": locker,
        "cmd": cmd,
        "arguments": arguments,
        "state": WAITING,
        "by": by,
        "subject": subject,
    }
    row |= {"created_at": now_s, "expires_at": now_s + LIFETIME_S[cmd]}
    connection.execute(commands.insert().values(**row))
    if by != HOST:
        audit.note(connection, by, cmd, locker=locker, command=id_, detail=write_arguments(arguments))
    return id_


def _on_its_way(connection: Connection, locker: str, cmd: str, now_s: int) -> bool:
    """Whether a command of this kind is unanswered, or was refused a moment ago."""
    open_ = commands.c.state.in_((WAITING, SENT))
    since_s = now_s - REFUSED_PAUSE_S
    failed = (commands.c.result == FAILED) & (commands.c.answered_at > now_s - FAILED_PAUSE_S)
    refused = (commands.c.state == REFUSED) & ((commands.c.answered_at > since_s) | failed)
    here = (commands.c.locker == locker) & (commands.c.cmd == cmd) & (open_ | refused)
    return connection.execute(select(commands.c.id).where(here)).first() is not None


def _hold(connection: Connection, wanted: ColumnElement[bool]) -> None:
    """Lock the lockers that a condition names until the transaction ends.

    Commands that refer to them can still be written down meanwhile.
    """
    mine = select(lockers.c.id).where(wanted).order_by(lockers.c.id)
    connection.execute(mine.with_for_update(key_share=True)).all()


def expire(connection: Connection, now_s: int) -> list[str]:
    """End the commands that were not answered in time; returns their ids.

    Also locks the rows that ``send`` locks later in the same transaction.
    """
    open_ = commands.c.state.in_((WAITING, SENT)) & (commands.c.locker == lockers.c.id)
    ending = select(commands.c.id).where(open_, commands.c.expires_at <= now_s).exists()
    sending = lockers.c.up.is_(True) & select(commands.c.id).where(open_).exists()
    _hold(connection, ending | sending)
    over = commands.c.state.in_((WAITING, SENT)) & (commands.c.expires_at <= now_s)
    unanswered = select(commands.c.locker, commands.c.arguments).where(
        over, commands.c.cmd == GRANTS, commands.c.state == SENT
    )
    for row in connection.execute(unanswered).all():
        sizes.unsettled(connection, row.locker, row.arguments, sizes.UNANSWERED, NO_ANSWER, now_s)
    statement = update(commands).where(over).values(state=EXPIRED).returning(commands.c.id)
    return [row.id for row in connection.execute(statement)]


def forget(database: Database, at_s: int, ages: Ages) -> None:
    """Delete old commands; what a person ordered is part of the trail, and stays as long as that."""
    ended = commands.c.state.in_((DONE, REFUSED, EXPIRED))
    old = (commands.c.by == HOST) & (commands.c.expires_at < retention.before(at_s, ages.commands))
    older = commands.c.expires_at < retention.before(at_s, ages.trail)
    retention.delete(database, commands, ended & (old | older))


def connected(connection: Connection, names: set[str]) -> set[str]:
    """The lockers among ``names`` that are known to be connected."""
    found: set[str] = set()
    for chunk in chunks(sorted(names)):
        here = select(lockers.c.id).where(lockers.c.id.in_(chunk), lockers.c.up.is_(True))
        found.update(connection.execute(here).scalars())
    return found


def repair_grants(connection: Connection, now_s: int) -> None:
    """Start a delta for every connected locker whose set of grants is not the host's."""
    wanting = lockers.c.up.is_(True) & lockers.c.grants_have.is_not(None)
    stale = wanting & (lockers.c.grants_have != lockers.c.grants_version)
    for row in connection.execute(select(lockers.c.id).where(stale)).all():
        if not _on_its_way(connection, row.id, GRANTS, now_s):
            issue(connection, row.id, GRANTS, {}, now_s)
    sizes.retry_full(connection, now_s)


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
    _hold(connection, lockers.c.id == locker)
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


def tell_contents(connection: Connection, locker: str, epoch: int, now_s: int, piece: int = 0) -> None:
    """Tell a locker that begins a journal of this epoch what the host knows, from this piece on."""
    asked: Arguments = {"epoch": epoch, "piece": piece, "at": now_s}
    issue(connection, locker, CONTENTS, asked, now_s, subject=CONTENTS)


def is_telling(connection: Connection, locker: str, now_s: int) -> bool:
    """Whether that began a moment ago: a status that still asks for it has crossed it on its way."""
    here = (commands.c.locker == locker) & (commands.c.cmd == CONTENTS)
    recent = here & (commands.c.created_at > now_s - ANSWER_WITHIN_S)
    return connection.execute(select(commands.c.id).where(recent)).first() is not None


def tell_time(connection: Connection, locker: str, nonce: int, now_s: int) -> None:
    """Answer a locker that asks for the time; an answer to an older question would be refused.

    An operator's order for its clock takes the place of the answer, until it is answered itself.
    """
    here = (commands.c.locker == locker) & (commands.c.cmd == TIME) & (commands.c.state == WAITING)
    connection.execute(update(commands).where(here).values(state=EXPIRED))
    ordered = (commands.c.locker == locker) & (commands.c.cmd == CLOCK)
    ordered &= commands.c.state.in_((WAITING, SENT)) & (commands.c.expires_at > now_s)
    values = {"arguments": {"nonce": nonce}, "state": WAITING}
    if connection.execute(update(commands).where(ordered).values(**values)).rowcount:
        return
    issue(connection, locker, TIME, {"nonce": nonce}, now_s)


def send(connection: Connection, now_s: int, tells_time: bool = True) -> Sent:
    """Sign what is to be sent now to lockers that are connected; no answers with a time that is not believed.

    The counters are taken in the caller's transaction: publish only after it committed.  Each row is judged
    on its own, since another release or another hand may have written it: a command that cannot be read ends
    as refused, and a locker without a key that can sign is sent nothing.
    """
    unanswered = (commands.c.state == SENT) & commands.c.cmd.in_(REPEATED)
    again = unanswered & ((commands.c.sent_at <= now_s - ANSWER_WITHIN_S) | (commands.c.breaks > 0))
    silent = () if tells_time else (commands.c.cmd != TIME,)
    statement = (
        select(*_TO_SEND)
        .join(lockers, lockers.c.id == commands.c.locker)
        .where(lockers.c.up.is_(True), (commands.c.state == WAITING) | again, *silent)
        .order_by(commands.c.locker, commands.c.created_at)
        .with_for_update(of=lockers, key_share=True)
    )
    taken: dict[str, int] = {}
    sent = Sent([], [])
    for row in _one_suspect_each([_ToSend(*row) for row in connection.execute(statement)], now_s):
        if not is_device_key(row.device_key):
            told = "the database has no key of {locker} that can sign: it is sent nothing"
            _complaints.say(told, locker=row.locker)
            continue
        if row.cmd == CLOCK and "nonce" not in row.arguments:
            continue  # until the locker asks
        counter = max(taken.get(row.locker, row.command_counter) + 1, min(now_s, COUNTER_OF_CLOCK_MAX))
        values: dict[str, object]
        try:
            sent.outgoing.append(_sign(connection, row, counter, now_s))
            taken[row.locker] = counter
            values = {"state": SENT, "counter": counter, "sent_at": now_s}
        except ProtocolError as error:
            _complaints.say(
                "a command to {locker} is refused: it cannot be read",
                f" ({row.id}: {error})",
                locker=row.locker,
            )
            sent.refused.append(row.id)
            values = {"state": REFUSED, "result": UNREADABLE, "answered_at": now_s}
        connection.execute(update(commands).where(commands.c.id == row.id).values(**values))
    for locker, counter in taken.items():
        connection.execute(update(lockers).where(lockers.c.id == locker).values(command_counter=counter))
    return sent


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


def _sign(connection: Connection, row: _ToSend, counter: int, now_s: int) -> Outgoing:
    arguments: Mapping[str, object] = row.arguments
    if row.cmd == GRANTS:  # made at the last moment, so that it is up to date
        if row.state == SENT:  # in vain
            sizes.unsettled(connection, row.locker, row.arguments, sizes.UNANSWERED, NO_ANSWER, now_s)
        room = sizes.room(connection, row.locker)
        delta = grants.delta(connection, row.locker, row.grants_have or 0, row.grants_version, now_s, room)
        arguments = delta
        note: Arguments = {"from": delta["from"], "to": delta["to"]}
        connection.execute(update(commands).where(commands.c.id == row.id).values(arguments=note))
    elif row.cmd == CONTENTS:
        arguments = told = contents.piece(connection, row.locker, row.arguments)
        asked: Arguments = {**row.arguments, "more": told["more"]}
        connection.execute(update(commands).where(commands.c.id == row.id).values(arguments=asked))
    elif row.cmd in (TIME, CLOCK):
        zone = zone_of(row.locker, row.timezone)
        next_s, next_offset_s = next_change(zone, now_s)
        times = {"t": now_s, "offset_s": offset_s(zone, now_s)}
        arguments = {**row.arguments, **times, "next_s": next_s, "next_offset_s": next_offset_s}
    exp = min(row.expires_at, now_s + SENDING_LIFETIME_S)
    body = messages.command_body(row.id, counter, exp, row.cmd, arguments)
    topic = topics.topic(row.locker, topics.COMMANDS)
    payload = frames.frame(row.device_key.reveal(), frames.LABEL_COMMAND, topic, body)
    return Outgoing(row.id, row.locker, topic, payload)


def answered(connection: Connection, locker: str, id_: str, result: str) -> bool:
    """Note a locker's answer; False when it answers nothing that was asked."""
    here = (commands.c.id == id_) & (commands.c.locker == locker)
    _hold(connection, lockers.c.id == locker)
    row = connection.execute(select(*_ASKED).where(here)).first()
    return row is not None and _note_answer(connection, _Asked(*row), result)


def answered_by_events(connection: Connection, stored: Iterable[Stored]) -> set[str]:
    """Note the answers that came as events: the reply may be lost, the event in the journal is not.

    An event ``command`` carries the id and the result, 0 for done.
    """
    told: dict[tuple[str, str], int] = {}
    for locker, _, event in stored:
        if event.kind == "command" and event.sound and event.data.text("id"):
            told.setdefault((locker, event.data.text("id")), event.data.number("result"))
    ids = set()
    for names in chunks(sorted({locker for locker, _ in told})):
        _hold(connection, lockers.c.id.in_(names))
    for chunk in chunks(sorted({id_ for _, id_ in told})):
        wanted = select(*_ASKED).where(commands.c.id.in_(chunk))
        for row in [_Asked(*row) for row in connection.execute(wanted)]:
            number = told.get((row.locker, row.id))
            if number is None:  # the command is another locker's: this is no answer to it
                continue
            result = RESULT_NAMES[number] if number < len(RESULT_NAMES) else f"reason {number}"
            if _note_answer(connection, row, result):
                ids.add(row.id)
    return ids


def _note_answer(connection: Connection, row: _Asked, result: str) -> bool:
    """False when the command of this row was answered before."""
    if row.state in (DONE, REFUSED):
        return False
    if result in TOO_EARLY.get(row.cmd, TOO_EARLY[""]) and row.cmd in (*REPEATED, CLOCK):
        return False  # two clocks differ: it is sent again, until its own end
    state = DONE if result == "ok" else REFUSED
    at_s = int(time.time())
    if row.cmd == GRANTS and state == REFUSED:
        result = sizes.refused(connection, row.locker, row.arguments, result, at_s)
    elif state == REFUSED and result in sizes.OF_ITS_CONTENT:
        _set_revocation_aside(connection, row, result, at_s)
    values = {"state": state, "result": result, "answered_at": at_s}
    connection.execute(update(commands).where(commands.c.id == row.id).values(**values))
    if row.cmd == CONTENTS:
        _go_on(connection, row, state)
    if row.cmd == GRANTS and state == DONE and row.counter is not None:
        sizes.succeeded(connection, row.locker, at_s)
        from_, to = row.arguments.get("from"), row.arguments.get("to")
        # A locker at another version asked before it answered, which changed grants_have.
        stood = (lockers.c.id == row.locker) & (lockers.c.grants_have == from_)
        if from_ is not None and to is not None:
            connection.execute(update(lockers).where(stood).values(grants_have=to))
    return True


def _go_on(connection: Connection, row: _Asked, state: str) -> None:
    """The next piece of the contents, or the first again when the locker has started anew meanwhile."""
    asked, done = row.arguments, state == DONE
    number = asked.get("piece", 0)
    if asked.get("more") if done else number:
        told: Arguments = {**asked, "piece": number + 1 if done else 0}
        issue(connection, row.locker, CONTENTS, told, int(time.time()), subject=CONTENTS)
