"""A cabinet file with some of everything that the rules allow, and ways to change it."""

from pathlib import Path

from consigne.cabinet.compiler import open_cabinet
from consigne.cabinet.model import Cabinet
from consigne.cabinet.problems import CabinetError, Problem
from consigne.cabinet.rules.table import judge

GOOD = """\
format = 1
board = "esp32-devkitc-ve"

[locks]
arm_pin = 25

[supply]
amps = 5
sense_pin = 34

[tamper]
pin = 23

[[i2c]]
id = 0
scl = 22
sda = 21

[[expander]]
name = "A"
address = 0x20

[[rs485]]
uart = 1
tx = 13
rx = 35
de = 18
baud = 9600

[[lock_board]]
name = "left"
kind = "8a"
uart = 1
address = 1

[[lock_board]]
name = "right"
kind = "8a"
uart = 1
address = 2

[keypad]
rows = [26, 27, 32, 33]
cols = [4, 5, 15]

[scanner]
uart = 2
tx = 14
rx = 39

[display]
address = 0x27
shifter = true

[clock]

[buzzer]
pin = 2

[lamp]
pin = 12

[network]
ssid = "consigne"
broker = "mqtt.example"

[[compartment]]
number = "1"
size = "S"
column = 1
bottom_cm = 12
lock = 19
reed = 36
pull_up = true

[[compartment]]
number = "2"
size = "L"
column = 1
bottom_cm = 24
on = "A"
lock = 0
reed = 8
neighbours = ["1", "3"]

[[compartment]]
number = "3"
size = "XL"
column = 2
bottom_cm = 10
on = "left"
lock = 3
reed = 3

[[compartment]]
number = "4"
size = "M"
column = 2
bottom_cm = 60
on = "left"
lock = 4
reed = 4
closed_level = 1
"""


def changed(old: str, new: str) -> str:
    """The good file with one thing changed; what is to be changed must be there exactly once."""
    assert GOOD.count(old) == 1, f"{old!r} is there {GOOD.count(old)} times"
    return GOOD.replace(old, new)


def opened(folder: Path, text: str) -> Cabinet:
    file = folder / "cabinet.toml"
    file.write_text(text)
    return open_cabinet(file)


def problems(folder: Path, text: str) -> list[Problem]:
    """Everything that is wrong with a file, form or rules."""
    try:
        return judge(opened(folder, text))
    except CabinetError as error:
        return error.problems


def line_of(text: str, line: str, nth: int = 0) -> int:
    """The number, from 1, of the ``nth`` line that reads so."""
    return [i for i, found in enumerate(text.splitlines(), 1) if found == line][nth]
