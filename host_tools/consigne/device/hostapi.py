"""The host as a technician's laptop meets it: is its clock ours, and does it know this locker.

Over the host's HTTP API (``consigne.server.api``) with the standard library alone.
"""

import email.utils
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import TypedDict

from locker.core.codes import KEY_BYTES
from locker.core.timekeeping import EARLIEST_S

from consigne.cabinet.deviceconfig import DoorLayout
from consigne.commandline.token import TokenError
from consigne.commandline.token import check as check_token

from .errors import DeviceError

CLOCK_OFF_MAX_S = 120
"""A certificate or an hourly code can fail from here on."""
_TIMEOUT_S = 10


class Registration(TypedDict):
    """What the host is told of a locker (``POST /lockers``); the key in hex."""

    id: str
    device_key: str
    digits: int
    timezone: str
    doors: list[DoorLayout]


class RefusedError(DeviceError):
    """The host refused: nothing of the request was done."""


@dataclass(frozen=True)
class Host:
    """``url`` such as ``https://host.example:8443``; ``token`` as the host was started with."""

    url: str
    token: str | None = None

    def check_clock(self, now_s: float | None = None) -> float:
        """Seconds by which the host's clock is ahead of this laptop's; ``DeviceError`` for too many."""
        here_s = time.time() if now_s is None else now_s
        check_sane(here_s)
        date = self._ask("GET", "/healthz", None, also=(503,))[2]
        try:
            there_s = email.utils.parsedate_to_datetime(date or "").timestamp()
        except (TypeError, ValueError):
            raise DeviceError(f"{self.url} sends no Date; is it a Consigne host?") from None
        off_s = int(here_s - there_s)
        if abs(off_s) > CLOCK_OFF_MAX_S:
            raise DeviceError(
                f"this laptop's clock is {abs(off_s)} s {'ahead of' if off_s > 0 else 'behind'} the host's; "
                "set it right, then give the same command again: nothing was changed"
            )
        return there_s - here_s

    def check_token(self) -> None:
        """``DeviceError`` unless the host lets whoever has this token look after lockers; nothing changes."""
        self._ask("GET", "/lockers?limit=1", None)

    def register(self, body: Registration) -> bool:
        """Register a locker, or update its layout; True when it is new.  Can be repeated."""
        status, told, _ = self._ask("POST", "/lockers", body, also=(409, 422))
        if status == 409:
            raise RefusedError(_taken(body["id"], str(told.get("detail", ""))))
        if status == 422:
            raise RefusedError(f"the host refuses {body['id']}: {told.get('detail', 'no reason given')}")
        return status == 201

    def key_of(self, locker: str) -> str:
        """The key of a locker whose board is replaced, in hex; the host writes down who asked for it."""
        status, told, _ = self._ask("POST", f"/lockers/{locker}/replace", None, also=(404, 409, 422))
        key = told.get("device_key")
        if status == 404:
            raise RefusedError(
                f"the host does not know {locker}: a new locker is provisioned without --replace"
            )
        if status != 200 or not isinstance(key, str) or len(key) != 2 * KEY_BYTES:
            raise RefusedError(
                f"the host gives no key of {locker}: {told.get('detail', 'is it older than this?')}"
            )
        return key

    def _ask(
        self, method: str, path: str, body: Registration | None, also: tuple[int, ...] = ()
    ) -> tuple[int, dict[str, object], str | None]:
        """``(status, parsed body, Date header)``; raises for a status that is neither 2xx nor in ``also``."""
        request = self._request(method, path, body)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                return answer.status, _parsed(answer.read()), answer.headers.get("Date")
        except urllib.error.HTTPError as error:
            with error:
                told = _parsed(error.read())
            if error.code in also:
                return error.code, told, error.headers.get("Date")
            if error.code in (401, 403):
                raise RefusedError(self._not_let_in(error.code)) from None
            raise DeviceError(f"the host at {self.url} answers {error.code}: see its log") from None
        except UnicodeError:  # a name that cannot be looked up
            raise self._no_address() from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            if getattr(reason, "reason", "") == "WRONG_VERSION_NUMBER":
                raise DeviceError(
                    f"the host at {self.url} does not speak TLS there: give --host with http://, "
                    "or with the port that speaks https"
                ) from None
            raise DeviceError(
                f"the host at {self.url} cannot be reached ({reason}); check --host and the network, "
                "then give the same command again"
            ) from None

    def _request(self, method: str, path: str, body: Registration | None) -> urllib.request.Request:
        if not self.url.startswith(("http://", "https://")):
            raise self._no_address()
        try:
            request = urllib.request.Request(self.url.rstrip("/") + path, method=method)
        except ValueError:  # brackets that hold no address
            raise self._no_address() from None
        if self.token:
            try:
                check_token(self.token, "--token or CONSIGNE_TOKEN")
            except TokenError as error:
                raise DeviceError(str(error)) from None
            request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        return request

    def _no_address(self) -> DeviceError:
        return DeviceError(f"--host {self.url!r} is not the address of a host, as https://host.example")

    def _not_let_in(self, status: int) -> str:
        if not self.token:
            return f"the host at {self.url} wants its API token: give --token or CONSIGNE_TOKEN"
        if status == 401:
            return (
                f"the host at {self.url} does not know this token: give the one it was started with, or an "
                "operator's API key, in --token or CONSIGNE_TOKEN"
            )
        return f"the host at {self.url} lets only operators register lockers: give an operator's token"


def _taken(locker: str, detail: str) -> str:
    """Why the host refuses a name, and what the technician can do."""
    if "retired" in detail:
        return (
            f"the host says that {detail}, and a name is never given again: give this board a name that the "
            "host has not seen yet"
        )
    return (
        f"the host knows {locker} with another key than this board has: if this board takes the place of "
        f"{locker}'s former one, or has lost its identity.json, give --replace (after `consigne device "
        "erase` if it has a key of its own), and the codes of the parcels inside stay good; otherwise give "
        "it a name that the host has not seen yet, and do not have the old one retired for this, it would "
        "not come free"
    )


def check_sane(now_s: float) -> None:
    """Raises ``DeviceError`` for a clock that cannot be right, host or no host."""
    if now_s < EARLIEST_S:
        day = time.strftime("%Y-%m-%d", time.gmtime(now_s))
        raise DeviceError(f"this laptop believes that today is {day}; set its clock, then try again")


def _parsed(data: bytes) -> dict[str, object]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
