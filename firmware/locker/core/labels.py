"""Normalises what people type and scan: digits of codes and ids of parcels.

A parcel's id is the text of its label without the characters that scanners and symbologies add, so that
the same parcel has the same id, and thereby the same derived code, at every locker and the host.
Sources: ISO/IEC 15424 (AIM symbology identifiers), GS1 General Specifications (application
identifier 00, SSCC, check digit 7.9), UPU S10 (check digit).
"""

from micropython import const

from .reasons import R_LABEL_CHARS, R_LABEL_CHECK, R_LABEL_LENGTH, R_OK
from .records import PARCEL_ID_BYTES_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Payload


CODE_DIGITS_MIN = const(6)
CODE_DIGITS_MAX = const(10)

_SSCC_CHARS = const(18)
_S10_CHARS = const(13)
_S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
_TEXT_CHARS_MAX = const(256)
_AROUND = " \t\r\n"  # without arguments CPython and MicroPython strip different characters
_GROUP_SEPARATOR = "\x1d"  # what a scanner sends for FNC1


def all_digits(text: str) -> bool:
    """Whether ``text`` is one or more of ASCII 0 to 9; digits of other scripts are not."""
    for char in text:
        if not "0" <= char <= "9":
            return False
    return len(text) > 0


def parcel_possible(raw: "Payload") -> bool:
    """Whether bytes-like ``raw`` can be a parcel's id: at most 40 bytes of UTF-8, no control characters.

    Checked here byte by byte, since MicroPython's decoder accepts overlong forms and surrogates, and
    CPython's does not.
    """
    if len(raw) > PARCEL_ID_BYTES_MAX:
        return False
    try:
        text = str(raw, "utf-8")
    except UnicodeError:
        return False
    needed = 0
    for char in text:
        n = ord(char)
        if n < 0x20 or 0x7F <= n < 0xA0 or 0xD800 <= n < 0xE000 or n > 0x10FFFF:
            return False
        needed += 1 if n < 0x80 else 2 if n < 0x800 else 3 if n < 0x10000 else 4
    return needed == len(raw)


def s10_ok(text: str) -> bool | None:
    """Whether ``text`` has the form of an S10 identifier; ``None`` when its check digit is wrong.

    Returns True, False (not an S10) or None.
    """
    if len(text) != _S10_CHARS or not all_digits(text[2:11]):
        return False
    for char in text[:2] + text[11:]:
        if not "A" <= char <= "Z":
            return False
    total = 0
    for i in range(8):
        total += int(text[2 + i]) * _S10_WEIGHTS[i]
    check = 11 - total % 11
    if check == 10:
        check = 0
    elif check == 11:
        check = 5
    return True if check == int(text[10]) else None


def sscc_ok(text: str) -> bool:
    """Whether 18 digits end in their GS1 check digit (weights 3 and 1 from the right)."""
    total = 0
    for i in range(_SSCC_CHARS):
        total += int(text[i]) * (1 if i % 2 else 3)
    return total % 10 == 0


def parcel_id(text: str) -> tuple[int, str]:
    """``(R_OK, id)`` of a scanned or typed label, else ``(reason, "")``.

    Taken off: spaces and line ends around, an AIM identifier (``]C1`` and the like), GS1 group separators,
    and the application identifier 00 of an SSCC.  S10 and SSCC check digits are verified where the format is
    unambiguous; 18 bare digits with another check digit are a carrier's own format.  Any other format passes
    as it is: printable ASCII, 1 to 40 bytes.
    """
    if len(text) > _TEXT_CHARS_MAX:
        return R_LABEL_LENGTH, ""
    text = text.replace(_GROUP_SEPARATOR, "")
    text = text.strip(_AROUND)
    while len(text) > 3 and text[0] == "]" and _is_letter(text[1]) and all_digits(text[2]):
        text = text[3:].strip(_AROUND)
    for char in text:
        if not " " <= char <= "~":
            return R_LABEL_CHARS, ""
    sscc = _sscc_of(text)
    if sscc:
        return (R_OK, sscc) if sscc_ok(sscc) else (R_LABEL_CHECK, "")
    s10 = text.replace(" ", "").upper()
    form = s10_ok(s10)
    if form is None:
        return R_LABEL_CHECK, ""
    if form:
        return R_OK, s10
    if not 1 <= len(text) <= PARCEL_ID_BYTES_MAX:
        return R_LABEL_LENGTH, ""
    return R_OK, text


def _is_letter(char: str) -> bool:
    return "A" <= char <= "Z" or "a" <= char <= "z"


def _sscc_of(text: str) -> str:
    """The 18 digits behind the application identifier 00, or ""."""
    if text.startswith("(00)"):
        digits = text[4:].replace(" ", "")
    elif text.startswith("00") and len(text) == 2 + _SSCC_CHARS:
        digits = text[2:]
    else:
        return ""
    return digits if len(digits) == _SSCC_CHARS and all_digits(digits) else ""
