"""``docs/protocol.md`` is true: its example computes what host and locker do, its tables are whole."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from consigne.protocol import codes
from locker.net import messages

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def computed() -> dict[str, Any]:
    """The names that the page's example leaves."""
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    return names


def test_a_frame_made_by_the_page_is_that_of_the_published_description(computed: dict[str, Any]) -> None:
    described = yaml.safe_load((ROOT / "host_tools/protocol/asyncapi.yaml").read_text(encoding="utf-8"))
    example = described["info"]["x-frame-example"]
    assert computed["topic"].decode() == example["topic"]
    assert computed["frame"].decode() == example["payload"]


def test_codes_made_by_the_page_are_those_that_host_and_locker_compute(computed: dict[str, Any]) -> None:
    assert computed["derived"] == codes.derived_code(KEY, "RR123456785FR")
    assert computed["window"] == codes.window_code(KEY, 1, 1, 7, 1_790_000_000)
    assert computed["tag"] == codes.listed_tag(KEY, "90210417").hex()
    token = codes.raw_token(
        KEY, 1, 1, 7, 65_535, 1_789_913_600, 1_792_592_000, 2_712_847_316, "RR123456785FR"
    )
    assert computed["token"] == token


def test_the_page_s_functions_make_the_golden_vectors(computed: dict[str, Any]) -> None:
    vectors = json.loads((ROOT / "tests/vectors/codes.json").read_text(encoding="utf-8"))
    derived = [row for row in vectors["derived"] if row["device_key"] == KEY.hex()]
    assert derived
    for row in derived:
        made = computed["mac"](computed["key"](b"derived"), row["parcel_id"].encode())
        assert computed["digits"](made, row["digits"]) == row["code"]


def test_every_command_is_told_and_no_other() -> None:
    table = PAGE.split("| command | what it does |")[1].split("\n\n")[0]
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert {name for cell in first for name in re.findall(r"`(\w+)`", cell)} == set(messages.commands())


def test_every_topic_is_told_and_no_other() -> None:
    described = yaml.safe_load((ROOT / "host_tools/protocol/asyncapi.yaml").read_text(encoding="utf-8"))
    table = PAGE.split("| topic | from |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(described["channels"])
