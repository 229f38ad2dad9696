"""The cryptography of codes and MQTT frames, written once for the locker and for the host.

Everything is HMAC-SHA256 (RFC 2104, FIPS 180-4) over ``hashlib.sha256``; MicroPython has no
``hmac``.  All keys come from the locker's 32-byte device key.  A key that is used often is kept as
its two padded blocks (``pads``), which saves most of the work of a MAC of a short message.
"""

import binascii
import hashlib
import struct

from micropython import const

from .records import PARCEL_ID_BYTES_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Bytes, Frame, Pads, TokenFields


LABEL_LISTED = "consigne/1/listed"
LABEL_DERIVED = "consigne/1/derived"
LABEL_WINDOW = "consigne/1/window"
LABEL_TOKEN = "consigne/1/token"
LABEL_COMMAND = "consigne/1/command"
LABEL_EVENT = "consigne/1/event"
LABEL_JOURNAL = "consigne/1/journal"

KEY_BYTES = const(32)
TAG_BYTES = const(16)

TOKEN_PREFIX = "CG1"
TOKEN_KIND = const(1)
TOKEN_CHARS_MAX = const(102)  # prefix + base64url of body, parcel id of 40 bytes and tag
_BODY = ">BBHHIII"
_BODY_BYTES = const(18)
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

_BLOCK_BYTES = const(64)
_IPAD = int.from_bytes(b"\x36" * 64, "big")
_OPAD = int.from_bytes(b"\x5c" * 64, "big")


# --- the primitive ----------------------------------------------------------------------------------


def pads(key: "Bytes") -> "Pads":
    """The inner and outer block of HMAC-SHA256 for ``key`` (at most 64 bytes)."""
    if len(key) > _BLOCK_BYTES:
        raise ValueError("key of {} bytes".format(len(key)))
    block = int.from_bytes(bytes(key) + bytes(_BLOCK_BYTES - len(key)), "big")
    return (block ^ _IPAD).to_bytes(_BLOCK_BYTES, "big"), (block ^ _OPAD).to_bytes(_BLOCK_BYTES, "big")


def mac_padded(padded: "Pads", *parts: "Bytes") -> bytes:
    """HMAC-SHA256 of the concatenated ``parts`` (bytes-like) under ``pads(key)``: 32 bytes."""
    inner = hashlib.sha256(padded[0])
    for part in parts:
        inner.update(part)
    outer = hashlib.sha256(padded[1])
    outer.update(inner.digest())
    return outer.digest()


def mac(key: "Bytes", *parts: "Bytes") -> bytes:
    """HMAC-SHA256 of the concatenated ``parts`` (bytes-like) under ``key``: 32 bytes."""
    return mac_padded(pads(key), *parts)


def same(a: "Bytes", b: "Bytes") -> bool:
    """Whether two byte strings are equal, in a time that depends on their lengths only."""
    if len(a) != len(b):
        return False
    difference = 0
    for i in range(len(a)):
        difference |= a[i] ^ b[i]
    return difference == 0


def derive(device_key: bytes, label: str) -> bytes:
    """A key for one purpose, 32 bytes.  ``label`` is one of the ``LABEL_`` strings."""
    if len(device_key) != KEY_BYTES:
        raise ValueError("device key of {} bytes".format(len(device_key)))
    return mac(device_key, label.encode())


def journal_tag(device_key: bytes, epoch: int) -> bytes:
    """What a journal of this epoch says in ``records.BOUND`` if it is this locker's: 8 bytes."""
    return mac(derive(device_key, LABEL_JOURNAL), struct.pack(">I", epoch))[:8]


# --- digits -----------------------------------------------------------------------------------------


def to_digits(code_mac: bytes, digits: int) -> str:
    """The first 64 bits of a MAC, modulo a power of ten, as ``digits`` decimal digits."""
    number = int.from_bytes(code_mac[:8], "big") % 10**digits
    return "{:0{}d}".format(number, digits)


def listed_tag(padded: "Pads", digits: str) -> bytes:
    """What a grant carries in place of its digits (str): 16 bytes."""
    return mac_padded(padded, digits.encode())[:TAG_BYTES]


def derived_digits(padded: "Pads", parcel_id: str, digits: int) -> str:
    """The code of a parcel, known before the locker has heard of the parcel."""
    return to_digits(mac_padded(padded, parcel_id.encode()), digits)


def window_digits(padded: "Pads", role: int, action: int, holder: int, slot: int, digits: int) -> str:
    """The code of a holder (or of the counter in its place) for one slot."""
    return to_digits(mac_padded(padded, struct.pack(">BBHI", role, action, holder, slot)), digits)


# --- tokens -----------------------------------------------------------------------------------------


def token_text(padded: "Pads", body: bytes) -> str:
    """A token's text from its packed body."""
    raw = body + mac_padded(padded, body)[:TAG_BYTES]
    return TOKEN_PREFIX + _base64url(raw)


def token_body(
    kind: int,
    action: int,
    holder: int,
    door: int,
    not_before: int,
    not_after: int,
    nonce: int,
    parcel_id: str,
) -> bytes:
    """Pack what a token says; ``parcel_id`` is str, at most 40 bytes of UTF-8."""
    parcel = parcel_id.encode()
    if len(parcel) > PARCEL_ID_BYTES_MAX:
        raise ValueError("parcel id of {} bytes".format(len(parcel)))
    return struct.pack(_BODY, kind, action, holder, door, not_before, not_after, nonce) + parcel


def token_raw(text: str) -> bytes | None:
    """The bytes of a token's text (body and tag), or ``None`` if it is not one.

    Only the canonical form is taken: exact alphabet, no padding, unused bits zero.  So one token
    has one text, and the interpreters' different leniency with base64 does not show.
    """
    if len(text) > TOKEN_CHARS_MAX or not text.startswith(TOKEN_PREFIX):
        return None
    encoded = text[len(TOKEN_PREFIX) :]
    for char in encoded:
        if char not in _ALPHABET:
            return None
    if len(encoded) % 4 == 1:
        return None
    padded = encoded.replace("-", "+").replace("_", "/") + "=" * (-len(encoded) % 4)
    raw = binascii.a2b_base64(padded)
    if len(raw) < _BODY_BYTES + TAG_BYTES or _base64url(raw) != encoded:
        return None
    return raw


def token_authentic(padded: "Pads", raw: bytes) -> bool:
    """Whether the tag at the end of ``raw`` is this locker's for the body before it."""
    return same(mac_padded(padded, raw[:-TAG_BYTES])[:TAG_BYTES], raw[-TAG_BYTES:])


def token_fields(raw: bytes) -> "TokenFields":
    """``(kind, action, holder, door, not_before, not_after, nonce, parcel id as bytes)``."""
    return struct.unpack_from(_BODY, raw, 0) + (raw[_BODY_BYTES:-TAG_BYTES],)


def _base64url(raw: bytes) -> str:
    text = binascii.b2a_base64(raw).decode().rstrip("\n=")
    return text.replace("+", "-").replace("/", "_")


# --- MQTT frames ------------------------------------------------------------------------------------

FRAME_HEAD_BYTES = const(33)  # 32 hexadecimal digits and a full stop


def frame_head(key: "Bytes", topic: str, body: "Bytes") -> bytes:
    """The 33 bytes before a frame's JSON: the MAC covers topic (str), newline and body."""
    return binascii.hexlify(mac(key, topic.encode(), b"\n", body)[:TAG_BYTES]) + b"."


def open_frame(key: "Bytes", topic: str, frame: "Frame") -> "Frame | None":
    """The body of an authentic frame, as a slice of ``frame`` (bytes or memoryview), or ``None``."""
    if len(frame) < FRAME_HEAD_BYTES:
        return None
    body = frame[FRAME_HEAD_BYTES:]
    if not same(frame_head(key, topic, body), frame[:FRAME_HEAD_BYTES]):
        return None
    return body
