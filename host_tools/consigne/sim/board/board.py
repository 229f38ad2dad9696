"""An ESP32 board seen from outside: pins, buses, serial ports, flash, radio, watchdog, supply.

Parts of the cabinet are attached to it; the firmware reaches it through ``wire.Port`` on every
simulated ground.  Whatever happens here happens on one thread, the one that runs the clock.

    board = Board(VirtualClock())
    board.pin(34).pull("resistor", 1)          # an external pull-up on GPIO34
    board.i2c(0).wire(scl=22, sda=21)          # where the wires of bus 0 end
    board.i2c(0).attach(0x27, device)          # write(data) -> acknowledged, read(count) -> bytes
    board.uart(2).wire(tx=17, rx=16)
    board.uart(2).send(b"12345\\r")             # the scanner speaks; on_bytes(...) hears the chip
    board.pin(25).on_change(coil.armed)        # a part watches a wire
"""

from collections.abc import Callable
from typing import Any, Protocol

from consigne.cabinet.chips import CHIPS
from consigne.cabinet.deviceconfig import Wiring
from consigne.firmware import layout

from ..clock import Clock, Timer
from .buses import I2CBus, Spi, Uart
from .ethernet import Ethernet
from .gpio import Pad, Pwm, Rmt
from .idfheap import IdfHeap
from .nets import Net
from .radio import Radio

POWER_ON, HARD, WATCHDOG, SOFT = 1, 2, 3, 5  # machine.reset_cause() of the ESP32 port
RMT_WAIT_US = 300_000  # the interrupt watchdog of ESP-IDF
CAUSE_NAMES = {POWER_ON: "power", HARD: "hard reset", WATCHDOG: "watchdog", SOFT: "soft reset"}


class Part:
    """Anything screwed to the cabinet and wired to the board.

    A part sees nets, buses and the clock, never the firmware.  ``power_on`` and ``power_off``
    are called when the supply of the whole cabinet comes and goes (a reset of the chip leaves the
    parts powered, as on a real board); override what the part cares about.
    """

    def __init__(self, board: "Board") -> None:
        self.board = board
        self.clock = board.clock
        board.parts.append(self)

    def power_on(self) -> None:
        """The supply is on: take the state the data sheet gives after power-up."""

    def power_off(self) -> None:
        """The supply has gone: electrical functions stop, mechanical positions stay."""


class Flash(Protocol):
    """A block device: see ``firmware/locker/ports.py``; ``cost_us`` is what its last call takes."""

    def readblocks(self, block: int, buf: bytearray, offset: int = 0) -> None: ...
    def writeblocks(self, block: int, buf: bytes, offset: int | None = None) -> None: ...
    def ioctl(self, op: int, arg: int) -> int | None: ...


class Board:
    """The chip, its supply and everything attached to it.

    Parameters
    ----------
    chip, psram
        A name in ``cabinet.chips.CHIPS``, and how PSRAM hangs on it, "" for none: the image is made for that,
        so its pins are not there.

    Attributes
    ----------
    log
        Called with ``(time_us, what, detail)`` for everything worth telling a person.
    on_reset
        Called with the cause when the chip resets itself; the ground restarts the interpreter.
    on_interrupt
        Called with ``(kind, number, value)``: "pin" with number and level, "uart" with the port.
    on_input
        Called when any pin changed its level without an interrupt.
    """

    def __init__(
        self,
        clock: Clock,
        unique_id: bytes = b"\x24\x0a\xc4\x00\x00\x01",
        *,
        chip: str = "esp32",
        psram: str = "",
    ) -> None:
        self.clock = clock
        self.chip = CHIPS[chip]
        self.unique_id = unique_id
        self.parts: list[Part] = []
        self.flash: dict[str, Flash] = {}
        self.partitions = layout.PARTITIONS  # the address of each partition
        self.radio = Radio(clock)
        self.ethernet = Ethernet(clock, self.pad, self.panic)
        self.heap = IdfHeap(self.radio)
        self.powered = False
        self.cause = POWER_ON
        self.log: Callable[[int, str, str], Any] = lambda at_us, what, detail: None
        self.on_reset: Callable[[int], Any] = lambda cause: None
        self.on_interrupt: Callable[[str, int, int], Any] = lambda kind, number, value: None
        self.on_input: Callable[[], Any] = lambda: None
        known = self.chip.image_pins(psram) - self.chip.flash
        self._pads = {
            number: Pad(number, self._pin_changed, number in self.chip.input_only) for number in sorted(known)
        }
        self._buses: dict[int, I2CBus] = {}
        self._uarts: dict[int, Uart] = {}
        self._spis: dict[int, Spi] = {}
        self._rmts: dict[int, Rmt] = {}
        self._pwms: dict[int, Pwm] = {}
        self._watchdog: Timer | None = None
        self.watchdog_ms = 0

    @classmethod
    def of(cls, config: Wiring, clock: Clock, psram: str | None = None) -> "Board":
        """The board that a device's configuration is made for.

        ``psram`` None: as much as its chip can have.  That leaves the fewest pins, so wiring that is right
        with it is also right without.
        """
        chip = CHIPS[config.get("board", "esp32")]
        return cls(clock, chip=chip.name, psram=chip.most_psram if psram is None else psram)

    def note(self, what: str, detail: str = "") -> None:
        """Write a line into the log with the time of now."""
        self.log(self.clock.now_us(), what, detail)

    # --- what parts and harness reach for ------------------------------------------------------------
    def pin(self, number: int) -> Net:
        """The net at a pin of the chip; ValueError for a pin that is not there or carries flash or PSRAM."""
        return self.pad(number).net

    def i2c(self, number: int) -> I2CBus:
        if number not in (0, 1):
            raise ValueError(f"an ESP32 has no I2C {number}")
        return self._buses.setdefault(number, I2CBus(f"i2c{number}"))

    def uart(self, number: int) -> Uart:
        if not 0 <= number < self.chip.uarts:
            raise ValueError(f"UART({number}) does not exist")
        if number not in self._uarts:
            self._uarts[number] = Uart(self.clock, f"uart{number}")
        return self._uarts[number]

    # --- what the firmware's side reaches for -----------------------------------------------------------
    def pad(self, number: int) -> Pad:
        """As ``machine.Pin`` looks for it: ``ports/esp32/machine_pin.c, machine_pin_find``."""
        if number not in self._pads:
            raise ValueError("invalid pin")
        return self._pads[number]

    def bus_at(self, scl: int, sda: int) -> I2CBus:
        """The bus whose wires end at these pins; pins nothing is wired to are an empty bus."""
        for bus in self._buses.values():
            if bus.pins == (scl, sda):
                return bus
        return I2CBus(f"i2c at {scl}/{sda}")

    def spi(self, number: int) -> Spi:
        """SPI ``number`` as the port counts them; ValueError for one that an ESP32 has not."""
        if number not in (1, 2):
            raise ValueError(f"SPI({number}) doesn't exist")
        if number not in self._spis:
            self._spis[number] = Spi(self.pad, lambda spi: self.ethernet.bus is spi)
        return self._spis[number]

    def rmt(self, number: int, pin: int, resolution_hz: int, idle_level: int) -> None:
        """Set up an RMT channel of the chip on a pin."""
        if not 0 <= number < self.chip.rmt_channels:
            raise ValueError(f"RMT channels that send are 0 to {self.chip.rmt_channels - 1}")
        if number in self._rmts:
            self._rmts[number].stop()
        self._rmts[number] = Rmt(self.clock, self.pad(pin), resolution_hz, idle_level)

    def rmt_channel(self, number: int) -> Rmt:
        return self._rmts[number]

    def measured_v(self, number: int) -> float:
        """What ``machine.ADC`` measures: ValueError where no ADC is.  One that Wi-Fi has taken reads 0,
        without an error (``ports/esp32/adc.c, madcblock_read_helper``; v1.25 raises ETIMEDOUT).
        """
        if number not in self.chip.adc1 | self.chip.adc2:
            raise ValueError("invalid pin")
        return 0.0 if number in self.chip.adc2 and self.radio.active else self.pin(number).volts

    def pwm(self, pin: int) -> Pwm:
        """The PWM of a pin; if the pin has another owner, a new PWM takes it."""
        pwm = self._pwms.get(pin)
        if pwm is None or not self._pads[pin].owned_by(pwm):
            pwm = self._pwms[pin] = Pwm(self.pad(pin))
        return pwm

    def levels(self) -> int:
        """All pins at once: bit n is the level of GPIO n."""
        bits = 0
        for pad in self._pads.values():
            bits |= pad.net.level << pad.number
        return bits

    def _pin_changed(self, number: int, level: int, is_interrupt: bool) -> None:
        if is_interrupt:
            self.on_interrupt("pin", number, level)
        else:
            self.on_input()

    def uart_idle_interrupt(self, number: int, enabled: bool) -> None:
        """Have ``on_interrupt("uart", number, 0)`` called when a received burst has ended."""
        uart = self.uart(number)
        uart.idle_watcher = (lambda: self.on_interrupt("uart", number, 0)) if enabled else None

    # --- watchdog ------------------------------------------------------------
    def start_watchdog(self, timeout_ms: int) -> None:
        """Start the watchdog; like the real one it cannot be stopped, only fed, until the next reset."""
        if timeout_ms <= 0:
            raise ValueError("WDT timeout too short")
        self.watchdog_ms = timeout_ms
        self.feed_watchdog()

    def feed_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._watchdog = self.clock.call_in(self.watchdog_ms * 1000, self.reset, WATCHDOG)

    # --- supply and reset ------------------------------------------------------------
    def power_on(self) -> None:
        """Give the cabinet its supply; the ground starts the interpreter after this."""
        if self.powered:
            raise RuntimeError("the power is on already")
        self.powered = True
        self.cause = POWER_ON
        self._boot_signals()
        for part in self.parts:
            part.power_on()

    def _boot_signals(self) -> None:
        """What the ROM does to some pins before any firmware runs: a relay there fires."""
        for number, high_us in self.chip.boot_us.items():
            if number in self._pads:
                self._pads[number].drive_at_boot()
                self.clock.call_in(high_us, self._pads[number].end_boot)

    def power_off(self) -> None:
        """Take the supply away: the chip stops in the middle of whatever it was doing."""
        if not self.powered:
            raise RuntimeError("the power is off already")
        self.powered = False
        self._quiet()
        for part in self.parts:
            part.power_off()

    def reset(self, cause: int) -> None:
        """Reset the chip: its pins let go, its peripherals stop, the parts stay powered."""
        self._quiet()
        self._boot_signals()
        self.cause = cause
        self.note("reset", CAUSE_NAMES[cause])
        self.on_reset(cause)

    def press_reset(self) -> None:
        """The button at EN, or a modem line that drives EN: the chip reports it as a power-up."""
        self.reset(POWER_ON)

    def panic(self, why: str = "LoadProhibited") -> None:
        """A fault that firmware cannot catch: the chip prints the reason on its console and resets."""
        self.note("panic", why)
        self.reset(HARD)

    def stop_rmt(self, rmt: Rmt) -> bool:
        """``RMT.deinit``, also by its finaliser: from MicroPython v1.27 on an ESP32 whose ESP-IDF is older
        than 5.5.2 waits for the end of the pattern with interrupts off, and its interrupt watchdog fires
        (``ports/esp32/esp32_rmt.c, esp32_rmt_deactivate``).  False when the chip has panicked.
        """
        if self.chip.name == "esp32" and rmt.left_us > RMT_WAIT_US:
            self.panic("an RMT was stopped that had long to go")
            return False
        rmt.stop()
        return True

    def soft_reset(self) -> bool:
        """The interpreter starts anew: levels, link and watchdog stay, interrupts, tones and RMTs end.

        False when it came to a panic instead.
        """
        if not all(self.stop_rmt(rmt) for rmt in self._rmts.values()):
            return False
        self._rmts.clear()
        for pad in self._pads.values():
            pad.triggers = 0
        for number in self._pwms:
            self._pads[number].reset()
        self._pwms.clear()
        for uart in self._uarts.values():
            uart.idle_watcher = None
        self.cause = SOFT
        self.note("reset", CAUSE_NAMES[SOFT])
        return True

    def _quiet(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
        for rmt in self._rmts.values():
            rmt.stop()
        self._rmts.clear()
        self._pwms.clear()
        self._spis.clear()
        for pad in self._pads.values():
            pad.reset()
        for uart in self._uarts.values():
            uart.close()
        self.radio.reset()
        self.heap.restarted()
        self.ethernet.reset()
