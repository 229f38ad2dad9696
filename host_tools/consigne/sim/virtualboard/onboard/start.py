"""What ``main.c`` of the ESP32 port does: file systems, ``boot.py``, ``main.py``, prompt; until a soft reset.

Runs on the unix port inside ``romboot.py``.  Arguments: address and size in memory of the shims' image, of
this folder's and of the chip's flash; ``friendly`` or ``raw``, the prompt before a soft reset; version and
date of MicroPython as the image in the flash has them, the names of board and build;
``romfs`` if it has that.
"""

import os
import sys

import uctypes
import vfs

for at, place in ((1, "/.shim"), (3, "/.onboard")):
    image = uctypes.bytearray_at(int(sys.argv[at]), int(sys.argv[at + 1]))
    vfs.mount(vfs.VfsRom(image), place)
sys.path[:] = ["/.shim", "/.onboard", ".frozen"]

import _link  # noqa: E402
import _loop  # noqa: E402, F401
import _ops  # noqa: E402
import _spi  # noqa: E402, F401 - later, when machine asks for it, nothing of the shims can be found
import esp32  # noqa: E402
import machine  # noqa: E402
import standins  # noqa: E402
from disk import Disk  # noqa: E402
from friendly import friendly_prompt  # noqa: E402
from program import CTRL_A, DONE, EXIT, Terminal, let_go, open_files, run_file  # noqa: E402
from rawprompt import raw_prompt  # noqa: E402


def mount():
    """As the port's frozen ``_boot.py`` and ``inisetup.py``: a file system is made where there is none."""
    for place in ("/.onboard", "/.shim", "/"):
        vfs.umount(place)
    found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs")
    if found:
        disk = Disk(found[0])
        try:
            vfs.mount(disk, "/")
        except OSError:
            vfs.VfsLfs2.mkfs(disk)
            vfs.mount(disk, "/")
            with open("/boot.py", "w") as f:
                f.write("# This file is executed on every boot (including wake-boot from deepsleep)\n")
        os.chdir("/")
    standins.mount_rom()


def serve(terminal, is_raw, banner, machine_name):
    """Programs, then the prompt, until a soft reset; returns whether it was the raw one."""
    names = {"__name__": "__main__"}
    ended = run_file(terminal, names, "boot.py")
    if ended == DONE and not is_raw:
        ended = run_file(terminal, names, "main.py")
    while ended != EXIT:
        if is_raw:
            ended = raw_prompt(terminal, names)
            if ended == DONE:
                terminal.out(b"\r\n")
                is_raw = False
        else:
            terminal.out("MicroPython {}; {}\r\n".format(banner, machine_name))
            terminal.out('Type "help()" for more information.\r\n')
            ended = friendly_prompt(terminal, names)
            is_raw = ended == CTRL_A
    let_go(open_files(names))  # as a board's soft reset closes whatever is open
    names.clear()
    print("MPY: soft reboot")
    return is_raw


flash_at, was_raw = int(sys.argv[5]), sys.argv[7] == "raw"
settings = tuple(sys.argv[8:10])
build, calls = sys.argv[10:12]
sys.argv.clear()
standins.install(*settings, build, calls == "romfs", flash_at)
sys.path[:] = ["", ".frozen", "/lib"]
mount()
port = Terminal(sys.modules["sys"].stdout.buffer.write, sys.modules["micropython"].kbd_intr)
_link.post(_ops.SOFT_RESET, serve(port, was_raw, *settings))
while True:
    machine.reset_cause()
