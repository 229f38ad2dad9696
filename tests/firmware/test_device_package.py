"""What others install or build from: complete, current, and free of the technician's own files."""

import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import device_kit as kit
from consigne import firmware_dir
from consigne.device import image, interpreter
from consigne.firmware import application, layout, packaging, rom, slots
from littlefs import LittleFS

FIRMWARE = firmware_dir()


def test_package_and_manifest_are_current():
    for name, made in (
        (packaging.PACKAGE, packaging.package(FIRMWARE)),
        (packaging.MANIFEST, packaging.manifest(FIRMWARE)),
        (packaging.TABLE, packaging.table()),
    ):
        assert (FIRMWARE / name).read_text() == made, f"{name} is not current: run `consigne device package`"


def test_the_package_names_every_file_once_and_each_exists():
    urls = json.loads((FIRMWARE / packaging.PACKAGE).read_text())["urls"]
    sources = {source for _, source in urls}
    assert len({target for target, _ in urls}) == len(urls) == len(sources)
    assert sources == {*rom.sources(FIRMWARE), "start.py"}
    assert all((FIRMWARE / source).is_file() for source in sources)


def test_the_manifest_runs_as_micropythons_build_runs_it():
    called = []
    names = {
        "metadata": lambda **more: called.append(("metadata", more["version"])),
        "include": lambda path: called.append(("include", path)),
        "freeze": lambda path, script: called.append(("freeze", script)),
    }
    exec(compile((FIRMWARE / packaging.MANIFEST).read_text(), "manifest.py", "exec"), names)
    assert [name for name, _ in called] == ["metadata", "include", "freeze"]
    assert set(called[2][1]) == set(rom.sources(FIRMWARE))


def test_every_boot_file_compiles_for_the_device():
    with tempfile.TemporaryDirectory() as work:
        made = rom.compiled({name: FIRMWARE / name for name in rom.BOOT_FILES.values()}, Path(work))
    assert set(made) == {"slotfs.mpy", "boot.mpy", "start.mpy"}


def test_a_production_lines_image_is_a_whole_flash_and_holds_no_secret(tmp_path):
    out = tmp_path / "line.bin"
    done = subprocess.run(
        [sys.executable, "-m", "consigne.cli", "device", "image", kit.micropython_file(tmp_path), out],
        check=True, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert "esptool write-flash 0" in done.stdout
    flash = out.read_bytes()
    assert len(flash) == layout.FLASH_BYTES
    table = layout.parse(flash[layout.TABLE_OFFSET : layout.TABLE_OFFSET + layout.TABLE_BYTES])
    assert table == layout.PARTITIONS
    rom_part = layout.partition("romfs")
    both = [flash[rom_part.offset + n * layout.SLOT_BYTES :][: layout.SLOT_BYTES] for n in range(2)]
    slot, seal = slots.newest(both)
    assert (slot, seal.generation) == (0, 1)
    vfs = layout.partition("vfs")
    lfs = LittleFS(block_size=4096, block_count=vfs.size // 4096, mount=False)
    lfs.context.buffer[:] = flash[vfs.offset : vfs.end]
    lfs.mount()
    assert sorted(lfs.listdir("/")) == ["boot.py", "main.py", "slotfs.py"]
    assert set(flash[layout.partition("journal").offset :]) == {0xFF}


def test_parts_of_a_flash_do_not_overlap(tmp_path):
    parts = image.parts(interpreter.read(kit.micropython_file(tmp_path)), application.build(), fresh=True)
    ends = sorted((part.offset, part.offset + len(part.data)) for part in parts)
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(ends))
