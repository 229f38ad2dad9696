"""Board and image are looked at before anything is written: what goes together, what is said, what stays."""

import dataclasses
import hashlib

import device_kit as kit
import pytest
from consigne.device import doctor, erase, esptooljob, fitness, flash, interpreter, rombootloader
from consigne.device.board import Board
from consigne.device.errors import DeviceError
from consigne.device.esptooljob import Found
from consigne.device.memory import Memory
from consigne.device.rombootloader import Chip, RomBootLoader
from consigne.firmware import application, layout
from consigne.sim.virtualboard import image as chip_image
from consigne.sim.virtualboard.image import ESP32, ESP32C3, ESP32S3, OFFICIAL, OFFICIAL_PSRAM, ROMFS
from consigne.sim.virtualboard.psram import Psram
from esptool.targets import CHIP_DEFS

MIB = 1 << 20
WROVER = Chip("esp32", "ESP32-D0WD-V3 (revision v3.1)", 4 * MIB, None)
PICO = Chip("esp32", "ESP32-PICO-V3-02 (revision v3.0)", 8 * MIB, 2 * MIB)
N8R8 = Chip("esp32s3", "ESP32-S3 (QFN56) (revision v0.2)", 8 * MIB, 8 * MIB)
N8R2 = Chip("esp32s3", "ESP32-S3 (QFN56) (revision v0.2)", 8 * MIB, 2 * MIB)
N8 = Chip("esp32s3", "ESP32-S3 (QFN56) (revision v0.2)", 8 * MIB, 0)
C3 = Chip("esp32c3", "ESP32-C3 (QFN32) (revision v0.4)", 4 * MIB, 0)
EVERYTHING = "with PSRAM it serves everything"
SMALL = (
    "without PSRAM it serves up to 48 doors without a network; with one, only what fits into 112,000 bytes "
    "beside Wi-Fi and TLS, and 12 doors take 129,000: take a board with PSRAM"
)
OFFLINE = "without PSRAM and ROMFS it serves a small cabinet without a network only"
IF_WROVER = "; if its module is a WROVER, take ESP32_GENERIC, variant SPIRAM, from micropython.org/download"


def read(tmp_path, chip_id=ESP32, kind=OFFICIAL_PSRAM, version="v1.28.0", **more):
    return interpreter.read(kit.micropython_file(tmp_path, version, chip_id, kind=kind, **more))


def is_one_sentence(text):
    assert "Traceback" not in text and "\n" not in text.strip(), text
    return True


# --- what an image says of itself ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chip_id", "kind", "board", "psram", "romfs"),
    [
        (ESP32, OFFICIAL, "Generic ESP32 module", "", False),
        (ESP32, OFFICIAL_PSRAM, "Generic ESP32 module with SPIRAM", "quad", False),
        (ESP32S3, OFFICIAL, "Generic ESP32S3 module", "quad", False),
        (ESP32S3, OFFICIAL_PSRAM, "Generic ESP32S3 module with Octal-SPIRAM", "octal", False),
        (ESP32C3, OFFICIAL, "ESP32C3 module", "", False),
        (ESP32, ROMFS, "Consigne on ESP32 without PSRAM", "", True),
    ],
)
def test_the_variant_of_an_image_is_read_from_it(tmp_path, chip_id, kind, board, psram, romfs):
    found = read(tmp_path, chip_id, kind)
    assert (found.board, found.psram, found.romfs, found.flash_bytes) == (board, psram, romfs, 4 * MIB)


@pytest.mark.parametrize("tag", ["v1.29.0-preview", "v1.28.0-preview.52.g0123abc", "v1.26.0-12-g0123abc"])
def test_a_nightly_build_is_refused(tmp_path, tag):
    with pytest.raises(DeviceError, match=f"is a nightly build, {tag}; take a release") as error:
        read(tmp_path, version=tag)
    assert is_one_sentence(str(error.value))


def test_an_image_that_somebody_built_of_a_release_with_changes_is_taken(tmp_path):
    assert read(tmp_path, kind=ROMFS, version="v1.28.0-dirty").version == (1, 28, 0)


def test_an_image_older_than_what_was_read_is_refused(tmp_path):
    with pytest.raises(DeviceError, match=r"1\.24\.1 is too old, 1\.25\.0 or later"):
        read(tmp_path, version="v1.24.1")


def test_the_largest_image_of_micropythons_own_table_fits_and_nothing_larger(tmp_path):
    stock = layout.partition("factory", chip_image.STOCK)
    ours = layout.partition("factory")
    assert (ours.offset, ours.size) == (stock.offset, stock.size)
    with pytest.raises(DeviceError, match="bytes more than the partition 'factory' holds"):
        read(tmp_path, size=ours.size + 4096)


def other(tmp_path, data):
    file = tmp_path / "other.bin"
    file.write_bytes(data)
    return interpreter.read(file)


def test_what_lies_behind_the_program_says_nothing_of_it_and_is_not_written(tmp_path):
    whole = kit.micropython_file(tmp_path, kind=OFFICIAL).read_bytes()
    planted = b"\0rom_ioctl\0\0VfsRom\0quad_psram\0; Consigne closed with ESP32\0"
    assert other(tmp_path, whole + planted) == other(tmp_path, whole)
    outdated = kit.micropython_file(tmp_path, "v1.24.1", kind=OFFICIAL).read_bytes()
    with pytest.raises(DeviceError, match="too old"):
        other(tmp_path, outdated + b"MicroPython v1.28.0 on 2026-04-01")


def test_a_program_behind_the_boot_loader_of_another_chip_is_refused(tmp_path):
    esp32 = kit.micropython_file(tmp_path).read_bytes()
    s3 = kit.micropython_file(tmp_path, chip_id=ESP32S3).read_bytes()
    program = layout.partition("factory").offset
    with pytest.raises(DeviceError, match="boot loader of one chip and the program of another") as error:
        other(tmp_path, esp32[: program - 0x1000] + s3[program:])
    assert is_one_sentence(str(error.value))


def test_an_image_cut_anywhere_is_refused_in_a_sentence(tmp_path):
    whole = kit.micropython_file(tmp_path).read_bytes()
    program = layout.partition("factory").offset - 0x1000
    for length in (0, 31, 32, 4096, program, program + 23, program + 30, *range(len(whole) - 52, len(whole))):
        with pytest.raises(DeviceError, match=r"is damaged|is not a MicroPython image") as error:
            other(tmp_path, whole[:length])
        assert is_one_sentence(str(error.value))


# --- what goes together -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chip", "chip_id", "kind", "serves"),
    [
        (WROVER, ESP32, OFFICIAL_PSRAM, EVERYTHING),
        (PICO, ESP32, OFFICIAL_PSRAM, EVERYTHING),
        (N8R8, ESP32S3, OFFICIAL_PSRAM, EVERYTHING),
        (N8R2, ESP32S3, OFFICIAL, EVERYTHING),
        (WROVER, ESP32, ROMFS, SMALL),
        (N8, ESP32S3, ROMFS, SMALL),
        (C3, ESP32C3, ROMFS, SMALL),
        (WROVER, ESP32, OFFICIAL, OFFLINE + IF_WROVER),
        (dataclasses.replace(WROVER, psram_bytes=0), ESP32, OFFICIAL, OFFLINE),
        (C3, ESP32C3, OFFICIAL, OFFLINE),
    ],
)
def test_what_a_board_serves_is_said(tmp_path, chip, chip_id, kind, serves):
    assert fitness.check("port", read(tmp_path, chip_id, kind), chip) == serves


S3_OCTAL = r"take ESP32_GENERIC_S3, variant SPIRAM_OCT, from micropython\.org/download"
WRONG = {
    "another chip": (N8R8, ESP32, ROMFS, 4, f"has an ESP32-S3, the image is for ESP32; {S3_OCTAL}"),
    "no use of PSRAM": (
        PICO,
        ESP32,
        OFFICIAL,
        4,
        "has PSRAM, the image does not use it; take ESP32_GENERIC, var",
    ),
    "no PSRAM there": (
        N8,
        ESP32S3,
        OFFICIAL_PSRAM,
        4,
        "has no PSRAM, the image is for .*boards/ESP32_CONSIGNE_S3",
    ),
    "four lines": (
        N8R8,
        ESP32S3,
        OFFICIAL,
        4,
        rf"has 8 MB of PSRAM on eight lines .* four lines \(quad\); {S3_OCTAL}",
    ),
    "eight lines": (
        N8R2,
        ESP32S3,
        OFFICIAL_PSRAM,
        4,
        "has 2 MB of PSRAM on four .* take ESP32_GENERIC_S3 without a",
    ),
    "a larger flash": (
        WROVER,
        ESP32,
        OFFICIAL_PSRAM,
        8,
        "is for 8 MB of flash, this board has 4 and would not start",
    ),
    "a smaller flash": (
        WROVER,
        ESP32,
        OFFICIAL_PSRAM,
        2,
        "is for 2 MB of flash, Consigne needs 4; take ESP32_GENER",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_go_together_is_refused_in_a_sentence_that_says_what_to_take(tmp_path, name):
    chip, chip_id, kind, flash_mib, told = WRONG[name]
    image = read(tmp_path, chip_id, kind, flash_bytes=flash_mib * MIB)
    with pytest.raises(DeviceError, match=told) as error:
        fitness.check("port", image, chip)
    assert is_one_sentence(str(error.value))


def test_a_board_with_too_little_flash_or_another_chip_is_refused(tmp_path):
    image = read(tmp_path)
    with pytest.raises(DeviceError, match="has 2 MB of flash, Consigne needs 4: take another board"):
        fitness.check("port", image, Chip("esp32", WROVER.kind, 2 * MIB, None))
    with pytest.raises(
        DeviceError, match=r"has an ESP32-C6 .*; Consigne runs on ESP32, ESP32-S3 and ESP32-C3"
    ):
        fitness.check("port", image, Chip("esp32c6", "ESP32-C6 (QFN40)", 4 * MIB, 0))


def test_the_label_of_a_module_tells_what_an_esp32_does_not_know(tmp_path):
    without = fitness.told_by_label("port", WROVER, False)
    with pytest.raises(
        DeviceError, match=r"has no PSRAM, the image is for .* firmware/boards/ESP32_CONSIGNE"
    ):
        fitness.check("port", read(tmp_path), without)
    with_psram = fitness.told_by_label("port", WROVER, True)
    with pytest.raises(DeviceError, match=r"has PSRAM, the image does not use it; take .* variant SPIRAM"):
        fitness.check("port", read(tmp_path, kind=ROMFS), with_psram)
    with pytest.raises(
        DeviceError, match="8 MB of PSRAM, as the chip itself says; leave --psram and --no-psram"
    ):
        fitness.told_by_label("port", N8R8, False)
    assert fitness.told_by_label("port", WROVER, None) is WROVER


@pytest.mark.parametrize(
    ("kind", "features", "psram"),
    [
        ("ESP32-D0WD-V3 (revision v3.1)", "Wi-Fi, BT, Dual Core", None),
        ("ESP32-PICO-V3-02 (revision v3.0)", "Wi-Fi, BT, Embedded Flash, Embedded PSRAM", 2 * MIB),
        ("ESP32-D0WDR2-V3 (revision v3.1)", "Wi-Fi, BT, Dual Core", 2 * MIB),
        ("ESP32-S3 (QFN56) (revision v0.2)", "Wi-Fi, Embedded PSRAM 8MB (AP_3v3)", 8 * MIB),
        ("ESP32-S3 (QFN56) (revision v0.2)", "Wi-Fi, Embedded Flash 8MB (GD)", 0),
        ("ESP32-C3 (QFN32) (revision v0.4)", "Wi-Fi, BT 5 (LE)", 0),
    ],
)
def test_what_esptool_says_of_psram(kind, features, psram):
    family = "ESP32" if "-D0WD" in kind or "-PICO" in kind else kind.split(" ")[0]
    found = Found(family, kind, tuple(features.split(", ")), 4 * MIB)
    assert rombootloader.psram_bytes(found) == psram


def test_a_chip_is_called_as_esptool_calls_it():
    assert {esptooljob.family(chip.CHIP_NAME) for chip in CHIP_DEFS.values()} == set(CHIP_DEFS)


# --- on the board -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chip", "psram", "seen"),
    [
        ("esp32", Psram(4 * MIB), None),
        ("esp32", Psram(2 * MIB, packaged=True), 2 * MIB),
        ("esp32", Psram(), None),
        ("esp32s3", Psram(8 * MIB, packaged=True), 8 * MIB),
        ("esp32s3", Psram(16 * MIB, packaged=True), 16 * MIB),
        ("esp32s3", Psram(2 * MIB, packaged=True), 2 * MIB),
        ("esp32s3", Psram(), 0),
    ],
)
def test_the_real_esptool_tells_what_a_chip_has(tmp_path, chip, psram, seen):
    with kit.board_with(None, tmp_path, chip=chip, psram=psram, flash_bytes=8 * MIB) as board:
        found = RomBootLoader(board.port).look()
    assert (found.name, found.flash_bytes, found.psram_bytes) == (chip, 8 * MIB, seen)


def write_nothing(tmp_path, told, *options, chip="esp32s3", psram=None, flash_bytes=8 * MIB, **image):
    """A board that holds something is asked to take an image: refused in one sentence, not a byte changed."""
    (tmp_path / "flash.bin").write_bytes(bytes(range(256)) * (flash_bytes >> 8))
    before = hashlib.sha256(kit.flash_of(tmp_path)).digest()
    file = kit.micropython_file(tmp_path, **image)
    with kit.board_with(None, tmp_path, chip=chip, psram=psram, flash_bytes=flash_bytes) as board:
        status, said = kit.consigne("flash", file, "-p", board.port, *options)
    assert status == 1 and told in said and is_one_sentence(said), said
    assert hashlib.sha256(kit.flash_of(tmp_path)).digest() == before


def test_an_image_for_another_chip_writes_nothing(tmp_path):
    write_nothing(tmp_path, "has an ESP32-S3, the image is for ESP32", chip_id=ESP32, kind=OFFICIAL_PSRAM)


def test_an_image_without_psram_support_on_a_board_with_it_writes_nothing(tmp_path):
    write_nothing(tmp_path, "8 MB of PSRAM, the image does not use it", chip_id=ESP32S3, kind=ROMFS)


def test_an_image_for_psram_on_a_board_without_writes_nothing(tmp_path):
    told = "this board has no PSRAM, the image is for boards with it"
    write_nothing(tmp_path, told, chip_id=ESP32S3, kind=OFFICIAL_PSRAM, psram=Psram())


def test_an_image_for_psram_on_a_module_whose_label_says_wroom_writes_nothing(tmp_path):
    told = "this board has no PSRAM, the image is for boards with it"
    write_nothing(tmp_path, told, "--no-psram", chip="esp32", kind=OFFICIAL_PSRAM, flash_bytes=4 * MIB)


def test_an_image_for_a_larger_flash_writes_nothing(tmp_path):
    told = "the image is for 16 MB of flash, this board has 8"
    (tmp_path / "image").mkdir()
    file = kit.micropython_file(
        tmp_path / "image", chip_id=ESP32S3, kind=OFFICIAL_PSRAM, flash_bytes=16 * MIB
    )
    with kit.board_with(None, tmp_path, chip="esp32s3", flash_bytes=8 * MIB) as board:
        status, said = kit.consigne("flash", file, "-p", board.port)
    assert status == 1 and told in said and is_one_sentence(said), said
    assert set(kit.flash_of(tmp_path)) == {0xFF}


def flashed(board, image, **more):
    return flash.flash(
        RomBootLoader(board.port), image, application.build(), None, fresh=True, bar=kit.NoBar(), **more
    )


def test_an_esp32_whose_psram_is_not_there_is_told_once_it_has_started(tmp_path):
    with (
        kit.board_with(None, tmp_path, psram=Psram()) as board,
        pytest.raises(
            DeviceError, match=r"finds no PSRAM on this board.*take one built from firmware"
        ) as error,
    ):
        flashed(board, read(tmp_path))
    assert is_one_sentence(str(error.value))


def test_psram_that_the_chip_has_and_the_interpreter_does_not_find_is_told_as_a_broken_board(tmp_path):
    image = read(tmp_path, ESP32S3)
    with pytest.raises(
        DeviceError, match="has 8 MB of PSRAM and it does not answer: the board is broken"
    ) as error:
        fitness.started("port", image, N8R8, left())
    assert is_one_sentence(str(error.value))
    fitness.started("port", image, N8R8, left(psram=8 * MIB))
    fitness.started("port", image, N8R8, None)


def test_psram_that_fails_its_test_at_start_is_told(tmp_path):
    broken = Psram(8 * MIB, packaged=True, broken=True)
    with (
        kit.board_with(None, tmp_path, chip="esp32s3", psram=broken) as board,
        pytest.raises(
            DeviceError, match="its PSRAM fails the test at each start: replace the board"
        ) as error,
    ):
        flashed(board, read(tmp_path, ESP32S3))
    assert is_one_sentence(str(error.value))


def test_a_flash_smaller_than_the_image_takes_for_granted_is_told(tmp_path):
    (tmp_path / "flash.bin").write_bytes(
        b"\xff" * 0x1000 + chip_image.release("v1.28.0", kind=OFFICIAL_PSRAM, flash_bytes=8 * MIB)
    )
    with (
        kit.board_with(None, tmp_path) as board,
        Board(board.port) as line,
        pytest.raises(DeviceError, match="its MicroPython is for a larger flash"),
    ):
        line.enter()


def test_a_board_with_an_earlier_table_keeps_its_keys_until_told_otherwise(tmp_path):
    earlier = (
        *layout.PARTITIONS[:2],
        layout.Partition("factory", layout.APP, 0, 0x1_0000, 0x1D_0000),
        layout.Partition("romfs", layout.DATA, 0x8F, 0x1E_0000, 0x8_0000),
        layout.Partition("vfs", layout.DATA, 0x81, 0x26_0000, 0xA_0000),
        layout.partition("journal"),
    )
    data = bytearray(b"\xff" * layout.FLASH_BYTES)
    data[layout.TABLE_OFFSET : layout.TABLE_OFFSET + layout.TABLE_BYTES] = layout.binary(earlier)
    with (
        kit.board_with(bytes(data), tmp_path) as board,
        pytest.raises(DeviceError, match=r"an earlier partition table of Consigne, .* give --fresh"),
    ):
        flash.has_file_system(RomBootLoader(board.port))
    assert kit.flash_of(tmp_path) == data


@pytest.mark.parametrize("has_vfs", [True, False], ids=["with vfs", "without"])
def test_erase_finds_the_keys_of_a_board_with_micropythons_stock_table(tmp_path, has_vfs):
    data = bytearray(b"\xff" * layout.FLASH_BYTES)
    table = chip_image.STOCK if has_vfs else chip_image.STOCK[:3]
    data[layout.TABLE_OFFSET : layout.TABLE_OFFSET + layout.TABLE_BYTES] = layout.binary(table)
    for at in (0x20_0000, 0x21_F000, layout.FLASH_BYTES - 16):
        data[at : at + 10] = b"device_key"
    data[0x1_0000:0x1_0004] = b"code"
    with kit.board_with(bytes(data), tmp_path) as board:
        erase.erase(RomBootLoader(board.port), lambda done, total: None)
    left = kit.flash_of(tmp_path)
    assert b"device_key" not in left and left[0x1_0000:0x1_0004] == b"code"


def test_erase_finds_the_keys_at_the_end_of_a_flash_that_is_larger_than_ours(tmp_path):
    """Where a table has no ``vfs`` the interpreter's file system reaches to the end of the chip."""
    data = bytearray(b"\xff" * 8 * MIB)
    data[layout.TABLE_OFFSET : layout.TABLE_OFFSET + layout.TABLE_BYTES] = layout.binary(chip_image.STOCK[:3])
    data[-16:-6] = b"device_key"
    with kit.board_with(bytes(data), tmp_path, flash_bytes=8 * MIB) as board:
        erase.erase(RomBootLoader(board.port), lambda done, total: None)
    assert b"device_key" not in kit.flash_of(tmp_path)


# --- what is left -------------------------------------------------------------------------------------------


def test_what_a_board_has_left_is_read_from_the_ports_own_list():
    asked = (
        "[103936, 8064, [(240, 0, 0, 0), (79912, 18256, 17408, 15000), (113840, 66268, 66000, 60000)]]\r\n"
    )
    found = Memory.parsed(asked)
    assert (found.internal_free, found.internal_largest, found.internal_least) == (84_524, 66_000, 75_000)
    assert (found.python_free, found.psram_bytes) == (103_936, 0)
    assert Memory.parsed("None\r\n") is None and Memory.parsed("Traceback") is None


def left(least=60_000, python_free=40_000, psram=0):
    heaps = [
        (113_840, 66_268, 66_000, least),
        *([(psram, psram - 60_000, psram - 60_000, 1)] if psram else []),
    ]
    return Memory(python_free, 90_000, tuple(heaps))


def test_the_doctor_says_what_is_left_while_it_serves():
    found = {one.part: one for one in doctor.memory_left("Consigne on ESP32", left(), left())}
    assert {one.state for one in found.values()} == {"pass"}
    assert found["internal memory"].told == "66268 bytes free, 66000 in one piece, 60000 at the least"
    assert found["Python's memory"].told == "90000 bytes used while it served, 40000 more to be had"
    assert [one.part for one in doctor.memory_left("ESP32", left(), None)] == ["PSRAM"]


@pytest.mark.parametrize(
    ("served", "part", "advice"),
    [
        (left(least=7_999), "internal memory", "Wi-Fi and TLS have no room"),
        (left(python_free=15_999), "Python's memory", "too little for a busy hour"),
    ],
)
def test_the_doctor_warns_where_little_is_left(served, part, advice):
    found = {one.part: one for one in doctor.memory_left("ESP32", left(), served)}
    assert found[part].state == "warn" and advice in found[part].advice


def test_the_doctor_names_psram_that_was_built_for_and_is_not_there():
    names = "Generic ESP32 module with SPIRAM with ESP32"
    lost, there = (
        doctor.memory_left(names, left(), None)[0],
        doctor.memory_left(names, left(psram=4 * MIB), None)[0],
    )
    assert lost.state == "fail" and "which image it takes" in lost.advice
    assert (there.state, there.told, there.advice) == ("pass", "4.0 MB", "")


def test_the_doctor_warns_of_a_network_on_a_board_that_has_no_memory_for_it():
    (found,) = doctor.network_memory(left(), wanted=True)
    assert found.state == "warn" and "a board with PSRAM" in found.advice
    assert "Python has 112,000 bytes, and 12 doors take 129,000" in found.told
    assert not doctor.network_memory(left(), wanted=False)
    assert not doctor.network_memory(left(psram=4 * MIB), wanted=True)


@pytest.mark.parametrize(("psram", "seen"), [(Psram(), 0), (Psram(4 * MIB), 4 * MIB)])
def test_the_interpreter_on_the_board_tells_whether_it_has_psram(tmp_path, psram, seen):
    (tmp_path / "flash.bin").write_bytes(
        b"\xff" * 0x1000 + chip_image.release("v1.28.0", kind=OFFICIAL_PSRAM)
    )
    with kit.board_with(None, tmp_path, psram=psram) as board, Board(board.port) as line:
        line.enter()
        assert line.memory().psram_bytes == seen
