"""``/docs``: the OpenAPI document made readable by Swagger UI, served by this host alone.

The files of Swagger UI come with the package ``fastapi-offline``; a browser without internet shows the page
as any other does, and the page's policy forbids it to ask another host.
"""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

_HERE = Path(__file__).parent
_PACKAGED = Path(str(files("fastapi_offline"))) / "static"
_SCRIPTS = {
    "swagger-ui-bundle.js": _PACKAGED,
    "swagger-ui.css": _PACKAGED,
    "viewer.js": _HERE,
}
_NO_PARTS = {"accept-ranges": "none"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _Whole(FileResponse):
    """A file that is sent whole, whatever part is asked for: Starlette refuses a wrong part in plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


def router() -> APIRouter:
    """The page and its files, under names that lead nowhere else."""
    made = APIRouter(include_in_schema=False)

    @made.get("/docs")
    def page() -> FileResponse:
        return _Whole(_HERE / "viewer.html", headers={**_NO_PARTS, "content-security-policy": _POLICY})

    def add(name: str, folder: Path) -> None:
        @made.get(f"/docs/{name}")
        def part() -> FileResponse:
            return _Whole(folder / name, headers=_NO_PARTS)

    for name, folder in _SCRIPTS.items():
        add(name, folder)
    return made
