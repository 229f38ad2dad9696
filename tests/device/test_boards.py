"""The board definitions for chips without PSRAM, as far as that can be known without ESP-IDF."""

import re
import subprocess

import device_kit as kit
import pytest
from consigne import firmware_dir
from consigne.cabinet.chips import CHIPS
from consigne.device import flash, interpreter
from consigne.device.errors import DeviceError
from consigne.device.rombootloader import RomBootLoader
from consigne.firmware import application, layout
from consigne.sim.virtualboard import image as chip_image
from consigne.sim.virtualboard.psram import Psram

BOARDS = firmware_dir() / "boards"
TARGETS = {"ESP32_CONSIGNE": "esp32", "ESP32_CONSIGNE_S3": "esp32s3", "ESP32_CONSIGNE_C3": "esp32c3"}
VARIANTS = ("", "CLOSED", "FROZEN")

# Of MicroPython's ports/esp32, in v1.25.0 and in v1.28.0; sdkconfig.riscv and sdkconfig.free_ram are not.
OFFICIAL_FILES = {"boards/sdkconfig.base", "boards/sdkconfig.240mhz"}

# Macro: where v1.25.0 and v1.28.0 read it.
MACROS = {
    "MICROPY_VFS_ROM": ("extmod/modvfs.c", "py/mpconfig.h"),
    "MICROPY_VFS_ROM_IOCTL": ("ports/esp32/esp32_partition.c", "ports/esp32/esp32_partition.c"),
    "MICROPY_PY_BLUETOOTH": ("ports/esp32/mpconfigport.h", "ports/esp32/mpconfigport.h"),
    "MICROPY_PY_ESPNOW": ("ports/esp32/mpconfigport.h", "ports/esp32/mpconfigport.h"),
    "MICROPY_HW_BOARD_NAME": ("py/mpconfig.h", "py/mpconfig.h"),
    "MICROPY_HW_MCU_NAME": ("py/mpconfig.h", "py/mpconfig.h"),
    "MICROPY_HW_ENABLE_UART_REPL": ("ports/esp32/uart.h", "ports/esp32/uart.h"),
    "MICROPY_HW_ENABLE_USBDEV": ("ports/esp32/mpconfigport.h", "ports/esp32/mpconfigport.h"),
    "MICROPY_HW_ESP_USB_SERIAL_JTAG": ("ports/esp32/mpconfigport.h", "ports/esp32/mpconfigport.h"),
}

# What ESP-IDF 5.2 to 5.5 takes: its Kconfig gives the type (components/*/Kconfig*).
SETTINGS = {
    "bool": {
        "ESPTOOLPY_FLASHSIZE_4MB", "ESPTOOLPY_FLASHMODE_QIO", "ESPTOOLPY_FLASHFREQ_80M",
        "PARTITION_TABLE_CUSTOM", "RINGBUF_PLACE_FUNCTIONS_INTO_FLASH",
        "FREERTOS_PLACE_FUNCTIONS_INTO_FLASH", "HEAP_PLACE_FUNCTION_INTO_FLASH", "ESP_CONSOLE_NONE",
        "ESP_CONSOLE_SECONDARY_NONE", "ESP32C3_REV_MIN_3", "ESP_SYSTEM_HW_STACK_GUARD",
        "COMPILER_OPTIMIZATION_SIZE",
    },
    "int": {
        "ESP_WIFI_STATIC_RX_BUFFER_NUM": (2, 25), "ESP_WIFI_DYNAMIC_RX_BUFFER_NUM": (0, 128),
        "ESP_WIFI_DYNAMIC_TX_BUFFER_NUM": (1, 128), "ESP_WIFI_RX_BA_WIN": (2, 32),
        "LWIP_MAX_SOCKETS": (1, 253), "LWIP_MAX_ACTIVE_TCP": (1, 1024),
        "LWIP_TCP_WND_DEFAULT": (2880, 65535), "LWIP_TCP_SND_BUF_DEFAULT": (2880, 65535),
    },
    "string": {"PARTITION_TABLE_CUSTOM_FILENAME"},
}  # fmt: skip


_QUOTED = r'"(?:[^"\\]|\\.)*"'
_TOKEN = re.compile(
    rf'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s()"](?:[^\s()"]|{_QUOTED})*)|(?P<bracket>[()])|(?P<other>\S)'
)


class CMake:
    """As much of CMake's language as these files use; anything else is an error."""

    def __init__(self, board, build):
        self.names = {"MICROPY_BOARD_DIR": str(BOARDS / board), "CMAKE_BINARY_DIR": str(build)}
        self.run(BOARDS / board / "mpconfigboard.cmake")

    def run(self, file):
        text = re.sub(r"(?m)^\s*#.*$", "", file.read_text())
        pieces = list(_TOKEN.finditer(text))
        assert not [found for found in pieces if found["other"]], file
        while pieces:
            end = next(at for at, found in enumerate(pieces) if found["bracket"] == ")")
            name, opened, *words = pieces[:end]
            assert opened["bracket"] == "("
            getattr(self, "do_" + name["bare"])(*self._filled(words))
            del pieces[: end + 1]

    def _filled(self, words):
        for found in words:
            text = found["bare"] or found["quoted"]
            word = re.sub(r"\$\{(\w+)\}", lambda name: self.names.get(name[1], ""), text)
            if found["bare"]:
                yield from filter(None, word.split(";"))
            else:
                yield word.replace(r"\"", '"').replace(r"\n", "\n")

    def do_set(self, name, *values):
        self.names[name] = ";".join(values)

    def do_list(self, what, name, *values):
        assert what == "APPEND"
        self.names[name] = ";".join([*filter(None, [self.names.get(name, "")]), *values])

    def do_include(self, file):
        self.run(type(BOARDS)(file))

    def do_get_filename_component(self, name, path, what):
        assert what == "ABSOLUTE"
        self.names[name] = str(type(BOARDS)(path).resolve())

    def do_file(self, what, file, *texts):
        assert what == "WRITE"
        type(BOARDS)(file).write_text("".join(texts))


def evaluated(board, variant, build):
    made = CMake(board, build)
    if variant:
        made.run(BOARDS / board / f"mpconfigvariant_{variant}.cmake")
    return made.names


def settings_of(names):
    """Every setting of the files that are ours, in order."""
    out = []
    for file in names["SDKCONFIG_DEFAULTS"].split(";"):
        if file not in OFFICIAL_FILES:
            lines = type(BOARDS)(file).read_text().splitlines()
            out += [line for line in lines if line.strip() and not line.startswith("#")]
    return out


def defined(board):
    text = (BOARDS / "consigne.h").read_text() + (BOARDS / board / "mpconfigboard.h").read_text()
    return dict(re.findall(r"(?m)^#define (\w+) (.+)$", text))


# --- the table of partitions --------------------------------------------------------------------------------


def test_the_table_in_the_build_is_the_table_that_is_flashed():
    rows = [line for line in (BOARDS / "partitions.csv").read_text().splitlines() if not line.startswith("#")]
    kinds, subtypes = {"app": 0, "data": 1}, {"factory": 0, "nvs": 2, "phy": 1, "fat": 0x81}
    read = []
    for row in rows:
        label, kind, subtype, offset, size, flags = (field.strip() for field in row.split(","))
        assert not flags
        number = subtypes[subtype] if subtype in subtypes else int(subtype, 16)
        read.append(layout.Partition(label, kinds[kind], number, int(offset, 16), int(size, 16)))
    assert tuple(read) == layout.PARTITIONS


def test_the_table_follows_esp_idfs_rules():
    """Those of components/partition_table/gen_esp32part.py."""
    end = layout.TABLE_OFFSET + layout.SECTOR_BYTES
    for place in layout.PARTITIONS:
        assert place.offset >= end and place.offset % 0x1000 == place.size % 0x1000 == 0
        assert place.type != layout.APP or place.offset % 0x1_0000 == 0
        assert place.label != "nvs" or place.size >= 0x3000
        assert len(place.label.encode()) <= 16 and 0 <= place.subtype <= 0xFE
        end = place.end
    assert end <= layout.FLASH_BYTES and len({place.label for place in layout.PARTITIONS}) == 6


# --- what the build is told ---------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("board", TARGETS)
def test_each_board_names_only_files_that_are_there(tmp_path, board, variant):
    names = evaluated(board, variant, tmp_path)
    assert names["IDF_TARGET"] == TARGETS[board]
    files = names["SDKCONFIG_DEFAULTS"].split(";")
    assert files[0] == "boards/sdkconfig.base"
    assert all(file in OFFICIAL_FILES or type(BOARDS)(file).is_file() for file in files)
    table = next(line for line in settings_of(names) if "CUSTOM_FILENAME" in line).split('"')[1]
    assert type(BOARDS)(table) == BOARDS / "partitions.csv"
    if variant == "FROZEN":
        frozen = type(BOARDS)(names["MICROPY_FROZEN_MANIFEST"]).resolve()
        assert frozen == firmware_dir() / "manifest.py" and frozen.is_file()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("board", TARGETS)
def test_cmake_itself_reads_them_as_we_do(tmp_path, board, variant):
    ours, build = evaluated(board, variant, tmp_path), tmp_path
    script = tmp_path / "read.cmake"
    wanted = ("IDF_TARGET", "SDKCONFIG_DEFAULTS", "MICROPY_DEF_BOARD", "MICROPY_FROZEN_MANIFEST")
    script.write_text(
        f'set(CMAKE_BINARY_DIR "{build}")\nset(MICROPY_BOARD_DIR "{BOARDS / board}")\n'
        'include("${MICROPY_BOARD_DIR}/mpconfigboard.cmake")\n'
        + (f'include("${{MICROPY_BOARD_DIR}}/mpconfigvariant_{variant}.cmake")\n' if variant else "")
        + "".join(f'message("{name}=${{{name}}}")\n' for name in wanted)
    )
    table = (build / "sdkconfig.partitions").read_text()
    done = subprocess.run(["cmake", "-P", script], check=True, capture_output=True, text=True, timeout=600)
    assert done.stderr.splitlines() == [f"{name}={ours.get(name, '')}" for name in wanted]
    assert (build / "sdkconfig.partitions").read_text() == table


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("board", TARGETS)
def test_each_setting_is_one_that_esp_idf_takes(tmp_path, board, variant):
    seen = set()
    for line in settings_of(evaluated(board, variant, tmp_path)):
        name, value = re.fullmatch(r"CONFIG_([A-Z0-9_]+)=(\S+)", line).groups()
        assert name not in seen, f"{name} is set twice"
        seen.add(name)
        if name in SETTINGS["int"]:
            least, most = SETTINGS["int"][name]
            assert least <= int(value) <= most
        elif name in SETTINGS["string"]:
            assert re.fullmatch(r'"[^"]+"', value)
        else:
            assert name in SETTINGS["bool"] and value in "yn", line
    assert not any("SPIRAM" in name or name.startswith("BT_") for name in seen)


@pytest.mark.parametrize("board", TARGETS)
def test_each_macro_is_one_that_micropython_reads(tmp_path, board):
    macros = defined(board)
    assert set(macros) <= set(MACROS)
    assert macros["MICROPY_VFS_ROM"] == macros["MICROPY_VFS_ROM_IOCTL"] == "(1)"
    closed = evaluated(board, "CLOSED", tmp_path)["MICROPY_DEF_BOARD"].split(";")
    told = dict(entry.split("=", 1) for entry in closed)
    assert set(told) <= set(MACROS)
    assert {told[name] for name in told if name != "MICROPY_HW_BOARD_NAME"} == {"0"}
    for name in told:  # what a variant sets, the header must not set again
        guard = rf"#ifndef {name}\n#define {name} "
        text = (BOARDS / board / "mpconfigboard.h").read_text()
        assert name not in text or re.search(guard, text), name


@pytest.mark.parametrize("board", TARGETS)
def test_headers_are_balanced_and_include_what_is_there(board):
    file = BOARDS / board / "mpconfigboard.h"
    text = file.read_text()
    assert text.count("#ifndef") == text.count("#endif")
    assert all((file.parent / name).is_file() for name in re.findall(r'#include "(.+)"', text))


def test_the_page_names_every_board_and_variant_and_builds_one_that_exists():
    page = (BOARDS / "README.md").read_text()
    made = {path.parent.name for path in BOARDS.glob("*/mpconfigboard.cmake")}
    assert made == set(TARGETS) == {chip.built_image for chip in CHIPS.values()}
    assert all(f"`{name}`" in page for name in (*made, "FROZEN", "CLOSED"))
    assert set(re.findall(r"boards/(ESP32_\w+)", page)) <= made
    variants = {path.name for board in made for path in (BOARDS / board).glob("mpconfigvariant_*.cmake")}
    assert variants == {"mpconfigvariant_CLOSED.cmake", "mpconfigvariant_FROZEN.cmake"}


# --- and on a board -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chip_id", "board"), [(0, "ESP32_CONSIGNE"), (9, "ESP32_CONSIGNE_S3"), (5, "ESP32_CONSIGNE_C3")]
)
def test_the_virtual_boards_image_with_romfs_is_that_of_these_definitions(chip_id, board):
    variant = chip_image.VARIANTS[chip_id, chip_image.ROMFS]
    name, mcu = (
        defined(board)[macro].strip('"') for macro in ("MICROPY_HW_BOARD_NAME", "MICROPY_HW_MCU_NAME")
    )
    assert (variant.machine, variant.build) == (f"{name} with {mcu}", board)


def test_an_image_without_a_console_goes_only_onto_a_board_that_is_somebody(tmp_path, monkeypatch):
    closed = chip_image.Variant("Consigne closed with ESP32", "ESP32_CONSIGNE-CLOSED", romfs=True)
    monkeypatch.setitem(chip_image.VARIANTS, (0, "closed"), closed)
    image = interpreter.read(kit.micropython_file(tmp_path, kind="closed"))
    assert image.closed
    built = application.build()
    with kit.board_with(None, tmp_path, psram=Psram()) as board:
        loader = RomBootLoader(board.port)
        with pytest.raises(
            DeviceError, match="no console, so nobody could provision the board; flash it with the"
        ):
            flash.flash(loader, image, built, None, fresh=False, bar=kit.NoBar())
        assert set(kit.flash_of(tmp_path)) == {0xFF}
    with kit.board_with(kit.ready_flash(tmp_path), tmp_path, psram=Psram()) as board:
        told = flash.flash(RomBootLoader(board.port), image, built, None, fresh=False, bar=kit.NoBar())
    assert "keys and journal kept; it has no console" in told
