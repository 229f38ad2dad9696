"""The NOR flash model behaves as flash does; everything else here stands on it.  Both interpreters."""

from consigne.sim.board import flash as nor
from consigne.sim.board.flash import PAGE_BYTES, SECTOR_BYTES, NorFlash, PowerCut
from flash_kit import raises


def _flash(**faults):
    return NorFlash(4 * SECTOR_BYTES, **faults)


def _read(flash, sector, count, offset=0):
    buf = bytearray(count)
    flash.readblocks(sector, buf, offset)
    return bytes(buf)


def test_programming_clears_bits_and_only_an_erase_sets_them():
    flash = _flash()
    flash.writeblocks(1, b"\xf0\x0f", 10)
    flash.writeblocks(1, b"\x3c\xff", 10)
    assert _read(flash, 1, 4, 9) == b"\xff\x30\x0f\xff"
    flash.ioctl(6, 1)
    assert _read(flash, 1, 4, 9) == b"\xff" * 4


def test_a_write_without_offset_erases_first_as_a_partition_does():
    flash = _flash()
    flash.writeblocks(1, b"\x00" * SECTOR_BYTES, 0)
    flash.writeblocks(1, b"\x12" * SECTOR_BYTES)
    assert _read(flash, 1, 2) == b"\x12\x12" and flash.erases == [0, 1, 0, 0]


def test_every_byte_and_every_erase_is_counted():
    flash = _flash()
    flash.writeblocks(0, bytes(300), 100)
    flash.ioctl(6, 0)
    flash.ioctl(6, 0)
    assert flash.programmed_bytes == 300 and flash.programmed == [300, 0, 0, 0]
    assert flash.erases == [2, 0, 0, 0] and flash.operations == 4, "two pages and two erases"
    assert flash.ioctl(4, 0) == 4 and flash.ioctl(5, 0) == SECTOR_BYTES


def test_beyond_the_end_is_an_error():
    flash = _flash()
    assert raises(OSError, flash.readblocks, 4, bytearray(1), 0)
    assert raises(OSError, flash.writeblocks, 3, b"ab", SECTOR_BYTES - 1)
    assert raises(OSError, flash.ioctl, 6, 4)


def test_a_cut_leaves_what_it_was_told_to_and_nothing_works_without_power():
    for aftermath, done in ((nor.NOT_DONE, 0), (nor.DONE, 8), (nor.TORN, 3)):
        flash = _flash()
        flash.cut(1, aftermath, 3)
        flash.writeblocks(0, b"\x00", 0)
        assert raises(PowerCut, flash.writeblocks, 0, b"\xaa" * 8, 16)
        assert raises(PowerCut, flash.readblocks, 0, bytearray(1), 0)
        flash.power_on()
        after = _read(flash, 0, 8, 16)
        assert after[:done] == b"\xaa" * done
        if aftermath == nor.TORN:
            assert after[3] == 0xFF, "the byte in between has some of its bits"
            assert after[4:] == b"\xff" * 4


def test_a_torn_byte_has_only_some_of_its_bits_cleared():
    flash = _flash()
    flash.cut(0, nor.TORN, 1)
    assert raises(PowerCut, flash.writeblocks, 0, b"\x00\x00\x00", 0)
    flash.power_on()
    assert _read(flash, 0, 3) == b"\x00\x55\xff"


def test_earlier_pages_of_one_write_may_be_dropped():
    flash = _flash()
    flash.cut(1, nor.DROPPED)
    assert raises(PowerCut, flash.writeblocks, 0, bytes(2 * PAGE_BYTES), 0)
    flash.power_on()
    assert _read(flash, 0, PAGE_BYTES) == b"\xff" * PAGE_BYTES
    assert _read(flash, 0, PAGE_BYTES, PAGE_BYTES) == bytes(PAGE_BYTES)


def test_a_half_erased_sector_is_a_mix_of_old_blank_and_noise():
    kinds = set()
    for seed in range(8):
        flash = _flash()
        flash.writeblocks(0, b"\x10" * SECTOR_BYTES, 0)
        flash.cut(0, nor.HALF_ERASED, seed)
        assert raises(PowerCut, flash.ioctl, 6, 0)
        flash.power_on()
        content = _read(flash, 0, SECTOR_BYTES)
        kinds.add((b"\x10" * 16 in content, b"\xff" * 16 in content, len(set(content)) > 20))
        assert all(byte & 0x10 for byte in content), "an erase clears no bit"
    assert (True, True, True) in kinds and len(kinds) >= 1


def test_worn_and_bad_sectors_do_not_erase_cleanly():
    flash = _flash(endurance=3, bad=(2,))
    for _ in range(3):
        flash.ioctl(6, 0)
        assert _read(flash, 0, SECTOR_BYTES) == b"\xff" * SECTOR_BYTES
    flash.ioctl(6, 0)
    assert _read(flash, 0, SECTOR_BYTES) != b"\xff" * SECTOR_BYTES
    flash.ioctl(6, 2)
    assert _read(flash, 2, SECTOR_BYTES) != b"\xff" * SECTOR_BYTES
    flash.writeblocks(2, bytes(4), 0)
    assert _read(flash, 2, 4) != bytes(4)


def test_what_was_written_to_a_file_is_there_in_the_next_process():
    import os

    path = "/tmp/consigne_flash_{}".format(int.from_bytes(os.urandom(4), "big"))
    flash = NorFlash(4 * SECTOR_BYTES, path)
    flash.writeblocks(2, b"lasting", 32)
    flash.cut(0, nor.TORN, 2)
    assert raises(PowerCut, flash.writeblocks, 2, b"\x00" * 4, 64)
    flash.close()
    again = NorFlash(4 * SECTOR_BYTES, path)
    assert _read(again, 2, 7, 32) == b"lasting" and _read(again, 2, 2, 64) == b"\x00\x00"
    again.close()
    os.remove(path)
