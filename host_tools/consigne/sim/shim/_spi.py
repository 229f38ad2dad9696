"""The SPI controller of ``machine``."""

import struct

import _link
import _ops
from _ops import LEAVE


def _number(pin, default):
    if pin is None:
        return LEAVE
    if isinstance(pin, int):
        return default if pin == LEAVE else pin
    return pin._id


class SPI:
    """A hardware controller: its pins and settings.  None of our drivers reads or writes a bus itself, so
    that is left out; only ``network.LAN`` uses it.

    The defaults of its pins are those of the ESP32 port (``ports/esp32/machine_hw_spi.c``).
    """

    MSB, LSB = 0, 1
    _PINS = ((14, 13, 12), (18, 23, 19))

    def __init__(
        self,
        id,
        baudrate=500000,
        *,
        polarity=0,
        phase=0,
        bits=8,
        firstbit=0,
        sck=LEAVE,
        mosi=LEAVE,
        miso=LEAVE,
    ):
        if id not in (1, 2):
            raise ValueError("SPI({}) doesn't exist".format(id))
        if bits <= 0:
            raise ValueError("invalid bits")
        self._id = id
        pins = [_number(pin, default) for pin, default in zip((sck, mosi, miso), self._PINS[id - 1])]
        _link.ask(
            _ops.SPI_OPEN,
            id,
            struct.pack("<BBBIBBBB", *pins, baudrate, polarity, phase, bits, firstbit),
        )

    def deinit(self):
        _link.ask(_ops.SPI_CLOSE, self._id)
