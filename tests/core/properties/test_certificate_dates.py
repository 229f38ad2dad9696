"""The dates of a certificate, as the device reads them, are those that the laptop's library reads."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from locker.net.certificate import validity

KEY = ec.generate_private_key(ec.SECP256R1())
NAME_BYTES_MAX = 64  # of a common name: RFC 5280, ub-common-name
SECOND = datetime.timedelta(seconds=1)
moments = st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59)).map(
    lambda moment: moment.replace(microsecond=0)
)


def certificate(first: datetime.datetime, last: datetime.datetime, name: str = "broker.test") -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
    builder = (
        builder.public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(last)
    )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def unix_s(moment: datetime.datetime) -> int:
    return int((moment - datetime.datetime(1970, 1, 1)) / SECOND)


names = st.text(min_size=1, max_size=60).filter(lambda name: len(name.encode()) <= NAME_BYTES_MAX)


@given(moments, moments, names)
def test_the_dates_are_those_in_the_certificate(first, last, name) -> None:
    first, last = sorted((first, last))
    assert validity(memoryview(certificate(first, last, name))) == (unix_s(first), unix_s(last))


@pytest.mark.parametrize(
    "moment",
    ["1950-01-01 00:00:00", "2000-02-29 00:00:00", "2049-12-31 23:59:59", "2100-03-01 00:00:00"],
)
def test_where_centuries_and_the_two_kinds_of_time_meet(moment) -> None:
    there = datetime.datetime.fromisoformat(moment)
    assert validity(certificate(there, there + SECOND)) == (unix_s(there), unix_s(there) + 1)


def test_one_of_the_first_version_has_no_number_before_its_serial() -> None:
    """X.509 version 1 leaves the optional field away: what is signed begins with the serial number."""
    whole = certificate(datetime.datetime(2026, 1, 1), datetime.datetime(2026, 4, 1))
    at = whole.index(b"\xa0\x03\x02\x01\x02")
    assert validity(whole[:at] + whole[at + 5 :]) == validity(whole)
