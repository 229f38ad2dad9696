"""``consigne device virtual``: a board to practise on, from the command line."""

import signal
import subprocess
import sys

from consigne.cabinet.profiles import hardware_dir
from virtual_kit import tool

DEMO = str(hardware_dir() / "cabinets" / "demo.toml")
COMMAND = [sys.executable, "-u", "-m", "consigne.cli", "device", "virtual"]


def test_it_prints_the_port_presses_keys_and_ends_with_ctrl_c(tmp_path):
    options = ["--micropython", "v1.28.0", "--link", "port", "--cabinet", DEMO]
    command = [*COMMAND, "flash.bin", *options]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "port"
        done = tool("mpremote", "connect", tmp_path / "port", "eval", "6*7")
        assert done.stdout.strip() == "42", done
        assert process.stdin is not None
        process.stdin.write("4x\n5\n")
        process.stdin.flush()
        said = ""
        while "key 5 up" not in said:
            said += process.stdout.readline()
        assert "soft reset" in said and "there is no key 'x'" in said and "key 4" not in said
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(10) == 0 and not (tmp_path / "port").is_symlink()
    finally:
        process.kill()


def test_a_build_with_romfs_is_there_for_the_asking(tmp_path):
    options = ["--micropython", "v1.28.0", "--link", "port", "--image", "romfs"]
    process = subprocess.Popen(
        [*COMMAND, "flash.bin", *options], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "port"
        done = tool("mpremote", "connect", tmp_path / "port", "exec", "import vfs; print(vfs.rom_ioctl(1))")
        assert done.stdout.strip() == "1", done
    finally:
        process.kill()
        process.wait()


def test_an_unknown_image_is_refused_with_those_there_are(tmp_path):
    command = [*COMMAND, str(tmp_path / "flash.bin"), "--image", "nightly"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 2 and "official-psram" in done.stderr and "romfs" in done.stderr


def test_an_unknown_chip_is_refused_with_those_there_are(tmp_path):
    command = [*COMMAND, str(tmp_path / "flash.bin"), "--chip", "rp2040"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 2 and "esp32s3" in done.stderr
