"""A request whose browser has disconnected is no error: the person clicked on before the page arrived."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_UNANSWERED = "No response returned."
"""The error that Starlette's ``BaseHTTPMiddleware`` raises when a client left early; NiceGUI uses two."""


class GoneClients:
    """Outermost ASGI middleware; it suppresses that error only, and only after the client disconnected."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_gone = False

        async def heard() -> Message:
            nonlocal is_gone
            message = await receive()
            is_gone = is_gone or message["type"] == "http.disconnect"
            return message

        try:
            await self._app(scope, heard, send)
        except RuntimeError as error:
            if not is_gone or str(error) != _UNANSWERED:
                raise
