"""The steps of ``consigne sim``: carried out in the order in which they were typed."""

import pytest
from consigne.demo import steps
from consigne.demo.steps import Step


def test_steps_of_different_kinds_keep_their_order() -> None:
    typed = [
        "--keys",
        "123#",
        "--scan",
        "RR123456785FR",
        "--keys",
        "#",
        "--shut",
        "open",
        "--wait",
        "2.5",
        "--power",
        "off",
        "--power",
        "on",
    ]
    assert steps.parse(typed) == [
        Step("keys", "123#"),
        Step("scan", "RR123456785FR"),
        Step("keys", "#"),
        Step("shut", "open"),
        Step("wait", "2.5"),
        Step("power", "off"),
        Step("power", "on"),
    ]


def test_a_value_may_stand_behind_an_equals_sign() -> None:
    assert steps.parse(["--scan=A=B"]) == [Step("scan", "A=B")]


def test_placeholders_become_codes_and_the_rest_stays() -> None:
    codes = {"courier": "11112222", "RR123456785FR": "33334444"}
    assert steps.fill_in("{courier}#*{RR123456785FR}#", codes.__getitem__) == "11112222#*33334444#"


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        (["--key", "1"], "'--key' is not a step"),
        (["90210417#"], "not a step"),
        (["--keys"], "needs a value"),
        (["--keys", "12x"], "keys are 0 to 9"),
        (["--scan", ""], "1 to 4096"),
        (["--scan", "café"], "ASCII"),
        (
            ["--keys", "{couri}#"],
            "there are {courier}, {partner}, {resident}, whose codes they are, and {PARCEL}",
        ),
        (["--scan", "{" + "1" * 41 + "}"], "is no parcel"),
        (["--wait", "soon"], "seconds from 0"),
        (["--wait", "-1"], "seconds from 0"),
        (["--wait", "nan"], "seconds from 0"),
        (["--power", "maybe"], "neither on nor off"),
    ],
)
def test_a_wrong_step_is_named(typed: list[str], complaint: str) -> None:
    with pytest.raises(steps.StepError, match=complaint):
        steps.parse(typed)


def test_a_parcel_that_was_scanned_may_be_called_anything() -> None:
    assert steps.parse(["--scan", "HELLO", "--keys", "{HELLO}#"])[1] == Step("keys", "{HELLO}#")
