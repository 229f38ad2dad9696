"""The demo's cabinet as it is on a board: MicroPython, files and the application's slot in one flash.

For a board with PSRAM the image is the official one, which loads the application; for a board without PSRAM
it is a custom build with ROMFS, which executes it in place.
"""

import json
from pathlib import Path

from consigne.cabinet.deviceconfig import Identity, WiredConfig
from consigne.device import image, interpreter
from consigne.firmware import application
from consigne.sim.virtualboard import image as chip_image
from consigne.sim.virtualboard.board import VirtualBoard
from consigne.sim.virtualboard.chips import CHIPS
from consigne.sim.virtualboard.psram import Psram

RELEASE = "v1.28.0"


def flashed(config: WiredConfig, identity: Identity, directory: Path, psram: str) -> VirtualBoard:
    """A virtual board as ``device flash`` and ``device provision`` leave it, in this cabinet.

    ``psram``: how the board's PSRAM is wired (``cabinet.profiles``), "" for a board without.  ``ValueError``
    for a chip without a virtual board.
    """
    chip = str(config["board"])
    if chip not in CHIPS:
        raise ValueError(f"there is no virtual board with an {chip}; take --ground micropython or virtual")
    directory.mkdir(parents=True, exist_ok=True)
    kind = chip_image.OFFICIAL_PSRAM if psram else chip_image.ROMFS
    download, flash = directory / "micropython.bin", directory / "flash.bin"
    download.write_bytes(chip_image.release(RELEASE, CHIPS[chip].image_id, kind=kind))
    files = {
        "config.json": json.dumps(config).encode(),
        "identity.json": json.dumps(identity).encode(),
    }
    parts = image.parts(interpreter.read(download), application.build(), fresh=True, files=files)
    flash.write_bytes(image.whole_flash(parts))
    return VirtualBoard(flash, config, chip=chip, psram=None if psram else Psram())
