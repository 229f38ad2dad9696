"""The properties of each chip, and which of its pins a MicroPython image for it knows.

Pins that an image knows: MicroPython 1.25 to 1.28, ``ports/esp32/machine_pin.h``; ``machine.Pin`` of any
other is ``ValueError: invalid pin``.  ADC: ``ports/esp32/machine_adc.c, madc_obj``.  RMT channels that send,
and the pins' levels before any firmware runs: Espressif's data sheets.
"""

from dataclasses import dataclass, field

QUAD, OCTAL = "quad", "octal"
"""How PSRAM is wired: quad, sharing four lines with the flash, or octal, with eight lines of its own."""


LOGIC_VOLTS = 3.3
"""The level of the controller's pins, and so of its buses."""


@dataclass(frozen=True)
class Chip:
    """One chip.

    ``pins``: known to an image for a module without PSRAM; ``psram``: PSRAM -> pins that images for it leave
    out, because its lines lie there.  ``input_only``: pins without a driver and without pulls.  ``boot_us``:
    pin -> for how long it is high after power has come or the chip was reset.
    """

    name: str
    pins: frozenset[int]
    flash: frozenset[int]
    input_only: frozenset[int]
    adc1: frozenset[int]
    adc2: frozenset[int]
    uarts: int
    rmt_channels: int
    psram: dict[str, frozenset[int]] = field(default_factory=dict)
    boot_us: dict[int, int] = field(default_factory=dict)

    def image_pins(self, psram: str) -> frozenset[int]:
        """The pins that ``machine.Pin`` knows on a module with this PSRAM, "" for none."""
        return self.pins - self.psram.get(psram, frozenset())

    def image(self, psram: str) -> str:
        """The official image for a module with this PSRAM; "" where there is none that can serve."""
        return _OFFICIAL.get((self.name, psram), "")

    @property
    def most_psram(self) -> str:
        """The PSRAM that takes the most pins; "" for a chip that can have none."""
        return max(self.psram, key=lambda kind: len(self.psram[kind]), default="")

    @property
    def built_image(self) -> str:
        """The definition in ``firmware/boards`` from which the image for a module without PSRAM is built."""
        kind = self.name.removeprefix("esp32").upper()
        return f"ESP32_CONSIGNE_{kind}" if kind else "ESP32_CONSIGNE"


_OFFICIAL = {
    ("esp32", QUAD): "ESP32_GENERIC-SPIRAM",
    ("esp32s3", QUAD): "ESP32_GENERIC_S3",
    ("esp32s3", OCTAL): "ESP32_GENERIC_S3-SPIRAM_OCT",
}


def _pins(*ranges: tuple[int, int]) -> frozenset[int]:
    return frozenset(pin for first, last in ranges for pin in range(first, last + 1))


_ESP32 = Chip(
    name="esp32",
    pins=_pins((0, 23), (25, 27), (32, 39)),
    flash=_pins((6, 11)),
    input_only=_pins((34, 39)),
    adc1=_pins((32, 39)),
    adc2=frozenset((0, 2, 4, 12, 13, 14, 15, 25, 26, 27)),
    uarts=3,
    rmt_channels=8,
    psram={QUAD: frozenset((16, 17))},
    # 26 and 27: relays on these pins were seen to switch at power-up.
    boot_us=dict.fromkeys((0, 1, 5, 14, 26, 27), 5_000),
)
_ESP32_S3 = Chip(
    name="esp32s3",
    pins=_pins((0, 21), (26, 26), (33, 48)),
    flash=_pins((26, 32)),
    input_only=frozenset(),
    adc1=_pins((1, 10)),
    adc2=_pins((11, 20)),
    uarts=3,
    rmt_channels=4,
    psram={QUAD: frozenset((26,)), OCTAL: frozenset((26, *range(33, 38)))},
    boot_us={0: 5_000, 18: 60, 19: 60, 20: 60, 43: 5_000},
)
_ESP32_C3 = Chip(
    name="esp32c3",
    pins=_pins((0, 13), (20, 21)),  # 18 and 19 are its native USB
    flash=_pins((11, 17)),
    input_only=frozenset(),
    adc1=_pins((0, 4)),
    adc2=frozenset((5,)),
    uarts=2,
    rmt_channels=2,
    boot_us={9: 5_000, 18: 50, 21: 5_000},
)
CHIPS = {chip.name: chip for chip in (_ESP32, _ESP32_S3, _ESP32_C3)}
