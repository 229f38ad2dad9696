"""Turns bytes from outside into plain values, or refuses them with a reason.

What arrives is untrusted even when its MAC is right: a firmware may be buggy, or newer than this host.
"""

import json
import math
import re
from collections.abc import Mapping

U32_MAX = 0xFFFFFFFF
DEPTH_MAX = 32
"""How many brackets of a body may be open at once; a locker's own messages have 4.  Far below what the
interpreter can nest, so whatever was parsed can also be written again."""
TEXT_PATTERN = r"^[^\x00]*$"
"""Text that any database stores; PostgreSQL takes no NUL."""
LINE_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""Text that is shown in one line: no control characters."""
_HIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What steers a terminal, ends a line or turns the direction of writing; and halves of surrogate pairs."""


class ProtocolError(ValueError):
    """A message that violates the protocol; the text says how."""


class TooDeep(ProtocolError):
    """A body with more than ``DEPTH_MAX`` brackets open at once."""


def whole(value: object, what: str, maximum: int = U32_MAX, minimum: int = 0) -> int:
    """A whole number within bounds; bools are refused.  Raises ``ProtocolError`` naming ``what``."""
    if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
        raise ProtocolError(f"{what} is not a whole number from {minimum} to {maximum}")
    return value


def clean(text: str) -> str:
    """Text any database stores: no NUL, no half of a surrogate pair."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def one_line(text: str) -> str:
    """The text as it is printed: one line; what would steer the terminal is spelled out (``\\u001b``)."""
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


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


_OPENING, _BRACKETS, _ESCAPE = b"[{", b"[]{}", re.compile(rb"\\.", re.DOTALL)
_OTHERS = bytes(set(range(256)).difference(_BRACKETS, b'"'))


def _check_depth(body: bytes) -> None:
    """Raises ``TooDeep``.  It is counted before parsing, as a locker counts the brackets of its inbox."""
    if sum(body.count(opening) for opening in _OPENING) <= DEPTH_MAX:
        return
    if b"\\" in body:
        body = _ESCAPE.sub(b"", body)
    left = body.translate(None, _OTHERS).replace(b'""', b"")  # most texts have no bracket in them
    outside_texts = left.split(b'"')[::2]
    depth = 0
    for bracket in b"".join(outside_texts):
        depth += 1 if bracket in _OPENING else -1
        if depth > DEPTH_MAX:
            raise TooDeep(f"JSON with more than {DEPTH_MAX} brackets open at once")


def load(body: bytes) -> dict[str, object]:
    """A body, in UTF-8, as a dict.  Raises ``ProtocolError`` for anything but one JSON object."""
    _check_depth(body)
    try:
        # Decoded here: json would guess at UTF-16 and UTF-32, in which brackets cannot be counted so.
        text = body.decode("utf-8", "surrogatepass")
        value = json.loads(text, parse_constant=_not_json, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not JSON: {type(error).__name__}") from None
    if not isinstance(value, dict):
        raise ProtocolError("not a JSON object")
    return value


def dump(body: Mapping[str, object]) -> bytes:
    """A body as the bytes that are signed and sent."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
