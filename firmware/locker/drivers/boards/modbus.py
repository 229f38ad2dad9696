"""Modbus RTU relay boards (Waveshare's D series and the like): a coil that is flashed on for a time.

Function 05 with coil 0x0200 + n switches relay n on for a number of 100 ms, all by the board itself;
coil 0x00FF switches every relay off.  Inputs are read with function 02.  CRC-16, low byte first.
"""

from micropython import const

from .frames import Codec

_READ_INPUTS = const(2)
_WRITE_COIL = const(5)
_FLASH_ON = const(0x0200)
_ALL = const(0x00FF)
_UNIT_MS = const(100)
_PULSE_MAX = const(10)  # units: never more than a second


def crc16(data, start: int, end: int) -> int:
    """CRC-16 of Modbus: polynomial 0xA001 (reflected), start value 0xFFFF."""
    crc = 0xFFFF
    for i in range(start, end):
        crc ^= data[i]
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


class ModbusRelays(Codec):
    """One board; ``coil_ms`` is the longest pulse it is asked for."""

    GAP_MS = 5  # 3.5 characters at 9600 baud

    def request(self, _n: int, out) -> int:
        return self._frame(out, _READ_INPUTS, 0, self._inputs)

    def reply_bytes(self, _n: int) -> int:
        return 5 + (self._inputs + 7) // 8

    def reply(self, _n: int, data, count: int, bits) -> int:
        states = (self._inputs + 7) // 8
        for i in range(count - states - 4):
            end = i + states + 3
            if (
                data[i] == self._address
                and data[i + 1] == _READ_INPUTS
                and data[i + 2] == states
                and crc16(data, i, end) == data[end] | data[end + 1] << 8
            ):
                self._put_bytes(data, i + 3, states, bits)
                return end + 2
        return 0

    def open(self, channel: int, pulse_ms: int, out) -> int:
        self._check_channel(channel)
        return self._frame(out, _WRITE_COIL, _FLASH_ON + channel, self._units(pulse_ms))

    def all_off(self, out) -> int:
        return self._frame(out, _WRITE_COIL, _ALL, 0)

    def coil_ms(self, pulse_ms: int) -> int:
        return self._units(pulse_ms) * _UNIT_MS

    def _units(self, pulse_ms: int) -> int:
        return max(1, min(_PULSE_MAX, min(pulse_ms, self._coil_ms) // _UNIT_MS))

    def _frame(self, out, function: int, address: int, value: int) -> int:
        out[0] = self._address
        out[1] = function
        out[2] = address >> 8
        out[3] = address & 0xFF
        out[4] = value >> 8
        out[5] = value & 0xFF
        crc = crc16(out, 0, 6)
        out[6] = crc & 0xFF
        out[7] = crc >> 8
        return 8
