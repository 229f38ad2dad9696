"""The application's slot on an interpreter without ROMFS: ``slotfs.py`` and what ``boot.py`` makes of it."""

import hashlib
import json
import random
import subprocess

import device_kit as kit
import pytest
from consigne import firmware_dir
from consigne.firmware import application, layout, rom, slots
from consigne.sim.board.flash import NorFlash
from consigne.sim.grounds.process import interpreter
from consigne.sim.virtualboard.psram import Psram
from script_kit import ROM_BYTES, boot
from virtual_kit import Port

OFFICIAL = kit.OFFICIAL
KINDS = tuple(kit.BOARD_OF)
KEPT, BY_BLOCK = "2500k", "1000k"  # heaps in which the image is kept, and in which it is not

# Runs on MicroPython, where both file systems are: everything that one says of the image, the other says too.
COMPARE = """
import sys
sys.path.insert(0, {firmware!r})
from hashlib import sha256
import slotfs, vfs

class Flash:
    reads = 0
    def readblocks(self, block, buf, offset=0):
        self.reads += 1
        with open({file!r}, "rb") as file:
            file.seek(block * 4096 + offset)
            assert file.readinto(buf) == len(buf)

def attempt(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return "OSError", error.errno

def walk(fs, path, out):
    for name, kind, _, size in sorted(fs.ilistdir(path)):
        inside = path.rstrip("/") + "/" + name
        directory = kind == 0x4000
        stat = fs.stat(inside)
        out.append((inside, kind, stat[0], 0 if directory else size, 0 if directory else stat[6]))
        if directory:
            walk(fs, inside, out)
        else:
            with fs.open(inside, "rb") as file:
                out.append(sha256(file.read()).digest())
    return out

with open({file!r}, "rb") as file:
    file.seek(4096)
    image = file.read({length})
flash, real = Flash(), vfs.VfsRom(image)
ours = slotfs.open_image(flash, 4096, {length}, sha256(image).digest())
assert slotfs.open_image(flash, 4096, {length} - 1, sha256(image).digest()) is None
before = flash.reads
seen = walk(ours, "/", [])
assert seen == walk(real, "/", []) and len(seen) > 4, seen
print("kept" if ours.image else "by block", before, flash.reads - before)
for call, arguments in (
    ("stat", ("/missing",)), ("stat", ("/lock",)), ("open", ("/missing", "r")), ("open", ("/a", "rb")),
    ("open", ("/main.mpy", "wb")), ("stat", ("",)), ("stat", ("/",)), ("stat", ("a/b",)), ("stat", ("/a/",)),
    ("chdir", ("/",)), ("chdir", ("/a",)), ("mount", (True, False)),
):
    one, other = (attempt(getattr(fs, call), *arguments) for fs in (ours, real))
    if isinstance(one, tuple) and len(one) == 10:
        one, other = one[:1], other[:1]
    assert one == other, (call, arguments, one, other)
assert ours.open("/text.txt", "r").read() == real.open("/text.txt", "r").read()
slotfs.release()
assert ours.image is None and walk(ours, "/", []) == seen
vfs.mount(ours, "/app")
sys.path.insert(0, "/app")
import a.b.deep
print(a.b.deep.NAME, a.b.deep.__file__)
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """An application with everything that an image can hold."""
    work = tmp_path_factory.mktemp("compiled")
    (work / "deep.py").write_text("NAME = 'deep inside'\n")
    deep = rom.compiled({"a/b/deep.py": work / "deep.py"}, work)
    rng = random.Random(3)
    large = {f"a/large{i}.bin": rng.randbytes(9_000 + i) for i in range(3)}
    return {
        **deep,
        **large,
        "a/__init__.mpy": rom.compiled({"x.py": work / "deep.py"}, work)["x.mpy"],
        "empty.bin": b"",
        "locker.bin": b"\xd2\xcd\x31",
        "main.mpy": b"M",
        "text.txt": "Ça va\n".encode(),
        "a/" + "n" * 40 + ".bin": bytes(127),
        "z/z/z/z.bin": bytes(128),
    }


@pytest.mark.parametrize(("heap", "how"), [(KEPT, "kept"), (BY_BLOCK, "by block")])
@pytest.mark.parametrize("shipped", [False, True], ids=["made", "shipped"])
def test_it_says_of_an_image_what_the_interpreters_own_romfs_says(tmp_path, files, heap, how, shipped):
    if shipped:  # the application, and what the script looks for
        built = rom.compiled(rom.sources(firmware_dir()), tmp_path)
        files = {**built, **{name: files[name] for name in files if name[:4] in ("a/b/", "text", "a/__")}}
    image = rom.pack(files)
    slot = tmp_path / "slot.bin"
    slot.write_bytes(slots.slot_image(image, 1).ljust(layout.SLOT_BYTES, b"\xff"))
    told = COMPARE.format(firmware=str(firmware_dir()), file=str(slot), length=len(image))
    (tmp_path / "compare.py").write_text(told)
    done = subprocess.run(
        [interpreter(), "-X", f"heapsize={heap}", str(tmp_path / "compare.py")],
        check=False, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    first, last = done.stdout.splitlines()
    assert first.startswith(how) and last == "deep inside /app/a/b/deep.mpy"
    if how == "kept":
        checked, walked = map(int, first.split()[1:])
        assert checked == 2 * -(-len(image) // 4096) and walked == 0  # it was opened twice


# --- what boot.py makes of slots ---------------------------------------------------------------------------


def flash_with(*images):
    """Flash whose slots hold these, generation 1 the first."""
    flash = NorFlash(ROM_BYTES)
    for number, image in enumerate(images):
        flash.overwrite(number * layout.SLOT_BYTES, slots.slot_image(image, number + 1))
    return flash


@pytest.fixture(scope="module")
def pair(files):
    """Two applications."""
    return rom.pack(files), rom.pack({**files, "new.bin": bytes(5000)})


def spoiled(flash, at):
    flash.data[at] ^= 0x10
    return flash


@pytest.mark.parametrize("kind", KINDS)
def test_one_damaged_byte_anywhere_leaves_the_other_slot_to_start(pair, kind):
    rng = random.Random(5)
    begin = layout.SLOT_BYTES
    end = begin + slots.SEAL_BYTES + len(pair[1])
    edges = begin, begin + 60, begin + slots.SEAL_BYTES, end - 1
    for at in (*edges, *(rng.randrange(begin + slots.SEAL_BYTES, end) for _ in range(20))):
        assert boot(spoiled(flash_with(*pair), at), kind)[0] == (0, 1), at
    assert boot(flash_with(*pair), kind)[0] == (1, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_when_both_slots_are_bad_nothing_is_mounted(pair, kind):
    flash = spoiled(spoiled(flash_with(*pair), 9_000), layout.SLOT_BYTES + 9_000)
    assert boot(flash, kind) == ((-1, 0), None)
    assert boot(NorFlash(ROM_BYTES), kind) == ((-1, 0), None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut", [400, 4000, 20_000])  # an image ends with room, which reads as erased
def test_an_image_that_was_cut_does_not_count(pair, kind, cut):
    flash = flash_with(*pair)
    end = layout.SLOT_BYTES + slots.SEAL_BYTES + len(pair[1])
    flash.data[end - cut : end] = b"\xff" * cut
    assert boot(flash, kind)[0] == (0, 1)


def test_a_sealed_slot_of_another_format_is_told_and_the_other_one_starts(pair, capsys):
    other = b"LFS!" + bytes(range(256)) * 20
    seal = slots.Seal(9, len(other), hashlib.sha256(other).digest(), ())
    flash = flash_with(pair[0])
    flash.overwrite(layout.SLOT_BYTES, seal.binary().ljust(slots.SEAL_BYTES, b"\xff") + other)
    assert boot(flash, OFFICIAL)[0] == (0, 1)
    assert capsys.readouterr().out == "consigne: an application cannot be read: OSError: 19\n"


def test_a_boot_file_that_is_gone_leaves_the_console_to_main_py(pair, capsys):
    """Had ``boot.py`` ended with the exception, the interpreter would show its prompt, in production too."""
    assert boot(flash_with(*pair), OFFICIAL, slotfs=None) == ((-1, 0), None)
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 2 and all(line.startswith("consigne: an application cannot be read") for line in told)


def test_a_seal_that_reaches_beyond_its_slot_does_not_count(pair):
    seal = slots.Seal(9, layout.SLOT_BYTES, bytes(32), ())
    flash = flash_with(pair[0])
    flash.overwrite(layout.SLOT_BYTES, seal.binary())
    assert [boot(flash, kind)[0] for kind in KINDS] == [(0, 1)] * 2


def test_a_start_reads_each_block_of_the_image_once(pair):
    flash, reads = flash_with(*pair), []
    real = flash.readblocks
    flash.readblocks = lambda block, buf, offset=0: (reads.append(block), real(block, buf, offset))
    found, mounted = boot(flash, OFFICIAL)
    for name in ("/main.mpy", "/a/large1.bin", "/a/b/deep.mpy"):
        assert mounted.open(name, "rb").read()
    assert found == (1, 2) and len(reads) == 2 + -(-len(pair[1]) // layout.SECTOR_BYTES)


# --- on the board ------------------------------------------------------------------------------------------


def sentence(board, word):
    """The line of the console that says this."""
    board.wait_for(lambda: any(word in line for line in board.output()), 20)
    return next(line for line in board.output() if word in line)


IDENTITY = {"locker": "L0001", "device_key": "11" * 32, "wifi_password": ""}


@pytest.fixture
def locker(tmp_path):
    """``(the cabinet for the simulator, the flash of its board by kind of image)``, provisioned."""
    config, sim = kit.compiled(kit.cabinet_file(tmp_path))
    files = {"config.json": json.dumps(config).encode(), "identity.json": json.dumps(IDENTITY).encode()}
    return sim, lambda kind: kit.ready_flash(tmp_path, kind, files=files)


@pytest.mark.waits
def test_while_it_serves_nothing_of_the_image_is_left_in_the_heap(tmp_path, locker):
    sim, flash_of = locker
    blocks = -(-len(application.build().image) // layout.SECTOR_BYTES)
    with kit.board_with(flash_of(OFFICIAL), tmp_path, sim) as board:
        board.wait_for(lambda: "ready" in board.output(), 20)
        assert blocks <= board.slot_reads <= 1.2 * blocks
        with Port(board) as port:
            port.write(b"\x03")
            port.until(b">>> ")
            port.write(b"import slotfs; print([slot.image for slot in slotfs._opened])\r")
            assert b"\r\n[None]\r\n" in port.until(b"]\r\n>>> ")


@pytest.mark.waits
@pytest.mark.parametrize("kind", KINDS)
def test_a_board_both_of_whose_slots_are_bad_says_what_to_do(tmp_path, locker, kind):
    sim, flash_of = locker
    flash = bytearray(flash_of(kind))
    flash[layout.slot_offset(0) + 9_000] ^= 1
    with kit.board_with(bytes(flash), tmp_path, sim, **kit.BOARD_OF[kind]) as board:
        assert "run `consigne device flash`" in sentence(board, "no whole application on this board")
        assert "Traceback" not in "".join(board.output())


@pytest.mark.waits
def test_a_board_whose_memory_is_too_small_says_so_in_a_sentence_and_stays_what_it_was(tmp_path, locker):
    sim, flash_of = locker
    before = flash_of(OFFICIAL)
    with kit.board_with(before, tmp_path, sim, psram=Psram(), heap_kb=360) as board:
        told = sentence(board, "not serving")
        assert "too little memory for the application; take one with PSRAM" in told
        assert "Traceback" not in "".join(board.output())
    after = kit.flash_of(tmp_path)
    assert kit.identity_on(after) == IDENTITY
    for part in (layout.partition(label) for label in ("factory", "romfs")):
        assert after[part.offset : part.end] == before[part.offset : part.end], part.label
    with kit.board_with(None, tmp_path, sim) as board:
        board.wait_for(lambda: "ready" in board.output(), 20)


@pytest.mark.waits
@pytest.mark.parametrize("kind", KINDS)
def test_an_application_compiled_for_another_micropython_is_told_in_a_sentence(tmp_path, kind):
    built = application.build()
    wrong = {"main.mpy": b"M\x05\x00\x1f" + bytes(40)}  # bytecode of version 5
    flash = kit.ready_flash(tmp_path, kind, application.Application(rom.pack(wrong), built.boot_files))
    with kit.board_with(flash, tmp_path) as board:
        assert "the application is for another MicroPython" in sentence(board, "not serving")
