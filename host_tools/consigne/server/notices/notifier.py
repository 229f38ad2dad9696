"""Sends the notices of the outbox through Apprise: mail, SMS gateways, webhooks, as the operator's file says.

A customer's address never is a URL of its own: it fills ``{to}`` in a URL that the operator wrote, so
nobody who announces a parcel can have the host connect anywhere.  Neither addresses nor passwords are logged.
"""

import asyncio
import contextlib
import logging
import threading
import tomllib
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from locker.core.timekeeping import DAY_S
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from consigne.commandline import infile

from ..clock import zone_of
from ..complaints import Complaints
from ..errors import CallerError, listed
from ..storage.database import Database
from ..storage.lookup import row_of
from ..storage.models import parcels
from . import texts
from .notices import CHANNEL_CHARACTERS_MAX, Due, Outbox, is_channel

if TYPE_CHECKING:
    import apprise

log = logging.getLogger(__name__)

AT_ONCE = 8
LOOK_S = 2.0
ERROR_CHARACTERS_MAX = 200
FILE_BYTES_MAX = 65_536
TO = "{to}"
"""What a customer's address replaces in a channel's URL."""
_NO_CODE = ("collected", "returned")


class _Heard(logging.Handler):
    """Keeps Apprise's last warning in each thread, since ``notify`` returns only True or False."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        self.last.text = record.getMessage()


_heard = _Heard()
_theirs = logging.getLogger("apprise")
_theirs.setLevel(logging.WARNING)  # below that it prints addresses and texts
_theirs.propagate = False  # the complaints below say what matters
_theirs.addHandler(_heard)
logging.getLogger("urllib3").setLevel(logging.WARNING)  # its paths may hold an address


def _sender(url: str) -> "apprise.NotifyBase | None":
    """What sends to this URL; None for a URL of no service that Apprise knows.

    Imported here: it takes a fifth of the start of `consigne sim`, and most hosts tell nobody.
    """
    import apprise

    return apprise.Apprise.instantiate(url)


@dataclass(frozen=True)
class Channels:
    """How customers are reached: a URL of Apprise with ``{to}`` for each channel, and what texts need."""

    urls: Mapping[str, str]
    phone: str = ""

    @classmethod
    def read(cls, path: Path) -> "Channels":
        """From the operator's TOML file.

        ``[channels]`` has a URL for each channel, such as
        ``mail = "mailtos://user:password@smtp.example.org?to={to}"``; ``[texts]`` may have ``phone``.

        Raises
        ------
        ValueError
            It is not such a file, a URL is none of Apprise's or has no ``{to}``, it has something that nobody
            would read, or others may read it: it holds passwords.
        """
        data = infile.read_bytes(path, FILE_BYTES_MAX)
        if path.stat().st_mode & 0o077:
            raise ValueError(f"{path} holds passwords and others may read it: chmod 600 {path}")
        try:
            told = tomllib.loads(data.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is not TOML: {error}") from None
        urls = told.get("channels")
        if not isinstance(urls, dict) or not urls:
            raise ValueError(f"{path} has no [channels]")
        _check_names(path, "it", told, ("channels", "texts"))
        for name, url in urls.items():
            _check_channel(path, name, url)
        texts_ = told.get("texts", {})
        if not isinstance(texts_, dict):
            raise ValueError(f"{path}: texts is no table: write [texts] and under it phone = ..")
        _check_names(path, "[texts]", texts_, ("phone",))
        phone = texts_.get("phone", "")
        if not isinstance(phone, str):
            raise ValueError(f'{path}: phone is no text: write it in quotes, phone = "+33 1 23 45 67 89"')
        return cls(urls, phone)


def _check_names(path: Path, where: str, table: Mapping[str, object], known: Sequence[str]) -> None:
    unknown = [name for name in table if name not in known]
    if unknown:
        raise ValueError(f"{path}: nobody reads {unknown[0]!r}: {where} has {listed(known)} alone")


def _check_channel(path: Path, name: str, url: object) -> None:
    if not is_channel(name):
        raise ValueError(
            f"{path}: no customer's address can name a channel {name!r}: a name is 1 to "
            f"{CHANNEL_CHARACTERS_MAX} small letters, such as mail or sms"
        )
    if not isinstance(url, str) or _sender(_filled(url, "a@example.org")) is None:
        raise ValueError(f"{path}: the URL of channel {name!r} is not one that Apprise understands")
    if TO not in url:
        raise ValueError(
            f"{path}: the URL of channel {name!r} has no {TO}, so every customer's code would go to one "
            f"address: write {TO} where the customer's address belongs"
        )


def _filled(url: str, to: str) -> str:
    return url.replace(TO, quote(to, safe=""))


class NotSent(Exception):
    """The channel did not take it; the text tells why, without address and password."""


class Never(NotSent):
    """It cannot be sent, now or later."""


class Notifier:
    """Sends what is due until stopped.  One host process does it (the leader).

    ``code_of`` gives the digits that collect a parcel, or raises ``CallerError``.
    """

    def __init__(
        self, database: Database, outbox: Outbox, code_of: Callable[[str], str], channels: Channels
    ) -> None:
        self._database, self._channels = database, channels
        self._outbox, self._code_of = outbox, code_of
        self._pool = ThreadPoolExecutor(AT_ONCE, "notices")
        self._complaints = Complaints(log)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; returns at once."""
        self._task = asyncio.create_task(self._run(), name="notices")

    async def stop(self) -> None:
        """Finish what is being sent, end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await asyncio.to_thread(self._pool.shutdown)

    async def wait_failed(self) -> None:
        """Return never while all is well; raise what ended the task otherwise."""
        if self._task is None:
            raise RuntimeError("the notifier is not started")
        await asyncio.shield(self._task)

    async def _run(self) -> None:
        while True:
            try:
                if not await self.send_due():
                    await asyncio.sleep(LOOK_S)
            except SQLAlchemyError as error:
                self._database.complain(error)
                await asyncio.sleep(LOOK_S)

    async def send_due(self) -> int:
        """Send what is due now, at most ``AT_ONCE`` at a time; returns how many were tried."""
        loop = asyncio.get_running_loop()
        due = await loop.run_in_executor(self._pool, self._outbox.take, AT_ONCE)
        await asyncio.gather(*(loop.run_in_executor(self._pool, self._send, one) for one in due))
        return len(due)

    def _send(self, due: Due) -> None:
        """One notice, in a thread of the pool."""
        try:
            self._deliver(due)
        except NotSent as error:
            self._complaints.say(f"a notice ({due.kind}) was not sent", f": {error} (number {due.id})")
            self._outbox.failed(due, str(error), for_ever=isinstance(error, Never))
        except SQLAlchemyError:
            raise  # it is due again when the database is back
        except Exception as error:  # noqa: BLE001  whatever is in this one, the others go out
            # The error's text may hold the address or the code, so only its place is logged.
            where = traceback.extract_tb(error.__traceback__)[-1]
            told = f"cannot be sent: {type(error).__name__} in {where.name}, line {where.lineno}"
            self._complaints.say(f"a notice {told} of {where.filename}", f" (number {due.id}, {due.kind})")
            self._outbox.failed(due, told, for_ever=True)
        else:
            self._outbox.sent(due)

    def _deliver(self, due: Due) -> None:
        channel, to, title, body = self._written(due)
        url = self._channels.urls.get(channel)
        if url is None:
            raise Never(f"there is no channel {channel!r} in the operator's file")
        url = _filled(url, to)
        sender = _sender(url)
        if sender is None:
            raise Never(f"channel {channel!r} cannot take such an address")
        _heard.last.text = ""
        if not sender.notify(title=title, body=body):  # Apprise.notify would use other threads
            raise NotSent(_without_secrets(_heard.last.text or "the channel did not take it", url, to))

    def _written(self, due: Due) -> tuple[str, str, str, str]:
        """Channel, address, title and text."""
        with self._database.read() as connection:
            parcel = connection.execute(select(parcels).where(parcels.c.id == due.parcel)).one()
            where = row_of(connection, parcel.locker)
        if parcel.contact is None:
            raise Never("the customer's address is forgotten already")
        channel, _, to = parcel.contact.reveal().decode().partition(":")
        code = ""
        if due.kind not in _NO_CODE:
            try:
                code = self._code_of(due.parcel)
            except CallerError as error:
                raise Never(str(error)) from None
        end_s = (parcel.deposited_at or 0) + parcel.deadline_days * DAY_S
        values = {
            "parcel": parcel.id,
            "code": code,
            "title": where.place.title or where.id,
            "address": where.place.address,
            "hours": where.place.hours,
            "phone": self._channels.phone,
            "until": texts.date(end_s, zone_of(where.id, where.timezone), parcel.language),
        }
        return channel, to, *texts.write(due.kind, parcel.language, values)


def _without_secrets(text: str, url: str, to: str) -> str:
    """A warning of Apprise without secrets, for the database and the log."""
    secrets = {url, to, quote(to, safe="")}
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        secrets |= {parts.password or "", parts.username or "", parts.query}
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) > 2:
            text = text.replace(secret, "..")
    return " ".join(text.split())[:ERROR_CHARACTERS_MAX]
