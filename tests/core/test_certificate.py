"""Certificates written here byte by byte: what the device reads of their dates, on both interpreters."""

from locker.net.certificate import validity

SEQUENCE, CONTEXT_0, INTEGER, UTC_TIME, GENERALIZED_TIME = 0x30, 0xA0, 0x02, 0x17, 0x18


def element(tag, content):
    """DER (X.690, 8.1): a length above 127 takes a byte that says how many bytes it has."""
    size = len(content)
    if size < 0x80:
        head = bytes((tag, size))
    elif size < 0x100:
        head = bytes((tag, 0x81, size))
    else:
        head = bytes((tag, 0x82, size >> 8, size & 0xFF))
    return head + content


def certificate(first, last, name_bytes=8, version=b"\x02"):
    """As far as its dates; key and signature mean nothing.  ``first`` and ``last`` are elements."""
    signed = element(CONTEXT_0, element(INTEGER, version)) if version else b""
    signed += element(INTEGER, b"\x01") + element(SEQUENCE, b"") + element(SEQUENCE, bytes(name_bytes))
    signed += element(SEQUENCE, first + last) + element(SEQUENCE, b"") + element(SEQUENCE, bytes(90))
    return element(SEQUENCE, element(SEQUENCE, signed) + element(SEQUENCE, b""))


def utc(digits):
    return element(UTC_TIME, digits + b"Z")


def generalized(digits):
    return element(GENERALIZED_TIME, digits + b"Z")


def test_both_kinds_of_time_and_their_border_between_2049_and_2050():
    der = certificate(utc(b"491231235959"), generalized(b"20500101000000"))
    assert validity(der) == (2524607999, 2524608000)


def test_two_digits_from_50_on_are_of_the_last_century():
    der = certificate(utc(b"700101000000"), utc(b"000229120000"))
    assert validity(der) == (0, 951825600)


def test_a_century_without_a_leap_day_and_the_last_moment_there_is():
    der = certificate(generalized(b"21000301000000"), generalized(b"99991231235959"))
    assert validity(der) == (4107542400, 253402300799)


def test_a_long_name_and_a_first_version_move_the_dates():
    first, last = utc(b"260101000000"), utc(b"260401000000")
    expected = (1767225600, 1775001600)
    for name_bytes in (0, 127, 128, 300):
        for version in (b"\x02", b""):
            assert validity(memoryview(certificate(first, last, name_bytes, version))) == expected
