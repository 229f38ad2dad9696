"""Codes as pictures: QR codes drawn for people (segno), pictures read for the scanner (zxing-cpp)."""

import io

import segno
import zxingcpp
from PIL import Image, UnidentifiedImageError

PICTURE_BYTES_MAX = 8_000_000
PICTURE_PIXELS_MAX = 40_000_000


class PictureError(ValueError):
    """The file is no picture, is too large, or shows no code that can be read."""


def qr_svg(content: str) -> str:
    """A QR code with ``content`` as an SVG element that fills its box."""
    return str(
        segno.make(content, error="m", micro=False).svg_inline(border=1, dark="#14262d", omitsize=True)
    )


def read_picture(data: bytes) -> str:
    """The text of the first barcode or QR code in a picture file (PNG, JPEG, WebP, ..).

    Raises
    ------
    PictureError
        With a sentence for people.
    """
    if len(data) > PICTURE_BYTES_MAX:
        raise PictureError(f"The picture is larger than {PICTURE_BYTES_MAX // 1_000_000} MB.")
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > PICTURE_PIXELS_MAX:
                raise PictureError("The picture has too many pixels.")
            codes = zxingcpp.read_barcodes(picture.convert("L"))
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise PictureError("This file is not a picture that can be read.") from error
    for code in codes:
        if code.valid and code.text:
            return str(code.text)
    raise PictureError("No barcode and no QR code was found in the picture.")
