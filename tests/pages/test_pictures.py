"""Codes as pictures: what the pages draw, a scanner can read; what is no picture is said so."""

import io
import xml.etree.ElementTree as ElementTree

import pytest
import zxingcpp
from consigne.server.pages import pictures
from PIL import Image


def barcode_png(text: str, kind: zxingcpp.BarcodeFormat) -> bytes:
    drawn = zxingcpp.write_barcode_to_image(
        zxingcpp.create_barcode(text, kind), scale=4, add_quiet_zones=True
    )
    buffer = io.BytesIO()
    Image.fromarray(drawn).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", [zxingcpp.BarcodeFormat.Code128, zxingcpp.BarcodeFormat.QRCode])
def test_a_picture_of_a_label_reads_as_its_text(kind: zxingcpp.BarcodeFormat) -> None:
    assert pictures.read_picture(barcode_png("RR123456785FR", kind)) == "RR123456785FR"


def test_a_label_photographed_sideways_still_reads() -> None:
    upright = Image.open(io.BytesIO(barcode_png("JJFR00012345678901234", zxingcpp.BarcodeFormat.Code128)))
    turned = io.BytesIO()
    upright.rotate(90, expand=True).save(turned, "PNG")
    assert pictures.read_picture(turned.getvalue()) == "JJFR00012345678901234"


def test_the_pick_up_qr_on_the_page_reads_as_its_digits() -> None:
    svg = ElementTree.fromstring(pictures.qr_svg("90210417"))
    modules = int(svg.attrib["viewBox"].split()[2])
    picture = Image.new("L", (modules, modules), 255)
    for left, top, width in qr_runs(svg):
        for x in range(left, left + width):
            picture.putpixel((x, top), 0)
    big = io.BytesIO()
    picture.resize((modules * 8, modules * 8), Image.Resampling.NEAREST).save(big, "PNG")
    assert pictures.read_picture(big.getvalue()) == "90210417"


def qr_runs(svg: ElementTree.Element) -> list[tuple[int, int, int]]:
    """The dark runs of segno's single path, ``M x y h width m dx dy h width ..``, as (left, top, width)."""
    path = next(element for element in svg.iter() if element.tag.endswith("path")).attrib["d"]
    words = path.replace("M", " M ").replace("m", " m ").replace("h", " h ").split()
    runs, x, y, at = [], 0.0, 0.0, 0
    while at < len(words):
        command = words[at]
        if command == "h":
            width = int(words[at + 1])
            runs.append((round(x), int(y), width))
            x += width
            at += 2
        else:
            dx, dy = float(words[at + 1]), float(words[at + 2])
            x, y = (dx, dy) if command == "M" else (x + dx, y + dy)
            at += 3
    return runs


def test_a_picture_without_a_code_is_said_to_have_none() -> None:
    blank = io.BytesIO()
    Image.new("RGB", (300, 200), "white").save(blank, "PNG")
    with pytest.raises(pictures.PictureError, match="No barcode"):
        pictures.read_picture(blank.getvalue())


@pytest.mark.parametrize("data", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_file_that_is_no_picture_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(pictures.PictureError, match="not a picture"):
        pictures.read_picture(data)


def test_a_picture_made_to_fill_the_memory_is_refused() -> None:
    huge = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(huge, "PNG")
    with pytest.raises(pictures.PictureError, match="too many pixels"):
        pictures.read_picture(huge.getvalue())
