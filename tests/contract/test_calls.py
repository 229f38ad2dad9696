"""Every call that runs on a board has a row in the table, and is made as the port's C source takes it."""

from pathlib import Path

import pytest
from consigne.device.interpreter import VERSION_MIN
from finder import Finder, Use, device_sources, sent_scripts
from table import OLDEST, ROOT, TableError, read, uses, without_row


@pytest.fixture(scope="module")
def found() -> list[Use]:
    return uses()


def test_no_call_of_the_device_is_made_without_anybody_having_read_what_the_port_does(
    found: list[Use],
) -> None:
    assert list(without_row(found, read())) == []


def test_the_oldest_release_that_is_flashed_is_the_oldest_whose_source_was_read() -> None:
    assert "v" + ".".join(map(str, VERSION_MIN)) == OLDEST


def test_no_row_is_left_of_a_call_that_nobody_makes_any_more(found: list[Use]) -> None:
    made = {use.name for use in found}
    assert [row.name for part in read() for row in part.rows if row.name not in made] == []


def test_what_a_line_cannot_show_is_shown_by_a_test_that_is_there() -> None:
    named = [
        place.strip() for part in read() for row in part.rows for place in row.seen.split(",") if row.seen
    ]
    assert named and [place for place in named if not (ROOT / place).is_file()] == []


def test_the_files_are_read_from_where_the_board_gets_them() -> None:
    names = {name for name, _, _ in device_sources(ROOT)}
    assert {"boot", "start", "main", "locker.serving", "locker.drivers.relays", "onboard.doctor"} <= names
    assert any(name.startswith("sent.") for name in names)


PLANTED = """
import machine
import network as net
import os, vfs
from machine import Pin, UART as Serial
from esp32 import Partition

SPARE = "ticks_cpu"

class Base:
    def __init__(self, pin, bus):
        self._pin = pin
        self._buses = {"a": bus}

class Derived(Base):
    def go(self):
        self._pin.planted_by_base()
        for bus in self._buses.values():
            bus.planted_in_dict(1, addrsize=8)

    def lend(self):
        return self._pin

def make():
    from time import planted_import
    return Derived(Pin(3), bus=machine.I2C(0))

def through(thing):
    thing.lend().planted_by_return()

through(make())
pins = [Pin(n) for n in (1, 2)]
first, (second, port) = pins[0], (pins[1], Serial(1))
first.planted_in_list()
port.planted_at_place()
port.read(*[1])
Partition.find(0)[0].planted_on_found()
getattr(net, "planted_" + first)()
getattr(net, SPARE)
machine.WDT().planted_attribute = 1
if hasattr(vfs, "planted_asked"):
    os.planted_last
held = []
def hold():
    held.append(machine.RTC())
for one in globals().get("held", ()):
    one.planted_in_globals()
(lambda port: port.planted_in_lambda())(port)
"""


def test_a_call_is_found_wherever_the_object_has_been() -> None:
    seen = Finder([("planted", "planted.py", PLANTED)]).uses()
    names = {use.name for use in seen if "planted" in use.name}
    assert names == {
        "machine.Pin.planted_by_base",
        "machine.I2C.planted_in_dict",
        "time.planted_import",
        "machine.Pin.planted_by_return",
        "machine.Pin.planted_in_list",
        "machine.UART.planted_at_place",
        "esp32.Partition.planted_on_found",
        "network.planted_*",
        "machine.WDT.planted_attribute",
        "vfs.planted_asked",
        "os.planted_last",
        "machine.RTC.planted_in_globals",
        "machine.UART.planted_in_lambda",
    }
    assert "network.ticks_cpu" in {use.name for use in seen}
    call = next(use for use in seen if use.name == "machine.I2C.planted_in_dict" and use.called)
    assert (call.positional, call.keywords, call.line) == (1, ("addrsize",), 19)
    assert next(use for use in seen if use.name == "machine.UART.read" and use.called).open_ended


def test_a_call_across_two_files_is_found() -> None:
    files = [
        ("a.driver", "a/driver.py", "class Lamp:\n    def __init__(self, pin):\n        self._p = pin\n"
         "    def on(self):\n        self._p.planted(1)\n"),
        ("a.maker", "a/maker.py", "from machine import Pin\nfrom .driver import Lamp\nLamp(Pin(1)).on()\n"),
    ]  # fmt: skip
    assert [use for use in Finder(files).uses() if use.called and use.name.endswith("planted")] == [
        Use("machine.Pin.planted", "a/driver.py", 5, True, 1)
    ]


def test_a_program_that_a_tool_sends_is_read_too(tmp_path: Path) -> None:
    tool = tmp_path / "tool.py"
    tool.write_text('NAME = 3\nrun(f"import os\\nos.planted({NAME!r})")\nhelp("import a file")\n')
    ((name, where, text),) = sent_scripts(tool, "tool.py")
    assert (where, [use.name for use in Finder([(name, where, text)]).uses() if use.called]) == (
        "tool.py:2",
        ["os.planted"],
    )


@pytest.mark.parametrize(
    ("call", "wrong"),
    [
        ("machine.I2C(0, machine.Pin(1))", "not what the port takes"),
        ("machine.UART(1, 9600, flow_control=1)", "not what the port takes"),
        ("machine.Pin(1).mode(1)", "has no row"),
        ("machine.WDT(timeout=8000)", ""),
    ],
)
def test_a_call_that_the_port_would_refuse_is_told_with_its_place(call: str, wrong: str) -> None:
    seen = Finder([("m", "m.py", f"import machine\n{call}\n")]).uses()
    told = [line for line in without_row(seen, read()) if "machine.Pin(_)" not in line]
    assert bool(told) == bool(wrong)
    assert all(wrong in line and line.startswith("m.py:2: ") for line in told)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ('name = "a.b"\nsource = "c"', "says no gives"),
        ('name = "a.b"\ngives = "1"\nsource = "c"', "nothing is checked"),
        ('name = "a.b"\ngives = "1"\nsource = "c"\ncheck = [{do = "1"}]', "wants one of"),
        ('name = "a.b"\ngives = "1"\nsource = "c"\ncheck = [{do = "1", is = "1", board = "x"}]', "no board"),
        ('name = "a.b"\ngives = "1"\nsource = "c"\ncheck = [{do = "1", is = "1"}]\nlimited = {unix = ["*"]}',
         "without a reason"),
    ],
)  # fmt: skip
def test_a_row_that_says_too_little_is_refused(tmp_path: Path, row: str, wrong: str) -> None:
    (tmp_path / "rows.toml").write_text(f'setup = ""\n[[row]]\n{row}\n')
    with pytest.raises(TableError, match=wrong):
        read(tmp_path)
