"""The serial buses of a board: I2C with devices that may not answer, UARTs with baud timing, SPI's pins."""

import errno
from collections.abc import Callable
from typing import Any, Protocol

from ..clock import Clock, Timer
from .gpio import IN, Channel, Pad

BAUD_TOLERANCE = 0.04  # beyond this a UART samples the wrong bits


class I2CDevice(Protocol):
    """What a part offers to be found on a bus."""

    def write(self, data: bytes) -> bool:
        """Take one write (everything between start and stop); False when it does not acknowledge."""

    def read(self, count: int) -> bytes:
        """Give exactly ``count`` bytes."""


class I2CBus:
    """One I2C bus, known by the two pins it is wired to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pins: tuple[int, int] | None = None
        self.stuck = False
        self._devices: dict[int, I2CDevice] = {}

    def wire(self, scl: int, sda: int) -> None:
        """Set the pins where the wires end; a controller on other pins finds no device."""
        self.pins = scl, sda

    def attach(self, address: int, device: I2CDevice) -> None:
        """Put a device on the bus (7-bit address)."""
        if not 8 <= address < 0x78:
            raise ValueError(f"address 0x{address:02x} is reserved")
        if address in self._devices:
            raise ValueError(f"two devices at 0x{address:02x}")
        self._devices[address] = device

    def detach(self, address: int) -> None:
        """Take the device off: a pulled plug.  Its address is not acknowledged any more."""
        del self._devices[address]

    def scan(self) -> list[int]:
        return [] if self.stuck else sorted(self._devices)

    def _device(self, address: int) -> I2CDevice:
        if self.stuck:  # SDA held low: the controller gives up waiting
            raise OSError(errno.ETIMEDOUT, "bus stuck")
        device = self._devices.get(address)
        if device is None:
            raise OSError(errno.ENODEV, "no acknowledge")
        return device

    def write(self, address: int, data: bytes) -> None:
        """Raise OSError ENODEV if the address or a byte is not acknowledged: the port's driver does not tell
        which (``ports/esp32/machine_i2c.c, machine_hw_i2c_transfer``).
        """
        if not self._device(address).write(data):
            raise OSError(errno.ENODEV, "data not acknowledged")

    def read(self, address: int, count: int) -> bytes:
        data = self._device(address).read(count)
        if len(data) != count:
            raise ValueError(f"device 0x{address:02x} gave {len(data)} bytes of {count}")
        return data


class Spi:
    """One SPI controller: its pins, and whether it can be set up anew (``ports/esp32/machine_hw_spi.c``).

    Its settings outlive a soft reset.  While another driver has a device on it, the controller cannot be
    freed: setting it up differently then makes it unusable until the chip restarts.
    """

    def __init__(self, pad: Callable[[int], Pad], shared: Callable[["Spi"], bool]) -> None:
        """``shared(self)``: whether another driver has a device on it."""
        self._pad = pad
        self._shared = shared
        self.pins = (-1, -1, -1)
        """SCK, MOSI, MISO; -1 for one that is not led out."""
        self._settings: tuple[Any, ...] = ()
        self._is_up = False
        self._channels: list[Channel] = []

    @property
    def holds(self) -> bool:
        """Whether its pins are still its own."""
        ours = all(channel.pad.owned_by(channel) for channel in self._channels)
        return ours and (self.pins[2] < 0 or self._pad(self.pins[2]).mode == IN)

    def open(self, pins: tuple[int, int, int], settings: tuple[Any, ...]) -> None:
        """As ``machine.SPI(...)``; nothing happens when it is set up so already."""
        if self._is_up and (pins, settings) == (self.pins, self._settings):
            return
        was_up, self._is_up = self._is_up, False
        self.pins, self._settings = pins, settings
        if self._shared(self):
            raise OSError("SPI bus already freed" if was_up else "SPI host already in use")
        self._channels = [Channel(self._pad(pin)) for pin in pins[:2] if pin >= 0]
        if pins[2] >= 0:
            self._pad(pins[2]).configure(IN, None, None)
        self._is_up = True

    def close(self) -> None:
        """As ``SPI.deinit()``."""
        if not self._is_up:
            return
        self._is_up = False
        if self._shared(self):
            raise OSError("SPI bus already freed")
        for channel in self._channels:
            if channel.pad.owned_by(channel):
                channel.pad.configure(IN, None, None)


class Uart:
    """One UART: bytes take their time on the wire, in both directions.

    ``send`` is the outside world talking to the chip, ``on_bytes`` what it hears.  A byte is
    garbled when the baud rates differ too much, and lost when the receive buffer is full
    (``overruns`` counts them) or the chip has not opened the port.
    """

    def __init__(self, clock: Clock, name: str) -> None:
        self._clock = clock
        self.name = name
        self.pins: tuple[int, int] | None = None
        self.overruns = 0
        self.rx = bytearray()
        self._watchers: list[Callable[[bytes], Any]] = []
        self._wire_free_us = 0
        self._tx_free_us = 0
        self.idle_watcher: Callable[[], Any] | None = None
        self._idle: Timer | None = None
        self.close()

    def wire(self, tx: int, rx: int) -> None:
        """Set the chip's pins where the wires end; on other pins the port neither receives nor sends."""
        self.pins = tx, rx

    # --- the chip's side ------------------------------------------------------------
    def open(self, baud: int, tx: int, rx: int, rxbuf: int, frame_bits: int) -> None:
        """Open the port as the firmware asks; ``frame_bits`` counts start, data, parity and stop bits."""
        self.baud, self.rxbuf, self.frame_bits = baud, rxbuf, frame_bits
        self.connected = self.pins is None or self.pins == (tx, rx)
        self.rx.clear()

    def close(self) -> None:
        """As after a reset: nothing is received, nothing kept."""
        self.baud = 0
        self.rxbuf = 0
        self.frame_bits = 10
        self.connected = False
        self.rx.clear()
        self.idle_watcher = None
        if self._idle is not None:
            self._idle.cancel()

    def take(self, count: int) -> bytes:
        """Take up to ``count`` received bytes."""
        data = bytes(self.rx[:count])
        del self.rx[:count]
        return data

    def transmit(self, data: bytes) -> int:
        """Send from the chip; watchers hear it when the last bit is out.  Returns that time (us)."""
        start_us = max(self._clock.now_us(), self._tx_free_us)
        self._tx_free_us = start_us + len(data) * self.byte_us(self.baud)
        if self.connected:
            self._clock.call_at(self._tx_free_us, self._heard, data, self.baud)
        return self._tx_free_us

    def _heard(self, data: bytes, baud: int) -> None:
        if baud == self.baud:  # unless reset or reopened while the bytes were on the wire
            for watcher in self._watchers:
                watcher(data)

    # --- the world's side ------------------------------------------------------------
    def on_bytes(self, watcher: Callable[[bytes], Any]) -> None:
        self._watchers.append(watcher)

    def byte_us(self, baud: int) -> int:
        return self.frame_bits * 1_000_000 // max(1, baud)

    def send(self, data: bytes, baud: int | None = None) -> None:
        """Send bytes to the chip at ``baud`` (default: the rate the port is opened with).

        They arrive one after another, after what is still on the wire.
        """
        rate = baud or self.baud or 9600
        start_us = max(self._clock.now_us(), self._wire_free_us)
        each_us = self.byte_us(rate)
        self._wire_free_us = start_us + each_us * len(data)
        for index, value in enumerate(data):
            self._clock.call_at(start_us + each_us * (index + 1), self._arrive, value, rate)

    def _arrive(self, value: int, rate: int) -> None:
        if not self.connected:
            return
        if abs(rate - self.baud) > BAUD_TOLERANCE * self.baud:
            value = (value * 0x35 + 0x9D) & 0xFF  # sampled at the wrong moments: wrong bits
        if len(self.rx) >= self.rxbuf:
            self.overruns += 1
        else:
            self.rx.append(value)
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._clock.call_in(3 * self.byte_us(self.baud), self._quiet)

    def _quiet(self) -> None:
        if self.idle_watcher is not None:
            self.idle_watcher()
