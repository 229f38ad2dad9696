"""A program that hangs on a board is broken at the first command, or taken out of the way; no key is lost."""

import random

import device_kit as kit
import pytest
from consigne.device import image, startfiles
from consigne.device.board import Board
from consigne.firmware import application, layout
from littlefs import LittleFS, LittleFSError

HANGS = b"while True:\n    pass\n"
DEAF = b"import micropython, time\nmicropython.kbd_intr(-1)\nwhile True:\n    time.sleep(1)\n"
DEAF_LATER = b"import time\ntime.sleep(3)\n" + DEAF
OURS = {"boot.py": b"# boot\n" * 900, "main.py": b"# main\n" * 600}
IDENTITY = b'{"locker": "L0001"}'
SECTOR = layout.SECTOR_BYTES


def hanging(ready, program, **more):
    """The flash of a locker whose ``main.py`` somebody replaced."""
    flash, place = bytearray(ready), layout.partition("vfs")
    files = {**application.build().boot_files, "identity.json": IDENTITY, "main.py": program, **more}
    flash[place.offset : place.end] = image.file_system(files)
    return bytes(flash)


def test_a_program_that_hangs_is_broken_at_the_first_command(tmp_path, ready):
    with kit.board_with(hanging(ready, HANGS), tmp_path) as board, Board(board.port) as line:
        line.enter_service()
        assert line.read_file("/main.py") == HANGS


def test_flash_takes_a_program_that_lets_nobody_in_out_of_the_way_and_keeps_the_key(tmp_path, ready):
    """The first question still gets in, so that its service begins: then nothing answers any more."""
    with kit.board_with(hanging(ready, DEAF_LATER), tmp_path) as board:
        status, told = kit.consigne("flash", kit.micropython_file(tmp_path), "-p", board.port)
        assert status == 0, told
        assert "keys and journal kept; main.py gave no prompt, now .old stands behind the name" in told
        with Board(board.port) as line:
            line.enter_service()
            assert line.read_file("/identity.json") == IDENTITY
            assert line.read_file("/main.py.old") == DEAF_LATER
            assert line.read_file("/main.py") == application.build().boot_files["main.py"]


def test_flash_advises_fresh_where_the_files_cannot_be_mended(tmp_path, ready):
    """So many files that their directory takes more than its two sectors, and no further one."""
    many = {f"a_photograph_of_the_cabinet_before_its_repair_{number:03}": b"" for number in range(90)}
    with kit.board_with(hanging(ready, DEAF_LATER, **many), tmp_path) as board:
        words = "flash", kit.micropython_file(tmp_path), "-p", board.port
        status, told = kit.consigne(*words)
        assert (
            status == 1
            and "use `consigne device flash`" not in told
            and "with `consigne device flash`" not in told
        ), told
        assert "--fresh makes a new file system and forgets settings, keys and journal" in told
        status, told = kit.consigne(*words, "--fresh")
        assert status == 0 and "starts (generation 1)" in told, told


# --- the sectors ---------------------------------------------------------------------------------------


def aged(seed, version, programs):
    """A file system in which files were written again and again, with these programs in it."""
    lfs = LittleFS(
        block_size=SECTOR,
        block_count=layout.partition("vfs").size // SECTOR,
        read_size=32,
        prog_size=32,
        disk_version=version,
    )
    rng = random.Random(seed)
    for name, text in {"identity.json": IDENTITY, **programs}.items():
        lfs_write(lfs, name, text)
    for _ in range(rng.randrange(120)):
        lfs_write(lfs, rng.choice(["config.json", "ca.der", "spare"]), rng.randbytes(rng.randrange(3000)))
    return bytes(lfs.context.buffer)


def lfs_write(lfs, name, text):
    with lfs.open(name, "wb") as file:
        file.write(text)


def files_in(data):
    """What a board finds there; ``LittleFSError`` where it would make a new file system."""
    lfs = LittleFS(
        block_size=SECTOR, block_count=len(data) // SECTOR, read_size=32, prog_size=32, mount=False
    )
    lfs.context.buffer[:] = data
    lfs.mount()
    return {name: lfs.open(name, "rb").read() for name in lfs.listdir("/")}


def written(data, parts, sectors, bytes_more):
    """``data`` when the power goes while the part after ``sectors`` is written: erased, so far programmed."""
    out, start = bytearray(data), layout.partition("vfs").offset
    for number, part in enumerate(parts[: sectors + 1]):
        at = part.offset - start
        out[at : at + SECTOR] = b"\xff" * SECTOR
        end = SECTOR if number < sectors else bytes_more
        out[at : at + end] = part.data[:end]
    return bytes(out)


@pytest.mark.parametrize("version", [0x0002_0000, 0x0002_0001])
@pytest.mark.parametrize("seed", range(4))
def test_power_that_goes_while_a_program_is_renamed_costs_no_file(seed, version):
    data = aged(seed, version, {"boot.py": OURS["boot.py"], "main.py": DEAF})
    before = files_in(data)
    after = {**before, "main.py.old": before["main.py"]}
    del after["main.py"]
    names, parts = startfiles.renamed(data, OURS)
    assert names == ["main.py"] and parts
    for sectors in range(len(parts)):
        for more in (0, 8, 512, 1024, 2048, SECTOR - 1):
            cut = written(data, parts, sectors, more)
            found = files_in(cut)
            assert found in (before, after)
            again = startfiles.renamed(cut, OURS)[1]
            assert files_in(written(cut, again, len(again), 0)) == after
    assert files_in(written(data, parts, len(parts), 0)) == after


def test_what_is_ours_or_not_there_or_no_file_system_is_left_alone():
    assert startfiles.renamed(aged(1, 0x0002_0000, OURS), OURS) == ([], [])
    assert startfiles.renamed(aged(1, 0x0002_0000, {}), OURS) == ([], [])
    assert startfiles.renamed(b"\xff" * layout.partition("vfs").size, OURS) == ([], [])
    with pytest.raises(LittleFSError):
        files_in(b"\xff" * layout.partition("vfs").size)


def test_two_programs_are_renamed_at_once():
    data = aged(3, 0x0002_0000, dict.fromkeys(OURS, DEAF))
    names, parts = startfiles.renamed(data, OURS)
    found = files_in(written(data, parts, len(parts), 0))
    assert names == ["boot.py", "main.py"] and {"boot.py.old", "main.py.old"} <= set(found) >= {
        "identity.json"
    }
    assert not set(names) & set(found)
