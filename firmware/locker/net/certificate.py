"""The period in which a certificate is valid, read from its DER (RFC 5280, 4.1).

mbedTLS has parsed the same bytes before and refuses malformed ones, so this only looks for the dates: it
checks nothing, and may raise any exception for other bytes.
"""

from micropython import const

_VERSION = const(0xA0)  # the optional [0] at the beginning of the signed part
_UTC_TIME = const(0x17)  # two digits for the year: 1950 to 2049
_DAYS_TO_1970 = const(719468)  # from 0000-03-01, where years that begin in March begin


def validity(der) -> tuple:
    """``(not before, not after)`` in Unix seconds; both are inclusive."""
    at = _content(der, _content(der, 0)[0])[0]  # enter the certificate, then its signed part
    if der[at] == _VERSION:
        at = _content(der, at)[1]
    for _ in range(3):  # serial number, algorithm, issuer
        at = _content(der, at)[1]
    first = _content(der, at)[0]
    return _seconds(der, first), _seconds(der, _content(der, first)[1])


def _content(der, at: int) -> tuple:
    """Begin and end of the content of the element at ``at`` (X.690, 8.1)."""
    length = der[at + 1]
    at += 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(der[at : at + count], "big")
        at += count
    return at, at + length


def _seconds(der, at: int) -> int:
    """Unix seconds of a UTCTime or a GeneralizedTime, both in UTC and with seconds (4.1.2.5)."""
    begin, end = _content(der, at)
    digits = bytes(der[begin:end])
    if der[at] == _UTC_TIME:
        digits = (b"20" if digits < b"50" else b"19") + digits
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
    if month < 3:
        year, month = year - 1, month + 12
    days = year * 365 + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 1
    hours = (days - _DAYS_TO_1970) * 24 + int(digits[8:10])
    return (hours * 60 + int(digits[10:12])) * 60 + int(digits[12:14])
