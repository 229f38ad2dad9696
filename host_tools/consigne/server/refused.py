"""Refusals in one sentence: a small page for browsers, JSON for everybody else."""

import html
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.datastructures import Headers

from consigne.protocol.untrusted import clean
from consigne.ui.components import LOOK, MARK

RETRY_AFTER_S = 10
_PAGE = (Path(LOOK) / "refused.html").read_text(encoding="utf-8").replace("{mark}", MARK)


def wants_page(headers: Headers) -> bool:
    """Whether a browser asks, for a person to read."""
    return "text/html" in headers.get("accept", "")


def refused(headers: Headers, status: int, told: str, more: Mapping[str, str] | None = None) -> Response:
    """The answer to a request with these headers; ``more`` are headers of the answer."""
    more = {**_later(status), **(more or {})}
    if not wants_page(headers):
        return JSONResponse({"detail": told}, status, more)
    sentence = html.escape(told[:1].upper() + told[1:])
    return HTMLResponse(_PAGE.replace("{sentence}", sentence), status, {"cache-control": "no-store", **more})


def _later(status: int) -> Mapping[str, str]:
    """For programs that ask again by themselves: when, where that can help."""
    return {"retry-after": str(RETRY_AFTER_S)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}


def nothing_at(headers: Headers, path: str) -> Response:
    """The answer where there is nothing."""
    return refused(headers, 404, f"there is nothing at {clean(path)}: /docs shows what there is")
