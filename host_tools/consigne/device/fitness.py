"""Which MicroPython image a board takes, and what it can serve with it; told before anything is written.

With PSRAM a board takes MicroPython's official image and serves everything: the application is read into
PSRAM.  Without, the heap decides: an official image has no ROMFS, so the application takes the heap that
Wi-Fi and TLS need; an image of ``firmware/boards`` executes it in place.
"""

import dataclasses

from consigne.cabinet.chips import CHIPS, OCTAL, QUAD
from consigne.cabinet.rules.board import DOORS_OFFLINE
from consigne.firmware import layout

from .errors import DeviceError
from .interpreter import Interpreter
from .memory import Memory
from .rombootloader import Chip

HEAP_ONLINE_BYTES = 112_000
"""Python's heap without PSRAM beside Wi-Fi and one TLS connection, as seen on an emulated ESP32: two areas of
56,000 bytes; a third would take all that is left (``ports/esp32/gccollect.c``, gc_get_max_new_split)."""
HEAP_12_DOORS_ONLINE_BYTES = 129_000
"""What a locker of 12 doors, 50 grants and 200 unsent events takes online, executed in place
(``heap.in_place_online_bytes`` of ``make bench``)."""
_OCTAL_FROM = 8 << 20  # in the S3's packages 2 MB are quad SPI, 8 and 16 MB octal
_MIB = 1 << 20
_OF_A_MODULE = 4 * _MIB  # a WROVER has 2 to 8 MB, of which an ESP32 reaches 4
_NAMES = {"esp32": "ESP32", "esp32s3": "ESP32-S3", "esp32c3": "ESP32-C3"}


def told_by_label(port: str, chip: Chip, psram: bool | None) -> Chip:
    """``chip`` with its PSRAM as the module's label says, where the chip cannot tell."""
    if psram is None:
        return chip
    if chip.psram_bytes is None:
        return dataclasses.replace(chip, psram_bytes=_OF_A_MODULE if psram else 0)
    if bool(chip.psram_bytes) != psram:
        raise DeviceError(f"{port}: {_has(chip)}, as the chip itself says; leave --psram and --no-psram out")
    return chip


def check(port: str, image: Interpreter, chip: Chip) -> str:
    """What this board can serve with this image.  Raises ``DeviceError`` when the two do not go together."""
    if chip.name not in _NAMES:
        raise DeviceError(
            f"{port}: this board has an {chip.kind}; Consigne runs on ESP32, ESP32-S3 and ESP32-C3"
        )
    wrong = _wrong_chip(image, chip) or _wrong_flash(image, chip) or _wrong_memory(image, chip)
    if wrong:
        raise DeviceError(f"{port}: {wrong}")
    # An ESP32's eFuses do not tell its PSRAM, and an image without the driver cannot find out.
    unknown = chip.psram_bytes is None and not image.psram and not image.romfs
    return serves(image) + ("; if its module is a WROVER, " + image_for(_as_wrover(chip)) if unknown else "")


def started(port: str, image: Interpreter, chip: Chip, memory: Memory | None) -> None:
    """Raises ``DeviceError`` when the PSRAM that the image is for was not found at its start.

    ESP-IDF goes on without then (``CONFIG_SPIRAM_IGNORE_NOTFOUND`` in MicroPython's ``sdkconfig.spiram``).
    """
    if not image.psram or memory is None or memory.psram_bytes:
        return
    if chip.psram_bytes:
        raise DeviceError(
            f"{port}: MicroPython runs, but {_has(chip)} and it does not answer: the board is broken, "
            "replace it; until then it serves a small cabinet without a network only"
        )
    without = dataclasses.replace(chip, psram_bytes=0)
    raise DeviceError(
        f"{port}: MicroPython runs, but finds no PSRAM on this board, so it serves a small cabinet without "
        f"a network only; {image_for(without)} (a WROVER: replace the board, its PSRAM does not answer)"
    )


def serves(image: Interpreter) -> str:
    """What a board serves with this image, when the two go together."""
    if image.psram:
        return "with PSRAM it serves everything"
    if image.romfs:
        return (
            f"without PSRAM it serves up to {DOORS_OFFLINE} doors without a network; with one, only what "
            f"fits into {HEAP_ONLINE_BYTES:,} bytes beside Wi-Fi and TLS, and 12 doors take "
            f"{HEAP_12_DOORS_ONLINE_BYTES:,}: take a board with PSRAM"
        )
    return "without PSRAM and ROMFS it serves a small cabinet without a network only"


def _has(chip: Chip) -> str:
    """A chip's PSRAM in words; an ESP32 cannot tell how much."""
    if not chip.psram_bytes:
        return "this board has no PSRAM"
    size = "" if chip.name == "esp32" else f"{chip.psram_bytes // _MIB} MB of "
    return f"this board has {size}PSRAM"


def image_for(chip: Chip) -> str:
    """Which image goes with this chip, as the end of a sentence."""
    built = f"one built from firmware/boards/{CHIPS[chip.name].built_image}"
    if chip.psram_bytes == 0:
        return f"take {built}"
    name, _, variant = CHIPS[chip.name].image(_psram_of(chip)).partition("-")
    which = f", variant {variant}," if variant else " without a variant"
    official = f"take {name}{which} from micropython.org/download"
    return official if chip.psram_bytes else f"{official} (a WROVER), or {built} (a WROOM)"


def _as_wrover(chip: Chip) -> Chip:
    return dataclasses.replace(chip, psram_bytes=_OF_A_MODULE)


def _psram_of(chip: Chip) -> str:
    octal = chip.name == "esp32s3" and (chip.psram_bytes or 0) >= _OCTAL_FROM
    return OCTAL if octal else QUAD


def _wrong_chip(image: Interpreter, chip: Chip) -> str:
    if image.chip == chip.name:
        return ""
    return f"this board has an {_NAMES[chip.name]}, the image is for {_NAMES[image.chip]}; {image_for(chip)}"


def _wrong_flash(image: Interpreter, chip: Chip) -> str:
    least, has, wants = (size // _MIB for size in (layout.FLASH_BYTES, chip.flash_bytes, image.flash_bytes))
    if has < least:
        return f"this board has {has} MB of flash, Consigne needs {least}: take another board"
    if wants > has:
        return (
            f"the image is for {wants} MB of flash, this board has {has} and would not start; take one for "
            f"{has} MB (v1.26 and later have one for all sizes)"
        )
    if wants < least:
        return f"the image is for {wants} MB of flash, Consigne needs {least}; {image_for(chip)}"
    return ""


def _wrong_memory(image: Interpreter, chip: Chip) -> str:
    if chip.psram_bytes is None:
        return ""
    if not chip.psram_bytes:
        return f"{_has(chip)}, the image is for boards with it; {image_for(chip)}" if image.psram else ""
    if not image.psram:
        return f"{_has(chip)}, the image does not use it; {image_for(chip)}"
    if image.psram != _psram_of(chip):
        ours, theirs = _lines(_psram_of(chip)), _lines(image.psram)
        return f"{_has(chip)} on {ours}, the image is for {theirs}; {image_for(chip)}"
    return ""


def _lines(kind: str) -> str:
    return "eight lines (octal)" if kind == OCTAL else "four lines (quad)"


def kind_of(image: Interpreter) -> str:
    """Which boards an image is for."""
    memory = f"PSRAM on {_lines(image.psram)}" if image.psram else "no PSRAM"
    return f"{_NAMES[image.chip]} and {memory}"
