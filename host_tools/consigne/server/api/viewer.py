"""``/docs``: the OpenAPI document made readable by Swagger UI, served by this host alone.

The files of Swagger UI come with the package ``fastapi-offline``; a browser without internet shows the page
as any other does, and the page's policy forbids it to ask another host.
"""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

_HERE = Path(__file__).parent
_PACKAGED = Path(str(files("fastapi_offline"))) / "static"
_SCRIPTS = {
    "swagger-ui-bundle.js": _PACKAGED,
    "swagger-ui.css": _PACKAGED,
    "viewer.js": _HERE,
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def router() -> APIRouter:
    """The page and its files, under names that lead nowhere else."""
    made = APIRouter(include_in_schema=False)

    @made.get("/docs")
    def page() -> FileResponse:
        return FileResponse(_HERE / "viewer.html", headers={"content-security-policy": _POLICY})

    def add(name: str, folder: Path) -> None:
        @made.get(f"/docs/{name}")
        def part() -> FileResponse:
            return FileResponse(folder / name)

    for name, folder in _SCRIPTS.items():
        add(name, folder)
    return made
