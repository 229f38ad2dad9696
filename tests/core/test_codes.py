"""The cryptography: published vectors, vectors of another implementation, and forms that must be refused."""

import json
from binascii import unhexlify

from access_kit import EPOCH_S, KEY, token
from locker.core import codes

_VECTORS = __file__.rsplit("/", 1)[0] + "/../vectors/codes.json"


def _golden(kind):
    with open(_VECTORS) as file:
        return json.load(file)[kind]


def _padded(row, label):
    return codes.pads(codes.derive(unhexlify(row["device_key"]), label))


def test_mac_is_hmac_sha256_as_published_in_rfc_4231():
    cases = (
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (  # a key of a whole block; from Python's hmac
            b"\xaa" * 64,
            b"Hi There",
            "ebef34e13d0a0fe04593d043bc7a865106db0604211d404c18206d862e5d7852",
        ),
        (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    )
    for key, text, expected in cases:
        assert codes.mac(key, text) == unhexlify(expected)
        assert codes.mac(key, text[:3], memoryview(text)[3:]) == unhexlify(expected)


def test_keys_of_a_wrong_length_are_not_silently_used():
    for make in (lambda: codes.derive(b"short", codes.LABEL_LISTED), lambda: codes.pads(bytes(65))):
        try:
            make()
        except ValueError:
            continue
        raise AssertionError("a key of a wrong length was taken")


def test_golden_listed_tags():
    for row in _golden("listed"):
        assert codes.listed_tag(_padded(row, codes.LABEL_LISTED), row["digits"]) == unhexlify(row["tag"])


def test_golden_derived_codes():
    for row in _golden("derived"):
        made = codes.derived_digits(_padded(row, codes.LABEL_DERIVED), row["parcel_id"], row["digits"])
        assert made == row["code"]


def test_golden_window_codes():
    for row in _golden("window"):
        who = row["role"], row["action"], row["holder"], row["slot"], row["digits"]
        assert codes.window_digits(_padded(row, codes.LABEL_WINDOW), *who) == row["code"]


def test_golden_tokens_both_ways():
    names = ("kind", "action", "holder", "door", "not_before", "not_after", "nonce", "parcel_id")
    for row in _golden("token"):
        padded = _padded(row, codes.LABEL_TOKEN)
        fields = tuple(row[name] for name in names)
        assert codes.token_text(padded, codes.token_body(*fields)) == row["token"]
        raw = codes.token_raw(row["token"])
        assert codes.token_authentic(padded, raw)
        assert codes.token_fields(raw) == fields[:-1] + (row["parcel_id"].encode(),)


def test_golden_frames_both_ways():
    for row in _golden("frame"):
        key = codes.derive(unhexlify(row["device_key"]), row["label"])
        body, frame = row["body"].encode(), row["frame"].encode()
        assert row["label"] == codes.LABEL_COMMAND
        assert codes.frame_head(key, row["topic"], body) + body == frame
        assert codes.open_frame(key, row["topic"], memoryview(frame)) == body


def test_a_frame_counts_only_unchanged_and_on_its_own_topic():
    key = codes.derive(KEY, codes.LABEL_COMMAND)
    body = b'{"cmd":"open","door":3}'
    frame = codes.frame_head(key, "consigne/1/L1/commands", body) + body
    assert codes.open_frame(key, "consigne/1/L1/commands", frame) == body
    assert codes.open_frame(key, "consigne/1/L2/commands", frame) is None
    assert codes.open_frame(codes.derive(KEY, codes.LABEL_EVENT), "consigne/1/L1/commands", frame) is None
    assert codes.LABEL_EVENT == "consigne/1/event"
    assert codes.open_frame(key, "t", codes.frame_head(key, "t", b"")) == b""
    assert codes.open_frame(key, "consigne/1/L1/commands", frame[:32]) is None
    assert codes.open_frame(key, "consigne/1/L1/commands", frame.upper()) is None
    for i in range(len(frame)):
        changed = bytearray(frame)
        changed[i] ^= 1
        assert codes.open_frame(key, "consigne/1/L1/commands", changed) is None, i


def test_same_sees_every_differing_byte_and_length():
    a = bytes(range(16))
    assert codes.same(a, bytearray(a)) and codes.same(b"", b"")
    assert not codes.same(a, a[:-1]) and not codes.same(a[:-1], a)
    for i in range(16):
        b = bytearray(a)
        b[i] ^= 0x80
        assert not codes.same(a, b)


def test_digits_keep_their_leading_zeros():
    assert codes.to_digits(bytes(32), 8) == "00000000"
    assert codes.to_digits(bytes(7) + b"\x2a" + bytes(24), 6) == "000042"
    assert codes.to_digits(b"\xff" * 32, 10) == "3709551615"  # 2**64 - 1


def test_a_token_has_exactly_one_text():
    text = token(parcel="P1")
    assert codes.token_raw(text) is not None
    last = codes._ALPHABET.index(text[-1])
    twins = [text[:-1] + codes._ALPHABET[i] for i in range(64) if i != last]
    refused = (
        "",
        "CG1",
        "CG2" + text[3:],
        text.lower(),
        text + "=",
        text + "==",
        text + "\n",
        " " + text,
        text.replace(text[10], "+"),
        text.replace(text[10], "/"),
        text.replace(text[10], "\u00e9"),
        text[:10] + " " + text[10:],
        "CG1" + "A" * 44,  # a byte short of body and tag
        "CG1" + "A" * 45,  # no base64 has this length
        "CG1" + "A" * 100,
        "CG1" + "A" * 1365,  # a parcel id of 1 KiB
    )
    for wrong in refused:
        assert codes.token_raw(wrong) is None, wrong
    padded = codes.pads(codes.derive(KEY, codes.LABEL_TOKEN))
    for twin in twins:
        raw = codes.token_raw(twin)
        assert raw is None or not codes.token_authentic(padded, raw)


def test_the_longest_token_still_fits():
    text = token(parcel="x" * 40, end=EPOCH_S + 1)
    assert len(text) == codes.TOKEN_CHARS_MAX and codes.token_raw(text) is not None
    try:
        token(parcel="x" * 41)
    except ValueError:
        return
    raise AssertionError("a parcel id of 41 bytes was packed")


def test_a_journal_says_whose_it_is_by_eight_bytes_of_its_epoch():
    tag = codes.journal_tag(bytes(range(32)), 3735928559)
    assert tag == codes.mac(codes.mac(bytes(range(32)), b"consigne/1/journal"), b"\xde\xad\xbe\xef")[:8]
    assert tag != codes.journal_tag(bytes(range(32)), 1) and tag != codes.journal_tag(bytes(32), 3735928559)
