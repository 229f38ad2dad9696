"""A visitor of a host's page, without a browser: the page's HTML and its live connection.

It uses the protocol of NiceGUI's own script (Socket.IO, events ``handshake``, ``update``, ``event``).
"""

import asyncio
import json
import re
import secrets
from collections.abc import Callable
from typing import Self, TypedDict

import aiohttp
import socketio

_ELEMENTS = re.compile(r"parseElements\(String\.raw`(.*?)`\)", re.DOTALL)
_CLIENT = re.compile(r"'client_id': '([0-9a-f-]+)'")
LOOK_S = 0.02


class Listener(TypedDict):
    """An event of the browser that the page listens to."""

    listener_id: str
    type: str


class Element(TypedDict, total=False):
    """The fields of a page's element that are used here."""

    text: str
    events: list[Listener]


class Visitor:
    """One open page, an asynchronous context.

    Parameters
    ----------
    address
        Of the host, such as ``http://127.0.0.1:8080``.
    name, password
        The account that logs in.
    path
        Of the page.
    """

    def __init__(self, address: str, name: str, password: str, path: str = "/desk") -> None:
        self._address, self._path = address, path
        self._account = {"name": name, "password": password}
        self._elements: dict[str, Element] = {}
        self._client = ""
        self._socket = socketio.AsyncClient(reconnection=False)
        self._socket.on("update", self._updated)

    async def __aenter__(self) -> Self:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            async with browser.post(
                f"{self._address}/login", data=self._account, allow_redirects=False
            ) as answer:
                answer.raise_for_status()
                cookie = answer.cookies.output(attrs=[], header="", sep=";").strip()
            async with browser.get(f"{self._address}{self._path}") as answer:
                answer.raise_for_status()
                page = await answer.text()
        found, elements = _CLIENT.search(page), _ELEMENTS.search(page)
        if found is None or elements is None:
            raise ValueError(f"{self._path} is no live page")
        self._client = found[1]
        self._elements = json.loads(_unescaped(elements[1]))
        await self._socket.connect(
            self._address,
            headers={"Cookie": cookie},
            transports=["websocket"],
            socketio_path="/_nicegui_ws/socket.io",
        )
        told = {
            "client_id": self._client,
            "tab_id": secrets.token_hex(8),
            "document_id": secrets.token_hex(8),
        }
        if not await self._socket.call("handshake", told):
            raise ValueError(f"{self._path} is no longer there")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.disconnect()

    def _updated(self, changed: dict[str, Element | None]) -> None:
        for number, element in changed.items():
            if number == "_id":
                continue
            if element is None:
                self._elements.pop(number, None)
            else:
                self._elements[number] = element

    def texts(self) -> list[str]:
        """Every text on the page, hidden ones too."""
        return [str(one["text"]) for one in self._elements.values() if one.get("text")]

    async def sees(self, words: str, timeout_s: float = 60.0) -> None:
        """Wait until some text holds these words.  Raises ``TimeoutError``."""
        await self._until(lambda: any(words in text for text in self.texts()), timeout_s)

    async def sees_no(self, words: str, timeout_s: float = 60.0) -> None:
        """Wait until no text holds them.  Raises ``TimeoutError``."""
        await self._until(lambda: not any(words in text for text in self.texts()), timeout_s)

    async def _until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(LOOK_S)

    async def click(self, label: str) -> None:
        """Click the button of this label; returns once that is sent.  Raises ``LookupError``."""
        for number, element in self._elements.items():
            for listener in element.get("events", ()):
                if element.get("text") == label and listener["type"] == "click":
                    click = {
                        "id": int(number),
                        "client_id": self._client,
                        "listener_id": listener["listener_id"],
                        "args": [],
                    }
                    await self._socket.emit("event", click)
                    return
        raise LookupError(f"no button {label!r}")


def _unescaped(text: str) -> str:
    """The text of a raw template string as a browser reads it."""
    for written, meant in (("&lt;", "<"), ("&gt;", ">"), ("&#96;", "`"), ("&#36;", "$"), ("&amp;", "&")):
        text = text.replace(written, meant)
    return text
