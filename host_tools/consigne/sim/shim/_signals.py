"""``machine.ADC`` and ``machine.bitstream``."""

import struct

import _link
import _ops


def _number(pin):
    return pin if isinstance(pin, int) else pin._id


class ADC:
    """An analogue input (``ports/esp32/machine_adc.c, madc_obj``); ADC2 measures while Wi-Fi is off."""

    ATTN_0DB, ATTN_2_5DB, ATTN_6DB, ATTN_11DB = 0, 1, 2, 3
    _FULL_UV = (950000, 1250000, 1750000, 2450000)

    def __init__(self, pin, *, atten=3):
        self._pin = _number(pin)
        self.atten(atten)
        self.read_uv()  # only the board knows which pins can

    def atten(self, atten):
        if not 0 <= atten <= 3:
            raise ValueError("invalid attenuation")
        self._atten = atten

    def read_uv(self):
        measured = struct.unpack("<I", _link.ask(_ops.ADC_READ, self._pin))[0]
        return min(measured, self._FULL_UV[self._atten]) // 1000 * 1000  # the calibration has whole mV

    def read_u16(self):
        return self.read_uv() * 65535 // self._FULL_UV[self._atten]


def bitstream(pin, encoding, timing, data):
    """Send bytes as pulses: ``timing`` has high and low of a 0, of a 1, in ns.  Returns when it is done."""
    if encoding != 0:
        raise ValueError("encoding")
    if len(timing) != 4:
        raise ValueError("requested length 4 but object has length {}".format(len(timing)))
    _link.ask(_ops.BITSTREAM, _number(pin), struct.pack("<HHHH", *timing) + bytes(data))
