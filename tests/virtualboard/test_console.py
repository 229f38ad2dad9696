"""The virtual board's console: what ``mpremote`` and a terminal rely on, byte for byte."""

import ast
import re
from pathlib import Path

import pytest
from consigne.firmware import layout
from consigne.sim.virtualboard.board import install
from virtual_kit import Port, board_at, eventually, let_pass, mpremote


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    with board_at(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture
def port(board):
    with Port(board) as opened:
        opened.to_prompt()
        yield opened


def test_what_runs_on_it_finds_an_esp32_and_the_version_that_was_flashed(port):
    port.write(b"import sys, os\r")
    port.until(b">>> ")
    port.write(b"sys.platform, sys.implementation.version, os.uname().sysname, sys.path, os.listdir('/')\r")
    said = port.until(b">>> ").decode()
    assert "('esp32', (1, 28, 0, ''), 'esp32', ['', '.frozen', '/lib'], ['boot.py']" in said
    port.write(b"import machine; machine.unique_id()\r")
    assert b"b'$\\n\\xc4\\x00\\x00\\x01'" in port.until(b">>> ")


def test_the_friendly_prompt_goes_on_where_a_statement_does(port):
    port.write(b"for i in range(3):\r    print(i * 7)\r\r")
    assert port.until(b"14\r\n>>> ").count(b"... ") == 2
    port.write(b"x = (1,\r2)\rx\r")
    assert port.until(b"(1, 2)\r\n>>> ")
    port.write(b"'''a\rb'''\r")
    assert port.until(b"'a\\nb'\r\n>>> ")
    port.write(b"prin\x08\x08nt(40 + 2)\x1b[A\r")
    port.to_prompt()


def test_backspace_and_the_arrow_up_do_what_they_do_in_a_terminal(port):
    port.write(b"6 * 78\x7f\r")
    port.until(b"42\r\n>>> ")
    port.write(b"\x1b[A\r")
    assert port.until(b"42\r\n>>> ").startswith(b"6 * 7")


def test_paste_mode_runs_the_lines_together_and_ctrl_c_throws_them_away(port):
    port.write(b"\x05")
    port.until(b"Ctrl-D to finish\r\n=== ")
    port.write(b"def f():\r\r    return 5\rprint(f())\r\x04")
    port.until(b"5\r\n>>> ")
    port.write(b"\x05f = None\r\x03")
    port.until(b"\r\n>>> ")
    port.write(b"f()\r")
    assert port.until(b"5\r\n>>> ")


def test_what_is_no_text_is_a_syntax_error_and_the_prompt_comes_back(port):
    port.write(b"\xc0\xdb\xff\r")
    assert b"SyntaxError" in port.until(b">>> ")


def test_ctrl_c_ends_an_endless_loop_and_says_where_it_was(port):
    port.write(b"exec('print(1 + 1)\\nwhile True: pass')\r")
    port.until(b"\r\n2\r\n")  # it runs: a Ctrl-C that comes while it is compiled is a byte for it
    port.write(b"\x03")
    said = port.until(b">>> ")
    assert b'File "<stdin>", line 1, in <module>\r\n  File "<string>", line 2' in said
    assert b"KeyboardInterrupt" in said


def test_ctrl_c_stops_a_program_that_prints_without_end(board, port):
    port.write(b"while True: print('x' * 40)\r\r")
    port.until(b"x\r\n" * 1)
    port.write(b"\x03")
    eventually(lambda: any("KeyboardInterrupt" in line for line in board.output()[-3:]), "it stops")
    port.to_prompt()


def test_ctrl_c_wakes_a_program_that_sleeps_or_waits_for_a_key(board, port):
    for waits in (b"time.sleep(60)", b"sys.stdin.read(1)"):
        port.write(b"import sys, time; print(1 + 1); " + waits + b"\r")
        port.until(b"\r\n2\r\n")
        let_pass(board, 0.05)  # so it waits
        port.write(b"\x03")
        assert b"KeyboardInterrupt" in port.until(b">>> ")


def test_ctrl_c_in_the_middle_of_what_the_chip_does_leaves_the_chip_usable(board, port):
    """The program asks the pins all the time: the interrupt comes while the board answers a question."""
    left = 0

    def turned(_):
        nonlocal left
        left -= 1
        if left == 0:
            board.serial.line.on_bytes(b"\x03")

    board.call(lambda: board.board.pin(4).on_change(turned))
    port.to_raw()
    for number in range(25):
        left = 10 + number
        port.write(
            b"import machine\np = machine.Pin(4, machine.Pin.OUT)\nprint(1)\nwhile True: p(1 - p())\x04"
        )
        port.until(b"OK1\r\n")
        assert b"KeyboardInterrupt" in port.until(b"\x04>")
        said, wrong = port.raw("print(machine.reset_cause(), p.value(), machine.unique_id())")
        assert not wrong and re.match(rb"[15] [01] b'\$", said), (said, wrong)
    port.write(b"\x02")


def test_a_program_may_take_ctrl_c_as_a_byte(port):
    port.to_raw()
    port.write(b"import micropython, sys\nmicropython.kbd_intr(-1)\nprint('now')\n")
    port.write(b"print(sys.stdin.buffer.read(3))\x04")
    port.until(b"now\r\n")
    port.write(b"a\x03b")
    assert port.until(b"\x04>") == b"b'a\\x03b'\r\n\x04\x04>"
    port.write(b"\x02")


def test_text_gets_carriage_returns_and_bytes_do_not(port):
    port.to_raw()
    said, _ = port.raw(
        "import sys\nprint('a')\nsys.stdout.write('b\\n')\nsys.stdout.buffer.write(b'c\\n\\x00')"
    )
    assert said == b"a\r\nb\r\nc\n\x00"
    port.write(b"\x02")


def test_raw_paste_announces_a_window_only_when_it_has_room(port):
    port.to_raw()
    port.write(b"\x05A\x01")
    header = port.take(5)
    assert header[:2] == b"R\x01" and header[4:] == b"\x01"
    window = int.from_bytes(header[2:4], "little")
    program = b"x = 1\n" * 400 + b"print('end')\n"
    sent, room = 0, 2 * window
    while sent < len(program):
        step = program[sent : sent + room]
        port.write(step)
        sent, room = sent + len(step), room - len(step)
        if not room:
            port.until(b"\x01")
            room = window
    port.write(b"\x04")
    assert port.until(b"\x04>").strip(b"\x01") == b"\x04end\r\n\x04\x04>"
    port.write(b"\x05A\x01")
    assert port.take(5) == header
    port.write(b"x = 2\x03")
    assert b"KeyboardInterrupt" in port.until(b"\x04>")
    port.write(b"\x02")


def test_an_error_comes_between_the_two_ends_of_the_raw_prompt(port):
    port.to_raw()
    said, wrong = port.raw("print(1)\n1/0")
    assert said == b"1\r\n"
    assert wrong == (
        b"Traceback (most recent call last):\r\n"
        b'  File "<stdin>", line 2, in <module>\r\n'
        b"ZeroDivisionError: divide by zero\r\n"
    )
    said, wrong = port.raw("def f(:")
    assert said == b"" and wrong.endswith(b"SyntaxError: invalid syntax\r\n")
    port.write(b"\x02")


def test_a_soft_reset_forgets_the_program_runs_the_files_again_and_keeps_the_pins(board, port):
    port.to_raw()
    port.raw("with open('main.py', 'w') as f: f.write(\"print('main', 'x' in globals())\")")
    port.raw("import machine; machine.Pin(4, machine.Pin.OUT, value=1); x = 5")
    port.raw("f = open('unclosed', 'w'); f.write('abc')")
    port.write(b"\x02")
    port.until(b">>> ")
    port.write(b"\x04")
    assert b"MPY: soft reboot\r\nmain False\r\nMicroPython v1.28.0" in port.until(b">>> ")
    assert board.call(lambda: board.board.pin(4).level) == 1
    port.write(b"import os, machine; os.remove('main.py'); machine.reset_cause(), open('unclosed').read()\r")
    assert b"(5, 'abc')\r\n" in port.until(b">>> ")


def test_the_main_program_is_not_run_when_the_boot_file_failed(port):
    port.to_raw()
    port.raw("import os; os.rename('boot.py', 'kept')")
    port.raw("with open('boot.py', 'w') as f: f.write('import missing')")
    port.raw("with open('main.py', 'w') as f: f.write('print(1 + 1)')")
    port.write(b"\x02")
    port.until(b">>> ")
    port.write(b"\x04")
    said = port.until(b">>> ")
    assert b"ImportError: no module named 'missing'" in said and b"\r\n2\r\n" not in said
    port.write(b"import os; os.rename('kept', 'boot.py')\r\x04")
    port.until(b"MPY: soft reboot\r\n2\r\n")
    port.until(b">>> ")
    port.write(b"import os; os.remove('main.py')\r")
    port.until(b">>> ")


def test_a_program_that_ends_itself_starts_the_board_anew(port):
    port.write(b"import sys; sys.exit()\r")
    assert b"MPY: soft reboot" in port.until(b">>> ")
    port.write(b"import machine; machine.soft_reset()\r")
    assert b"MPY: soft reboot" in port.until(b">>> ")
    port.write(b"import machine; machine.reset()\r")
    assert b"rst:0xc (SW_CPU_RESET),boot:0x13" in port.until(b">>> ")


def test_the_partitions_are_those_of_the_table_in_the_flash(board, port):
    port.to_raw()
    said, _ = port.raw("import esp32; print([p.info() for t in (0, 1) for p in esp32.Partition.find(t)])")
    found = sorted(ast.literal_eval(said.decode()), key=lambda info: info[2])
    expected = [(p.type, p.subtype, p.offset, p.size, p.label, False) for p in layout.PARTITIONS]
    assert found == expected
    place = layout.partition("journal").offset
    board.flash.overwrite(place, b"\x0f" * 16)
    program = "j = esp32.Partition.find(1, label='journal')[0]; j.writeblocks(0, b'\\xf3' * 4, 4); "
    said, _ = port.raw(program + "b = bytearray(8); j.readblocks(0, b); print(bytes(b))")
    assert ast.literal_eval(said.decode()) == b"\x0f" * 4 + b"\x03" * 4, "programming only clears bits"
    said, wrong = port.raw("j.readblocks(256, b)")
    assert b"ESP_ERR_INVALID_SIZE" in wrong
    port.write(b"\x02")


def test_the_technicians_commands_work_on_it(board, tmp_path):
    (tmp_path / "a.py").write_text("print('from a file')\n" * 2)
    (tmp_path / "big.bin").write_bytes(bytes(range(256)) * 100)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "module.py").write_text("print('from the laptop')\n")
    said = mpremote(
        board,
        *("fs", "mkdir", ":d", "+", "fs", "cp", tmp_path / "a.py", ":d/a.py", "+", "fs", "cat", ":d/a.py"),
        *("+", "fs", "cp", tmp_path / "big.bin", ":", "+", "fs", "cp", ":big.bin", tmp_path / "back.bin"),
        *("+", "fs", "sha256sum", "big.bin", "+", "fs", "tree", "+", "fs", "rm", ":big.bin", "+", "fs", "ls"),
        *(
            "+",
            "run",
            tmp_path / "a.py",
            "+",
            "eval",
            "6*7",
            "+",
            "exec",
            "print('kept')",
            "+",
            "rm",
            "-r",
            ":d",
        ),
    )
    assert (tmp_path / "back.bin").read_bytes() == bytes(range(256)) * 100
    assert said.count("from a file") == 4 and "42" in said and "kept" in said and "a.py" in said
    assert "big.bin" not in said[said.index("rm :big.bin") + 12 :]
    said = mpremote(board, "mount", tmp_path / "folder", "exec", "import module")
    assert "from the laptop" in said
    mpremote(board, "reset")
    assert mpremote(board, "eval", "__import__('machine').reset_cause()").strip() == "5"


def test_a_package_is_installed_from_an_index_on_the_laptop(board, index):
    said = mpremote(board, "mip", "install", "--index", index, "--no-mpy", "thing")
    assert "Done" in said
    assert "thing 2.1" in mpremote(board, "exec", "import thing; print(thing.NAME)", "+", "rm", "-r", ":lib")


def test_an_image_deployed_into_the_rom_partition_is_imported_from_there(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "inrom.py").write_text("NAME = 'in place'\n")
    install(tmp_path / "flash.bin", kind="romfs")
    with board_at(tmp_path) as board:
        assert "ROMFS image deployed" in mpremote(board, "romfs", "deploy", tmp_path / "files")
        said = mpremote(board, "exec", "import inrom, sys; print(inrom.NAME, inrom.__file__, sys.path)")
        assert "in place /rom/inrom.mpy ['', '.frozen', '/lib', '/rom', '/rom/lib']" in said
        said = mpremote(board, "romfs", "query")
        assert "524288 bytes (128 blocks of 4096 bytes each)" in said and "ROMFS image size" in said


LOOK_AT_SEGMENT = """
import vfs, esp32
part = vfs.rom_ioctl(2, 1)
assert part is vfs.rom_ioctl(2, 0) and vfs.rom_ioctl(1) == 1 and vfs.rom_ioctl(3, 0, 4096) == -22
assert len(memoryview(part)) == part.info()[3] == part.ioctl(4, 0) * part.ioctl(5, 0)
for wrong in (len, lambda part: part[:3], lambda part: memoryview(esp32.Partition("romfs"))):
    try:
        wrong(part)
    except TypeError as error:
        print(error)
part.ioctl(6, 1)
part.writeblocks(1, b"abc", 5)
print(bytes(memoryview(part)[4096 + 4 : 4096 + 9]))
"""


def test_the_rom_segment_is_a_partition_that_has_a_buffer_but_neither_length_nor_slices(tmp_path):
    """As the port has it: ``ports/esp32/esp32_partition.c``."""
    install(tmp_path / "flash.bin", kind="romfs")
    with board_at(tmp_path) as board:
        said = mpremote(board, "exec", LOOK_AT_SEGMENT)
    assert "no len()" in said and "isn't subscriptable" in said and "buffer protocol" in said
    assert r"b'\xffabc\xff'" in said


def test_an_official_image_has_no_romfs_at_all(board):
    told = "import vfs; print([hasattr(vfs, name) for name in ('VfsRom', 'rom_ioctl', 'VfsLfs2')])"
    assert mpremote(board, "exec", told).strip() == "[False, False, True]"
    assert "ROMFS is not enabled on this device" in mpremote(board, "romfs", "query")
    told = "import sys; print(sys.implementation[2], sys.implementation[4])"
    assert "Generic ESP32 module with SPIRAM with ESP32 ESP32_GENERIC-SPIRAM" in mpremote(board, "exec", told)


def test_the_board_waits_for_nobody_who_does_not_read(board):
    """A locker prints all day; a laptop that went to sleep with the port open must not stop it."""
    with Port(board) as port:
        port.to_raw()
        assert not board.call(lambda: board.board.pin(13).level)
        port.write(b"import machine\nfor i in range(50000): print('x' * 40)\nmachine.Pin(13, 3, value=1)\x04")
        eventually(lambda: board.call(lambda: board.board.pin(13).level), "the program goes on")
        heard = port.take(10_000)  # else what comes next is lost too
        port.write(b"\x02")
        assert len(heard + port.until(b">>> ")) < 50_000 * 42


@pytest.fixture
def index(tmp_path):
    """A package index as micropython.org has it, on a port of this computer."""
    import functools
    import hashlib
    import http.server
    import json
    import threading

    source = b"NAME = 'thing 2.1'\n"
    digest = hashlib.sha256(source).hexdigest()[:8]
    files = {
        "package/py/thing/latest.json": json.dumps(
            {"v": 1, "version": "2.1", "hashes": [["thing.py", digest]], "urls": [], "deps": []}
        ).encode(),
        f"file/{digest[:2]}/{digest}": source,
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing: the test says what went wrong."""

    handler = functools.partial(Quiet, directory=str(Path(tmp_path)))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
