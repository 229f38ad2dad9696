"""The board's end of the wire: what each message of the machine shim does to the board.

``Port.handle`` is the one place where firmware acts on a board.  On CPython it is called
directly; ``Framing`` splits the byte stream of a MicroPython process into calls of it.  The
numbers stand in ``shim/_ops.py``.
"""

import errno
import socket
import struct
from collections.abc import Callable
from typing import Any

from consigne.firmware import layout

from ..ground import PowerLost
from ..shim import _ops as ops
from .board import HARD, Board
from .buses import I2CBus
from .ethernet import RmiiWires
from .flash import PAGE_BYTES, SECTOR_BYTES, PowerCut
from .gpio import OUT
from .nameserver import computers_name_server

# Typical times of a W25Q32JV (Winbond data sheet, AC characteristics): tSE, tBP1, tBP2.
ERASE_US = 45_000
FLASH_ERASE = 6  # the block device protocol's ioctl
FIRST_BYTE_US = 30
NEXT_BYTE_US = 2.5

Push = Callable[[int, int, int], Any]
Handlers = dict[int, Callable[[int, bytes], bytes | None]]


class Port:
    """Carries out posts and questions on a board; hands interrupts to ``push(op, number, value)``.

    ``closed`` is set once the firmware behind it is gone; its remaining messages are ignored then.
    ``busy_us`` is set by a question that keeps the processor waiting (flash and I2C do); the
    ground lets that time pass before the firmware goes on.  ``more`` are handlers of the ground's own.
    """

    def __init__(self, board: Board, push: Push, more: Handlers | None = None) -> None:
        self.board = board
        self.busy_us = 0
        self.closed = False
        self.flash_takes_time = True
        self._push = push
        self._levels_known = False
        self._handlers: Handlers = {
            ops.PIN_WRITE: self._pin_write,
            ops.PIN_IRQ: self._pin_irq,
            ops.PIN_SETUP: self._pin_setup,
            ops.LEVELS: self._levels,
            ops.ADC_READ: self._adc_read,
            ops.I2C_WRITE: self._i2c_write,
            ops.I2C_READ: self._i2c_read,
            ops.I2C_SCAN: self._i2c_scan,
            ops.SPI_OPEN: self._spi_open,
            ops.SPI_CLOSE: self._spi_close,
            ops.UART_OPEN: self._uart_open,
            ops.UART_WRITE: self._uart_write,
            ops.UART_READ: self._uart_read,
            ops.UART_ANY: self._uart_any,
            ops.UART_IRQ: self._uart_irq,
            ops.PWM_SET: self._pwm_set,
            ops.BITSTREAM: self._bitstream,
            ops.RMT_OPEN: self._rmt_open,
            ops.RMT_PLAY: self._rmt_play,
            ops.RMT_BUSY: self._rmt_busy,
            ops.RMT_STOP: self._rmt_stop,
            ops.WDT_START: self._wdt_start,
            ops.WDT_FEED: self._wdt_feed,
            ops.RESET: self._reset,
            ops.INFO: self._info,
            ops.PARTITION: self._partition,
            ops.PARTITIONS: self._partitions,
            ops.FLASH_READ: self._flash_read,
            ops.FLASH_WRITE: self._flash_write,
            ops.FLASH_IOCTL: self._flash_ioctl,
            ops.HEAPS: self._heaps,
            ops.NAME_SERVER: self._name_server,
            ops.WLAN_ACTIVE: self._wlan_active,
            ops.WLAN_JOIN: self._wlan_join,
            ops.WLAN_LEAVE: self._wlan_leave,
            ops.WLAN_STATUS: self._wlan_status,
            ops.LAN_OPEN: self._lan_open,
            ops.LAN_ACTIVE: self._lan_active,
            ops.LAN_STATUS: self._lan_status,
        }
        self._handlers.update(more or {})
        board.on_interrupt = self._interrupt
        board.on_input = self._input_changed

    def handle(self, op: int, number: int, payload: bytes) -> bytes:
        """Carry out one message; returns the answer, raises OSError or ValueError as the shim will."""
        self.busy_us = 0
        handler = self._handlers.get(op)
        if handler is None:
            raise ValueError(f"unknown op {op}")
        try:
            return handler(number, payload) or b""
        except OSError as error:
            if error.errno is None and error.args and isinstance(error.args[0], int):
                # ``OSError(5)`` has an errno on MicroPython only
                raise OSError(error.args[0], str(error)) from error
            raise

    # --- interrupts and the freshness of input levels ------------------------------------------------
    def _interrupt(self, kind: str, number: int, value: int) -> None:
        self._levels_known = False
        self._push(ops.PUSH_PIN if kind == "pin" else ops.PUSH_UART, number, value)

    def _input_changed(self) -> None:
        if self._levels_known:
            self._levels_known = False
            self._push(ops.PUSH_LEVELS, 0, 0)

    # --- pins ------------------------------------------------------------------------------------------
    def _pin_setup(self, number: int, payload: bytes) -> None:
        mode, pull, value = (None if code == ops.LEAVE else code for code in payload)
        self._levels_known = False
        self.board.pad(number).configure(mode, pull, value)

    def _pin_write(self, number: int, payload: bytes) -> None:
        self._levels_known = False
        self.board.pad(number).write(payload[0])

    def _pin_irq(self, number: int, payload: bytes) -> None:
        self.board.pad(number).triggers = payload[0]

    def _levels(self, number: int, payload: bytes) -> bytes:
        self._levels_known = True
        return self.board.levels().to_bytes(8, "little")

    def _adc_read(self, number: int, payload: bytes) -> bytes:
        return struct.pack("<I", round(self.board.measured_v(number) * 1_000_000))

    # --- buses -------------------------------------------------------------------------------------------
    def _i2c_write(self, number: int, payload: bytes) -> None:
        bus, khz = self._bus(payload)
        bus.write(number, bytes(payload[4:]))
        self.busy_us = 9 * (len(payload) - 3) * 1000 // khz

    def _i2c_read(self, number: int, payload: bytes) -> bytes:
        bus, khz = self._bus(payload)
        count = int.from_bytes(payload[4:6], "little")
        if len(payload) > 6:
            bus.write(number, bytes(payload[6:]))
        self.busy_us = 9 * (len(payload) - 4 + count) * 1000 // khz
        return bus.read(number, count)

    def _bus(self, payload: bytes) -> tuple[I2CBus, int]:
        """The bus and its clock in kHz."""
        return self.board.bus_at(payload[0], payload[1]), max(1, int.from_bytes(payload[2:4], "little"))

    def _i2c_scan(self, number: int, payload: bytes) -> bytes:
        return bytes(self.board.bus_at(payload[0], payload[1]).scan())

    def _spi_open(self, number: int, payload: bytes) -> None:
        sck, mosi, miso = (-1 if pin == ops.LEAVE else pin for pin in payload[:3])
        self._levels_known = False
        self.board.spi(number).open((sck, mosi, miso), struct.unpack("<IBBBB", payload[3:]))

    def _spi_close(self, number: int, payload: bytes) -> None:
        self._levels_known = False
        self.board.spi(number).close()

    def _uart_open(self, number: int, payload: bytes) -> None:
        baud, tx, rx, rxbuf, frame_bits = struct.unpack("<IBBHB", payload)
        self.board.uart(number).open(baud, tx, rx, rxbuf, frame_bits)

    def _uart_write(self, number: int, payload: bytes) -> None:
        self.board.uart(number).transmit(bytes(payload))

    def _uart_read(self, number: int, payload: bytes) -> bytes:
        return self.board.uart(number).take(int.from_bytes(payload, "little"))

    def _uart_any(self, number: int, payload: bytes) -> bytes:
        return len(self.board.uart(number).rx).to_bytes(2, "little")

    def _uart_irq(self, number: int, payload: bytes) -> None:
        self.board.uart_idle_interrupt(number, bool(payload[0]))

    # --- peripherals ---------------------------------------------------------------------------------------
    def _pwm_set(self, number: int, payload: bytes) -> None:
        freq_hz, duty_u16 = struct.unpack("<IH", payload)
        if freq_hz:
            self.board.pwm(number).set(freq_hz, duty_u16)
        else:
            self.board.pad(number).reset()

    def _bitstream(self, number: int, payload: bytes) -> None:
        high_0, low_0, high_1, low_1 = struct.unpack("<HHHH", payload[:8])
        times_ns = {0: (high_0, low_0), 1: (high_1, low_1)}
        pulses = [times_ns[value >> bit & 1] for value in payload[8:] for bit in range(7, -1, -1)]
        self._levels_known = False
        pad = self.board.pad(number)
        pad.write(0)
        if pad.mode == OUT:
            pad.net.burst(pulses)
        self.busy_us = sum(high + low for high, low in pulses) // 1000

    def _rmt_open(self, number: int, payload: bytes) -> None:
        pin, idle_level, resolution_hz = struct.unpack("<BBI", payload)
        self.board.rmt(number, pin, resolution_hz, idle_level)

    def _rmt_play(self, number: int, payload: bytes) -> None:
        pulses = [(item & 0x7FFF, item >> 15) for (item,) in struct.iter_unpack("<H", payload)]
        self.board.rmt_channel(number).play(pulses)

    def _rmt_busy(self, number: int, payload: bytes) -> bytes:
        return bytes((self.board.rmt_channel(number).busy,))

    def _rmt_stop(self, number: int, payload: bytes) -> None:
        self.board.stop_rmt(self.board.rmt_channel(number))

    def _wdt_start(self, number: int, payload: bytes) -> None:
        self.board.start_watchdog(int.from_bytes(payload, "little"))

    def _wdt_feed(self, number: int, payload: bytes) -> None:
        self.board.feed_watchdog()

    def _reset(self, number: int, payload: bytes) -> None:
        self.board.reset(HARD)

    def _info(self, number: int, payload: bytes) -> bytes:
        return bytes((self.board.cause,)) + self.board.unique_id

    # --- flash ---------------------------------------------------------------------------------------------
    def _flash(self, label: bytes) -> Any:
        flash = self.board.flash.get(bytes(label).decode())
        if flash is None:
            raise OSError(errno.ENOENT, "no such partition")
        return flash

    def _partition(self, number: int, payload: bytes) -> bytes:
        flash = self._flash(payload)
        entry = layout.partition(bytes(payload).decode(), self.board.partitions)
        size = flash.ioctl(4, 0), flash.ioctl(5, 0)
        return struct.pack("<IIIBB", *size, entry.offset, entry.type, entry.subtype)

    def _partitions(self, number: int, payload: bytes) -> bytes:
        return "\0".join(self.board.flash).encode()

    def _flash_read(self, number: int, payload: bytes) -> bytes:
        block, offset, count = struct.unpack_from("<III", payload)
        data = bytearray(count)
        self._flash(payload[12:]).readblocks(block, data, offset)
        return bytes(data)

    def _flash_write(self, number: int, payload: bytes) -> None:
        block, offset, length = struct.unpack_from("<IIB", payload)
        flash = self._flash(payload[9 : 9 + length])
        data = bytes(payload[9 + length :])
        whole = offset == ops.WHOLE_BLOCK
        pages = -(-len(data) // PAGE_BYTES)
        busy_us = round(pages * FIRST_BYTE_US + (len(data) - pages) * NEXT_BYTE_US)
        if whole:
            busy_us += ERASE_US * -(-len(data) // SECTOR_BYTES)
        self.busy_us = busy_us if self.flash_takes_time else 0
        try:
            flash.writeblocks(block, data, None if whole else offset)
        except PowerCut as cut:
            raise PowerLost(str(cut)) from cut

    def _flash_ioctl(self, number: int, payload: bytes) -> bytes:
        argument = int.from_bytes(payload[:4], "little")
        if number == FLASH_ERASE and self.flash_takes_time:
            self.busy_us = ERASE_US
        try:
            return struct.pack("<i", self._flash(payload[4:]).ioctl(number, argument) or 0)
        except PowerCut as cut:
            raise PowerLost(str(cut)) from cut

    # --- radio ---------------------------------------------------------------------------------------------
    def _heaps(self, number: int, payload: bytes) -> bytes:
        return b"".join(struct.pack("<IIII", *piece) for piece in self.board.heap.pieces())

    def _name_server(self, number: int, payload: bytes) -> bytes:
        return socket.inet_aton(computers_name_server())

    def _wlan_active(self, number: int, payload: bytes) -> None:
        radio = self.board.radio
        if number == 2:
            if radio.set_up():
                self.board.panic("esp_netif_create_default_wifi_sta")
        else:
            radio.activate(bool(number))
        self.board.heap.moved()

    def _wlan_join(self, number: int, payload: bytes) -> None:
        split = 1 + payload[0]
        self.board.radio.connect(bytes(payload[1:split]).decode(), bytes(payload[split:]).decode())

    def _wlan_leave(self, number: int, payload: bytes) -> None:
        self.board.radio.disconnect()

    def _wlan_status(self, number: int, payload: bytes) -> bytes:
        radio = self.board.radio
        rssi_dbm = radio.rssi_dbm if radio.associated else ops.NOBODY
        return struct.pack("<BBHb", radio.active, radio.connected, radio.status, rssi_dbm)

    # --- wired network -------------------------------------------------------------------------------------
    def _lan_open(self, number: int, payload: bytes) -> None:
        by_spi, *pins = (-1 if value == ops.LEAVE else value for value in payload)
        ethernet = self.board.ethernet
        self._levels_known = False
        self.busy_us = ethernet.power(pins[0])
        if by_spi:
            bus, cs, interrupt, reset = pins[1:]
            self.busy_us += ethernet.open_spi(self.board.spi(bus), cs, interrupt, reset)
        else:
            mdc, mdio, ref_clk, from_chip = pins[1:]
            if mdc < 0 or mdio < 0:
                raise ValueError("mdc and mdio must be specified")
            ethernet.open_rmii(RmiiWires(number, mdc, mdio, ref_clk, bool(from_chip)))

    def _lan_active(self, number: int, payload: bytes) -> None:
        self.board.ethernet.activate(bool(number))

    def _lan_status(self, number: int, payload: bytes) -> bytes:
        ethernet = self.board.ethernet
        return bytes((ethernet.active, ethernet.status, ethernet.connected, ethernet.opened))


class Framing:
    """Splits the stream from a MicroPython process and packs what goes back to it."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._buffer = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Carry out every complete message in order; returns the answers, ready to send."""
        buffer = self._buffer
        buffer += data
        out = b""
        while len(buffer) >= 4 and not self._port.closed:
            op, number, size = struct.unpack_from("<BBH", buffer)
            if len(buffer) < 4 + size:
                break
            payload = bytes(buffer[4 : 4 + size])
            del buffer[: 4 + size]
            out += self._one(op, number, payload)
        return out

    def _one(self, op: int, number: int, payload: bytes) -> bytes:
        if op < ops.FIRST_ASK:
            self._port.handle(op, number, payload)
            return b""
        status = 0
        try:
            answer = self._port.handle(op, number, payload)
        except ValueError as error:
            status, answer = ops.BAD_VALUE, str(error).encode()
        except OSError as error:
            status, answer = error.errno or ops.BAD_OS, b""
            if error.errno is None:  # a text alone, as ``mp_raise_msg`` of the port
                answer = struct.pack("<i", 0) + str(error).encode()
        return struct.pack("<BBH", status, ops.ANSWER, len(answer)) + answer


def push_frame(op: int, number: int, value: int) -> bytes:
    """A push as it goes over the wire."""
    return struct.pack("<BBHB", op, number, 1, value)
