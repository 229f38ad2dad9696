"""The pins of a chip and the peripherals that take them over: GPIO, PWM and RMT.

A pad has one owner at a time: the peripheral that was configured last, as in the chip's output matrix.  Which
pins there are is for ``cabinet.chips`` to say; those that carry flash or PSRAM refuse.  Some pins of the
ESP32 are inputs without pulls: to drive one is a ``ValueError``; a pull requested there is silently missing,
since the port ignores the result of ``gpio_pullup_en`` (``ports/esp32/machine_pin.c,
machine_pin_obj_init_helper``).
"""

from collections.abc import Callable, Sequence
from typing import Any

from ..clock import Clock, Timer
from .nets import Net

IN, OUT, OPEN_DRAIN = 1, 3, 7  # the values of machine.Pin on the ESP32 port
PULL_DOWN, PULL_UP = 1, 2
IRQ_RISING, IRQ_FALLING = 1, 2
CHIP = "chip"  # the sources that drive and pull a net from inside the chip


class Pad:
    """One pin seen from inside the chip."""

    def __init__(
        self, number: int, changed: Callable[[int, int, bool], Any], is_input_only: bool = False
    ) -> None:
        """``changed(number, level, is_interrupt)`` is told of every change of level."""
        self.number = number
        self.is_input_only = is_input_only
        self.net = Net(f"gpio{number}")
        self.net.on_change(self._level_changed)
        self._changed = changed
        self.reset()

    def reset(self) -> None:
        """High impedance, no pull, no interrupt: what every pad is while the chip is in reset."""
        self.mode = IN
        self.value = 0
        self.triggers = 0
        self._booting = False
        self._owner: Channel | None = None
        self.net.drive(CHIP, None)
        self.net.pull(CHIP, None)
        self.net.set_tone(None)

    def drive_at_boot(self) -> None:
        """The ROM drives the pin high, until ``end_boot`` or until the firmware takes it."""
        self._booting = True
        self.net.drive(CHIP, 1)

    def end_boot(self) -> None:
        if self._booting:
            self._booting = False
            self.net.drive(CHIP, None)

    def configure(self, mode: int | None, pull: int | None, value: int | None) -> None:
        """``machine.Pin(...)``: None leaves mode or value as they are; ``pull`` 0 is none, None unchanged."""
        if mode not in (None, IN, OUT, OPEN_DRAIN):
            raise ValueError("invalid pin mode")
        if mode in (OUT, OPEN_DRAIN):
            self._check_output()
        self._booting = False
        if mode is not None:
            self.mode = mode
            self._owner = None
            self.net.set_tone(None)
        if value is not None:
            self.value = value
        if pull is not None and not self.is_input_only:
            self.net.pull(CHIP, {PULL_UP: 1, PULL_DOWN: 0}.get(pull))
        self._drive()

    def _check_output(self) -> None:
        if self.is_input_only:
            raise ValueError("pin can only be input")

    def write(self, value: int) -> None:
        """Set the output latch; it shows on the pin only while GPIO owns it as an output."""
        self.value = value
        self._drive()

    def _drive(self) -> None:
        if self._owner is not None:
            return
        if self.mode == OUT:
            self.net.drive(CHIP, self.value)
        elif self.mode == OPEN_DRAIN:
            self.net.drive(CHIP, None if self.value else 0)
        else:
            self.net.drive(CHIP, None)

    def _level_changed(self, level: int) -> None:
        wanted = self.triggers & (IRQ_RISING if level else IRQ_FALLING)
        self._changed(self.number, level, bool(wanted))

    # --- a peripheral takes the pad over ------------------------------------------------------------
    def hand_to(self, channel: "Channel", level: int) -> None:
        self._check_output()
        self._booting = False
        self.mode = OUT
        self._owner = channel
        self.net.drive(CHIP, level)

    def owned_by(self, channel: "Channel") -> bool:
        return self._owner is channel


class Channel:
    """A peripheral channel bound to a pad."""

    def __init__(self, pad: Pad, idle_level: int = 0) -> None:
        self.pad = pad
        pad.hand_to(self, idle_level)

    def output(self, level: int) -> None:
        if self.pad.owned_by(self):
            self.pad.net.drive(CHIP, level)


class Pwm(Channel):
    """A PWM output; the net gets its square wave as a tone, not as edges."""

    def set(self, freq_hz: int, duty_u16: int) -> None:
        """Drive ``freq_hz`` (1..40e6) at a duty of 0..65535; a duty of 0 is silence."""
        if self.pad.owned_by(self):
            self.output(1 if duty_u16 == 65535 else 0)
            self.pad.net.set_tone((freq_hz, duty_u16) if 0 < duty_u16 < 65535 else None)


class Rmt(Channel):
    """The remote-control peripheral: plays levels and durations by itself.

    Once started, a pattern cannot be lengthened by the processor; only a reset of the chip, or giving the pad
    to another peripheral, shortens it.
    """

    def __init__(self, clock: Clock, pad: Pad, resolution_hz: int, idle_level: int) -> None:
        super().__init__(pad, idle_level)
        self._clock = clock
        self._resolution_hz = resolution_hz
        self._idle_level = idle_level
        self._steps: list[Timer] = []

    @property
    def busy(self) -> bool:
        return any(step.pending for step in self._steps)

    def play(self, pulses: Sequence[tuple[int, int]]) -> int:
        """Play ``(ticks, level)`` pairs, then return to the idle level.  Returns the length in us."""
        start_us = self._clock.now_us()
        ticks = 0
        self._steps = []
        for duration, level in pulses:
            at_us = start_us + ticks * 1_000_000 // self._resolution_hz
            if ticks == 0:
                self.output(level)
            else:
                self._steps.append(self._clock.call_at(at_us, self.output, level))
            ticks += duration
        length_us = ticks * 1_000_000 // self._resolution_hz
        self._steps.append(self._clock.call_at(start_us + length_us, self.output, self._idle_level))
        return length_us

    @property
    def left_us(self) -> int:
        """How long it goes on sending."""
        return max((step.at_us - self._clock.now_us() for step in self._steps if step.pending), default=0)

    def stop(self) -> None:
        """Stop where it is: the line returns to idle."""
        for step in self._steps:
            step.cancel()
        self._steps = []
        self.output(self._idle_level)
