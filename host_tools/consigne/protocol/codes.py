"""The host's half of codes: making what the lockers check.

The cryptography itself is in ``locker/core/codes.py``, the file that the lockers run.  This module has the
names, ranges and units with which the host uses it.  All functions are pure, except ``new_digits`` and
``new_nonce``, which use ``secrets``.
"""

from __future__ import annotations

import secrets

from locker.core import codes, events, labels, records, windows

from .untrusted import U32_MAX

ANY_DOOR = records.ANY_DOOR
_U16_MAX = 0xFFFF


def key(device_key: bytes, label: str) -> bytes:
    """``key(label)``: 32 bytes.  Raises ``ValueError`` unless ``device_key`` has 32 bytes."""
    return bytes(codes.derive(device_key, label))


def _pads(device_key: bytes, label: str) -> tuple[bytes, bytes]:
    padded: tuple[bytes, bytes] = codes.pads(key(device_key, label))
    return padded


def _check_length(digits: int) -> None:
    low, high = labels.CODE_DIGITS_MIN, labels.CODE_DIGITS_MAX
    if not low <= digits <= high:
        raise ValueError(f"a code has {low} to {high} digits, not {digits}")


def new_digits(digits: int = 8) -> str:
    """Digits for a listed code, drawn at random."""
    _check_length(digits)
    return f"{secrets.randbelow(10**digits):0{digits}d}"


def new_nonce() -> int:
    """A nonce for a token, 1 to 2**32 - 1, drawn at random."""
    return 1 + secrets.randbelow(U32_MAX)


def listed_tag(device_key: bytes, digits: str) -> bytes:
    """The tag that a grant carries instead of its digits: 16 bytes."""
    if not labels.all_digits(digits):
        raise ValueError("a code is made of the digits 0 to 9")
    _check_length(len(digits))
    return bytes(codes.listed_tag(_pads(device_key, codes.LABEL_LISTED), digits))


def card_tag(device_key: bytes, bits: int, facility: int, number: int) -> bytes:
    """The tag that a grant carries for a Wiegand card of 26, 34 or 37 bits: 16 bytes.

    ``facility`` (8 bits, of the longer cards 16) and ``number`` (16 bits, of 37-bit cards 19) are printed on
    the card, or shown by any reader.
    """
    widths = {26: (8, 16), 34: (16, 16), 37: (16, 19)}
    if bits not in widths:
        raise ValueError(f"a card has 26, 34 or 37 bits, not {bits}")
    for what, value, width in zip(("facility", "number"), (facility, number), widths[bits], strict=True):
        if not 0 <= value < 1 << width:
            raise ValueError(
                f"the {what} of a card of {bits} bits is at most {(1 << width) - 1}, not {value}"
            )
    text = f"W{bits}:{facility}:{number}"
    return bytes(codes.listed_tag(_pads(device_key, codes.LABEL_LISTED), text))


def derived_code(device_key: bytes, parcel_id: str, digits: int = 8) -> str:
    """The code a customer can be told before the locker has heard of the parcel.

    ``parcel_id`` as ``locker.core.labels.parcel_id`` gives it; ``ValueError`` for one that no
    locker would take.
    """
    _check_length(digits)
    if not parcel_id or not labels.parcel_possible(parcel_id.encode()):
        raise ValueError("a parcel id is 1 to 40 bytes without control characters")
    return str(codes.derived_digits(_pads(device_key, codes.LABEL_DERIVED), parcel_id, digits))


def slot_s(role: int) -> int:
    """How long a window slot of this role is, in seconds.  ``ValueError`` for customers and residents."""
    if role not in windows.SLOT_S:
        raise ValueError(f"role {role} has no window codes")
    return int(windows.SLOT_S[role])


def window_code(device_key: bytes, role: int, action: int, holder: int, epoch_s: int, digits: int = 8) -> str:
    """The code of a holder for the slot that contains ``epoch_s``.

    ``holder`` is the holder's number, or the counter that took its place when the holder's codes
    were revoked (``records.HOLDER_COUNTER``), 0 to 65535.
    """
    _check_length(digits)
    _check_u16("holder", holder)
    _check_action(action)
    slot = epoch_s // slot_s(role)
    if not 0 <= slot <= U32_MAX:
        raise ValueError(f"no slot at {epoch_s} s")
    padded = _pads(device_key, codes.LABEL_WINDOW)
    return str(codes.window_digits(padded, role, action, holder, slot, digits))


def console_code(device_key: bytes, holder: int, number: int, digits: int = 8) -> str:
    """The code that a technician types at the closed console of a locker whose clock is not set.

    ``number`` (0 to 999,999,999) is the one the console shows; the code is valid only for it.
    ``holder`` as in ``window_code``.
    """
    _check_length(digits)
    _check_u16("holder", holder)
    if not 0 <= number < windows.ANSWER_NUMBERS:
        raise ValueError("a console's number has nine digits")
    padded, slot = _pads(device_key, codes.LABEL_WINDOW), windows.answer_slot(number)
    role, action = events.TECHNICIAN, events.SERVICE
    return str(codes.window_digits(padded, role, action, holder, slot, digits))


def make_token(
    device_key: bytes,
    action: int,
    holder: int,
    door: int,
    not_before: int,
    not_after: int,
    nonce: int,
    parcel_id: str = "",
) -> str:
    """A token for one person, to be shown as a QR code.

    ``door`` counts from 0 as everywhere at the host; ``ANY_DOOR`` means any, or where the parcel
    is.  Dates are epoch seconds, ``not_after`` is the last good one.  ``nonce`` is 1 to 2**32 - 1,
    different for each token of a locker.  Raises ``ValueError`` for values that a locker would refuse.
    """
    _check_action(action)
    if not 0 <= door < _U16_MAX - 1 and door != ANY_DOOR:
        raise ValueError(f"no token can name door {door}")
    if not 0 <= not_before <= not_after <= U32_MAX:
        raise ValueError("a token ends after it begins, within 1970 to 2106")
    if not 1 <= nonce <= U32_MAX:
        raise ValueError("a nonce is 1 to 2**32 - 1")
    if not labels.parcel_possible(parcel_id.encode()):
        raise ValueError("a parcel id has at most 40 bytes and no control characters")
    number = door if door == ANY_DOOR else door + 1
    return raw_token(
        device_key, codes.TOKEN_KIND, action, holder, number, not_before, not_after, nonce, parcel_id
    )


def raw_token(
    device_key: bytes,
    kind: int,
    action: int,
    holder: int,
    door_number: int,
    not_before: int,
    not_after: int,
    nonce: int,
    parcel_id: str,
) -> str:
    """A token with exactly these fields, sensible or not.

    ``door_number`` is the number in the token: compartments as people count them, from 1.
    """
    _check_u16("holder", holder)
    body = codes.token_body(kind, action, holder, door_number, not_before, not_after, nonce, parcel_id)
    return str(codes.token_text(_pads(device_key, codes.LABEL_TOKEN), body))


def _check_u16(name: str, value: int) -> None:
    if not 0 <= value <= _U16_MAX:
        raise ValueError(f"{name} is 0 to {_U16_MAX}, not {value}")


def _check_action(action: int) -> None:
    if not 0 <= action <= events.HANDOVER:
        raise ValueError(f"no action {action}")
