"""What is scanned and typed becomes one exact id, and misread labels are refused."""

from locker.core import labels, reasons


def test_the_same_parcel_has_one_id_however_it_is_scanned():
    for text in (
        "RR123456785FR",
        " RR123456785FR\r\n",
        "]C0RR123456785FR",
        "rr123456785fr",
        "RR 123 456 785 FR",
    ):
        assert labels.parcel_id(text) == (reasons.R_OK, "RR123456785FR"), text
    sscc = "340123450000000000"
    sscc = sscc[:-1] + str((10 - sum(int(c) * (1 if i % 2 else 3) for i, c in enumerate(sscc[:-1]))) % 10)
    for text in (
        sscc,
        "00" + sscc,
        "]C100" + sscc,
        "]C1\x1d00" + sscc,
        "(00)" + sscc,
        "(00) 3 40123450 00000000 " + sscc[-1],
    ):
        assert labels.parcel_id(text) == (reasons.R_OK, sscc), text


def test_s10_check_digits_of_every_remainder():
    # Serial numbers chosen so that the weighted sum takes every remainder of 11.
    seen = set()
    for serial in range(12345600, 12345650):
        total = sum(int(c) * w for c, w in zip(str(serial), (8, 6, 4, 2, 3, 5, 9, 7)))
        check = (11 - total % 11) % 11 if total % 11 != 1 else 0
        check = 5 if total % 11 == 0 else check
        seen.add(total % 11)
        for digit in range(10):
            reason, _ = labels.parcel_id("RR{}{}FR".format(serial, digit))
            assert (reason == reasons.R_OK) == (digit == check), (serial, digit)
    assert len(seen) == 11


def test_a_misread_label_is_refused_only_where_the_form_leaves_no_doubt():
    assert labels.parcel_id("RR123456784FR") == (reasons.R_LABEL_CHECK, "")
    assert labels.parcel_id("00003401234567890128") == (reasons.R_LABEL_CHECK, "")
    assert labels.parcel_id("(00)003401234567890128") == (reasons.R_LABEL_CHECK, "")
    # 18 bare digits, a domestic carrier, "(00)" before something else: free formats
    for text in (
        "003401234567890128",
        "6A12345678901",
        "R1123456785FR",
        "RR12345678XFR",
        "RR1234567855R",
        "(00)12",
        "00AB",
    ):
        assert labels.parcel_id(text) == (reasons.R_OK, text), text
    assert labels.parcel_id("00" + "1" * 17 + "X")[0] == reasons.R_OK


def test_impossible_labels_have_one_reason_each():
    assert labels.parcel_id("") == (reasons.R_LABEL_LENGTH, "")
    assert labels.parcel_id("  \r\n") == (reasons.R_LABEL_LENGTH, "")
    assert labels.parcel_id("x" * 41) == (reasons.R_LABEL_LENGTH, "")
    assert labels.parcel_id("x" * 1024) == (reasons.R_LABEL_LENGTH, "")
    assert labels.parcel_id("x" * 40) == (reasons.R_OK, "x" * 40)
    for text in ("a\x00b", "a\tb", "a\x7fb", "colis-\u00e9t\u00e9", "\u0661\u0662", "\U0001f4e6"):
        assert labels.parcel_id(text) == (reasons.R_LABEL_CHARS, ""), text


def test_every_printable_character_passes_and_letters_reach_from_a_to_z():
    for at in range(0x21, 0x7F, 30):
        text = "".join(chr(c) for c in range(at, min(at + 30, 0x7F)))
        assert labels.parcel_id(text) == (reasons.R_OK, text)
    for letters in ("AZ", "ZA"):
        assert labels.parcel_id(letters + "123456785" + letters) == (
            reasons.R_OK,
            letters + "123456785" + letters,
        )
        assert labels.parcel_id(letters + "123456784" + letters) == (reasons.R_LABEL_CHECK, "")
    for identifier in ("]A0", "]Z0", "]a0", "]z9"):
        assert labels.parcel_id(identifier + "X") == (reasons.R_OK, "X")
    assert labels.parcel_id("A112345678AFR") == (reasons.R_OK, "A112345678AFR")
    assert labels.parcel_id("RRA23456785FR") == (reasons.R_OK, "RRA23456785FR")  # a free format


def test_a_long_text_is_not_even_looked_at():
    assert labels.parcel_id(" " * 255 + "X") == (reasons.R_OK, "X")
    assert labels.parcel_id(" " * 256 + "X") == (reasons.R_LABEL_LENGTH, "")


def test_a_bracket_alone_is_not_a_symbology_identifier():
    for text in ("]", "]C1", "]11ABC", "]CxABC", "]@1ABC"):
        assert labels.parcel_id(text) == (reasons.R_OK, text), text
    assert labels.parcel_id("]d2ABC") == (reasons.R_OK, "ABC")
    assert labels.parcel_id("]Q3ABC") == (reasons.R_OK, "ABC")


def test_an_id_read_again_is_the_same_id():
    for label, id_ in (("0 \x1d", "0"), ("\x1d 0", "0"), ("]C1 0", "0"), ("]C1]C1X", "X"), ("]C1]C1", "]C1")):
        assert labels.parcel_id(label) == labels.parcel_id(id_) == (0, id_), label


def test_digits_of_other_scripts_are_not_digits():
    assert labels.all_digits("0123456789")
    for text in ("", "\u0661\u0662\u0663", "\uff11\uff12", "1\u00b2", "12 4", "-1", "1e5", "\u096712345"):
        assert not labels.all_digits(text), text


def test_parcel_ids_inside_grants_and_tokens():
    edges = "\x20\x7e\xa0\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"
    for good in ("", "RR123456785FR", "colis-\u00e9t\u00e9-42", "\U0001f4e6", "x" * 40, edges):
        assert labels.parcel_possible(good.encode()), good
    bad = (
        b"x" * 41,
        b"x" * 1024,
        b"a\x00b",
        b"a\nb",
        b"\x1f",
        b"\x7f",
        b"\xc2\x80",
        b"\xc2\x9f",
        b"\xc2\x85",  # a control character of two bytes
        b"\xff",
        b"\xc3",  # cut short
        b"\xc0\xa0",  # an overlong space, which MicroPython decodes
        b"\xed\xa0\x80",  # half of a surrogate pair, likewise
        b"\xf7\xbf\xbf\xbf",  # beyond Unicode, likewise
    )
    for raw in bad:
        assert not labels.parcel_possible(memoryview(raw)), raw
