"""A request whose browser has gone is no error: a person clicked on before the page had come."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_UNANSWERED = "No response returned."
"""What Starlette's ``BaseHTTPMiddleware``, of which NiceGUI has two, makes of a client that left early."""


class GoneClients:
    """ASGI middleware around all others; any other error, and this one while somebody waits, is let pass."""

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
