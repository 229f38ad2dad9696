"""Turns bytes from outside into plain values, or refuses them with a reason.

What arrives is untrusted even when its MAC is right: a firmware may be buggy, or newer than this host.
"""

import json
import math
from collections.abc import Mapping

U32_MAX = 0xFFFFFFFF
TEXT_PATTERN = r"^[^\x00]*$"
"""Text that any database stores; PostgreSQL takes no NUL."""
LINE_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""Text that is shown in one line: no control characters."""


class ProtocolError(ValueError):
    """A message that violates the protocol; the text says how."""


def whole(value: object, what: str, maximum: int = U32_MAX, minimum: int = 0) -> int:
    """A whole number within bounds; bools are refused.  Raises ``ProtocolError`` naming ``what``."""
    if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
        raise ProtocolError(f"{what} is not a whole number from {minimum} to {maximum}")
    return value


def clean(text: str) -> str:
    """Text any database stores: no NUL, no half of a surrogate pair."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def short(value: object, what: str, maximum: int = 200) -> str:
    """A text of at most ``maximum`` characters, cleaned.  Raises ``ProtocolError`` naming ``what``."""
    if not isinstance(value, str) or len(value) > maximum:
        raise ProtocolError(f"{what} is not a text of at most {maximum} characters")
    return clean(value)


def _not_json(name: str) -> object:
    raise ProtocolError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ProtocolError("a number beyond all measure")
    return value


def load(body: bytes) -> dict[str, object]:
    """A body as a dict.  Raises ``ProtocolError`` for anything but one JSON object."""
    try:
        value = json.loads(body, parse_constant=_not_json, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not JSON: {type(error).__name__}") from None
    if not isinstance(value, dict):
        raise ProtocolError("not a JSON object")
    return value


def dump(body: Mapping[str, object]) -> bytes:
    """A body as the bytes that are signed and sent."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
