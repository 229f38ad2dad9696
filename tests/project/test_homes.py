"""A number that several need has one home: a second copy would be forgotten when the first one changes."""

import ast
import functools
import re
from pathlib import Path

import pytest
from consigne.cabinet import document, schema
from consigne.protocol import names
from lab import house
from locker.core import events, limits
from locker.core.windows import SLOT_S

SHIPPED = [
    path
    for root in ("consigne", "locker")
    for path in sorted(house.ROOTS[root].rglob("*.py"))
    # What stands in for others' work, and what was done to databases, must not change with ours.
    if not {"shim", "pyshim", "onboard", "versions"} & set(path.parts)
]


@functools.cache
def literals(path: Path) -> set[int]:
    """Every number in a module, and within its texts: ``int:0:5``, ``host:80``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    texts = [value for value in values if isinstance(value, str) and "\n" not in value]
    found = {int(number) for text in texts for number in re.findall(r":(\d+)\b", text)}
    return found | {value for value in values if isinstance(value, int)}


@pytest.mark.parametrize(
    ("number", "home", "others"),
    [
        (8080, "consigne/commandline/listening.py", ()),
        (8883, "locker/confignetwork.py", ()),
        # The small host within the simulator is somebody else's, as a part is.
        (1883, "consigne/protocol/topics.py", ("consigne/sim/network/host.py", "consigne/demo/trial.py")),
        (86_400, "locker/core/timekeeping.py", ("consigne/demo/steps.py",)),  # there: what one may ask for
        (1_704_067_200, "locker/core/timekeeping.py", ()),
    ],
)
def test_a_number_of_ours_stands_in_one_module(number: int, home: str, others: tuple[str, ...]) -> None:
    found = [path for path in SHIPPED if number in literals(path)]
    assert any(str(path).endswith(home) for path in found)
    assert [path for path in found if not str(path).endswith((home, *others))] == []


def test_roles_actions_and_sizes_are_called_as_the_firmware_means_them() -> None:
    for words, last in ((names.ROLES, events.PARTNER), (names.ACTIONS, events.HANDOVER)):
        assert list(words) == list(range(last + 1))
        for number, word in words.items():
            assert getattr(events, word.replace(" ", "").upper()) == number
    assert list(names.SIZES.items()) == [(1, "S"), (2, "M"), (3, "L"), (limits.SIZE_MAX, "XL")]


def test_a_cabinet_file_can_name_every_holder_that_a_locker_takes() -> None:
    holder = schema.LISTS["holder"][1]
    roles, actions = (holder[key].choices for key in ("role", "action"))
    assert {getattr(events, role.upper()) for role in roles} == set(SLOT_S)
    assert [getattr(events, action.upper()) for action in actions] == list(names.ACTIONS)
    sizes = document.Compartment.__annotations__["size"]
    assert tuple(names.SIZES.values()) == sizes.__args__ == schema.LISTS["compartment"][1]["size"].choices
