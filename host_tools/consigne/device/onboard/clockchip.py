"""On the board, started for service: the clock chip that the configuration names, through its driver."""

import json

from locker import config
from locker.drivers import board
from locker.drivers.ds3231 import Ds3231


def chip():
    """The chip, None when none is wired."""
    raw = config.checked(config.load("config.json"))
    part = raw["senses"] and raw["senses"]["clock"]
    if not part:
        return None
    return Ds3231(board.buses(raw["i2c"])[part["i2c"]], part["address"])


def read():
    """Print the chip's Unix seconds: 0 when it has stopped, -1 when it does not answer, else null."""
    found = chip()
    try:
        print(json.dumps(found and found.read()))
    except OSError:
        print(-1)


def put(epoch_s):
    """Set it, and print as ``read`` does."""
    found = chip()
    if found:
        try:
            found.set(epoch_s)
        except OSError:
            pass
    read()
