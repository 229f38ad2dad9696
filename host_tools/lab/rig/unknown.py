"""An unknown cabinet of 96 doors for the wizard: five families of boards, relays on expanders,
both polarities, both orders of bits, sensors on another chip than their locks, and numbers in no order."""

import random

from consigne.cabinet.newfile import CHIP_LOCKS, CHIP_REEDS, Place, compartments
from consigne.cabinet.profiles import profiles
from consigne.learn.file import to_toml, usual_wiring

DOORS = 96
# family, address, doors, sends its last locks first, level of a sensor while its door is closed
BOARDS = (
    ("8a", 1, 24, False, 1), ("8a", 2, 24, True, 0), ("winnsen", 3, 16, False, 1), ("wkly", 4, 8, True, 0),
    ("modbus", 6, 8, False, 1),
)  # fmt: skip
# locks on one expander, sensors on another, closed level
CHIPS = (("A", "B", 0), ("B", "A", 1))


def unknown_cabinet(seed: int) -> str:
    """The text of its cabinet file; the seed shuffles the numbers on the doors."""
    numbers = [str(n + 1) for n in range(DOORS)]
    random.Random(seed).shuffle(numbers)
    unused = iter(numbers)
    data = usual_wiring(profiles()["esp32-s3-devkitc-n8r8"])
    data["lock_board"] = []
    places = []
    for kind, address, doors, is_reversed, closed in BOARDS:
        name = f"{kind} {address}"
        data["lock_board"].append(
            {
                "name": name,
                "kind": kind,
                "uart": 1,
                "address": address,
                "reversed": is_reversed,
                "pulse_ms": 500,
            }
        )
        places += [Place(next(unused), name, n, n, closed) for n in range(doors)]
    data["expander"] = [
        {"name": name, "kind": "mcp23017", "i2c": 0, "address": address, "int_pin": -1}
        for name, address in (("A", 0x20), ("B", 0x21))
    ]
    for locks, reeds, closed in CHIPS:
        places += [
            Place(next(unused), locks, lock, reed, closed, reeds)
            for lock, reed in zip(CHIP_LOCKS, CHIP_REEDS, strict=True)
        ]
    terminal = 7
    data["front"] = {"width_cm": 45.0, "terminal_column": terminal, "terminal_cm": 85.0}
    return "\n".join([to_toml(data), *compartments(places, terminal)])
