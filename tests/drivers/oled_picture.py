"""The picture of the graphic display in ``hardware/PANEL.md``: dots as the driver lights them.

.venv/bin/python tests/drivers/oled_picture.py      draws it anew
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

FILE = Path(__file__).parents[2] / "hardware" / "panel-oled.png"
SCALE, GAP = 4, 10
SCREENS = (
    ("12 Boulogne", "Type your code, then", "#  or scan it", "* français / deutsch"),
    ("Casier 12", "Déposez le colis,", "fermez la porte.", "*+ grand  # annuler"),
    ("Fach 7 nicht", "offen? Die Tür", "andrücken, dann", "* drücken"),
    ("0123456789 ABCDEFGHI", "JKLMNOPQRSTUVWXYZÄÖÜ", "abcdefghijklmnopqrst", "uvwxyzßéèêàçîôù!?&@€"),
)


def picture(rig_with, folder: Path) -> Image.Image:
    """Four screens, two by two; ``rig_with`` is ``test_oled.rig_with``."""
    width, height = 128 * SCALE, 64 * SCALE
    out = Image.new("L", (2 * width + 3 * GAP, 2 * height + 3 * GAP), 60)
    for number, screen in enumerate(SCREENS):
        directory = folder / str(number)
        directory.mkdir()
        rig = rig_with(directory, screen)
        rig.run(900)
        dots = bytes(255 * bit for row in rig.cabinet.display.pixels() for bit in row)
        glass = Image.frombytes("L", (128, 64), dots)
        place = (GAP + number % 2 * (width + GAP), GAP + number // 2 * (height + GAP))
        out.paste(glass.resize((width, height), Image.Resampling.NEAREST), place)
    return out


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2] / "firmware"))
    from test_oled import rig_with

    with tempfile.TemporaryDirectory() as made:
        picture(rig_with, Path(made)).save(FILE, optimize=True)
    print(f"{FILE} is drawn")
