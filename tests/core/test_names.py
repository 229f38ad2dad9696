"""Questions to a name server and what is taken for an answer, on both interpreters."""

from locker.net import names

ID = 0x1234
ASKED = names.question("broker.example", ID)
POINTER = b"\xc0\x0c"


def record(kind, data, name=POINTER, kind_class=1):
    return name + bytes((0, kind, 0, kind_class, 0, 0, 0, 60, 0, len(data))) + data


def reply(*records, flags=0x8180, questions=1, asked=ASKED, count=None):
    counts = bytes((0, questions, 0, len(records) if count is None else count, 0, 0, 0, 0))
    return asked[:2] + bytes((flags >> 8, flags & 255)) + counts + asked[12:] + b"".join(records)


ADDRESS = record(1, b"\x0a\x01\x02\x03")


def test_a_question_is_as_rfc_1035_says():
    assert (
        ASKED == b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06broker\x07example\x00\x00\x01\x00\x01"
    )


def test_what_is_no_host_name_is_not_asked():
    for bad in ("", ".", "a..b", "x" * 64, "a.", ".a"):
        try:
            names.question(bad, 1)
            raise AssertionError(bad)
        except ValueError:
            pass


def test_numbers_with_dots_need_no_name_server():
    for good in ("0.0.0.0", "127.0.0.1", "255.255.255.255"):
        assert names.is_address(good)
    for bad in (
        "",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.",
        "a.b.c.d",
        "-1.2.3.4",
        "1.2.3.0004",
        "1.2.3.4 ",
    ):
        assert not names.is_address(bad), bad


def test_the_first_address_is_taken_whatever_stands_before_it():
    alias = record(5, b"\x03web\xc0\x13")
    for records in ((ADDRESS,), (alias, ADDRESS), (record(28, bytes(16)), ADDRESS, record(1, bytes(4)))):
        assert names.answer(reply(*records), ASKED) == "10.1.2.3"
    spelled = record(1, b"\x0a\x01\x02\x03", b"\x06broker\x07example\x00")
    assert names.answer(reply(spelled), ASKED) == "10.1.2.3"


def test_only_a_good_answer_to_this_very_question_counts():
    other_name = names.question("broken.example", ID)
    other_id = names.question("broker.example", ID + 1)
    for data in (
        reply(ADDRESS, asked=other_name),
        reply(ADDRESS, asked=other_id),
        reply(ADDRESS, flags=0x0180),  # a question
        reply(ADDRESS, flags=0x8183),  # no such name
        reply(ADDRESS, questions=0),
        reply(),
        reply(record(1, b"\x0a\x01\x02\x03", kind_class=3)),
        reply(record(1, b"\x0a\x01\x02")),
        reply(record(28, bytes(16))),
        reply(count=65535 & 255),
    ):
        assert names.answer(data, ASKED) == "", data


def test_an_answer_cut_anywhere_is_no_answer():
    whole = reply(record(5, b"\x03web\xc0\x13"), ADDRESS)
    for length in range(len(whole)):
        assert names.answer(whole[:length], ASKED) == "", length
    assert names.answer(whole, ASKED) == "10.1.2.3"


def test_no_damage_to_an_answer_does_harm():
    whole = reply(record(5, b"\x03web\xc0\x13"), ADDRESS)
    for place in range(len(whole)):
        for value in (0, 1, 0x3F, 0x40, 0xBF, 0xC0, 0xFF):
            damaged = whole[:place] + bytes((value,)) + whole[place + 1 :]
            answer = names.answer(damaged, ASKED)
            assert answer == "" or names.is_address(answer), (place, value)
