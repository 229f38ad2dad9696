"""The scripts of ``consigne.device.onboard`` on CPython, over flash that can be cut at any operation.

The laptop's half is the real one; between them is a wire that can be cut at any byte.  What a script
imports of MicroPython is given by stand-ins as thin as can be: a partition over ``NorFlash``, the console
as two queues.  The same scripts on the real interpreter, behind a real
serial port, are tried in ``test_virtual.py``.
"""

import builtins
import contextlib
import hashlib
import io
import json
import pickle
import queue
import runpy
import sys
import threading
import types
import zlib
from collections import deque
from types import SimpleNamespace

from consigne import firmware_dir
from consigne.device.scripts import script
from consigne.firmware import layout
from consigne.sim.board.flash import NorFlash, PowerCut

ROM_BYTES = layout.SLOT_COUNT * layout.SLOT_BYTES


class Reset(BaseException):
    """The board starts anew."""


class _Input(io.RawIOBase):
    """The board's end of the wire: what is sent, then nothing for ever."""

    def __init__(self):
        self._arrived = queue.Queue()
        self._left = b""

    def put(self, data):
        self._arrived.put(data)

    def readinto(self, view):
        while not self._left:
            data = self._arrived.get()
            if data is None:
                return 0
            self._left = data
        count = min(len(view), len(self._left))
        view[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


class Wire:
    """mpremote's ``transport.serial``, as far as a push uses it; cut before byte ``cut_at`` is sent."""

    def __init__(self):
        self.sent = 0
        self.cut_at = None
        self.input = _Input()
        self._heard = deque()
        self._more = threading.Condition()
        self._over = False

    def write(self, data):
        if self._over:
            raise OSError(5, "gone")
        if self.cut_at is not None and self.sent + len(data) > self.cut_at:
            self.input.put(bytes(data[: self.cut_at - self.sent]))
            self.sent = self.cut_at
            self.input.put(None)
            raise OSError(5, "gone")
        self.sent += len(data)
        self.input.put(bytes(data))

    def read(self, _count):
        with self._more:
            while not self._heard and not self._over:
                self._more.wait()
            return self._heard.popleft() if self._heard else b""

    def say(self, text):
        with self._more:
            self._heard.extend(bytes((byte,)) for byte in text.encode())
            self._more.notify()

    def hang_up(self):
        with self._more:
            self._over = True
            self._more.notify()


class ScriptBoard:
    """What ``push`` wants of a ``Board``, over one flash: ``port``, ``transport``, ``call``, ``survey``."""

    port = "the wire"

    def __init__(self):
        self.flash = NorFlash(ROM_BYTES)
        self.wire = Wire()
        self.transport = self
        self.files = {}
        self.mounted = -1  # the slot that it started from
        self.died = None
        self._thread = None

    @property
    def serial(self):
        return self.wire

    def slots(self):
        return [
            bytes(self.flash.data[at : at + layout.SLOT_BYTES])
            for at in range(0, ROM_BYTES, layout.SLOT_BYTES)
        ]

    def power_on(self):
        """After a cut: the flash as it is, a new wire."""
        self.join()
        self.flash.power_on()
        self.wire = Wire()
        self.died = None
        self.mounted = booted(self)[0]

    # --- the laptop's view ----------------------------------------------------------------------------

    def survey(self):
        started = [True, False, self.mounted, 0]
        return {"rom_bytes": ROM_BYTES, "files": dict(self.files), "started": started}

    def write_file(self, name, data):
        self.files[name.lstrip("/")] = hashlib.sha256(data).hexdigest()

    def call_loaded(self, call):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(script("survey") + call, self._names(SimpleNamespace(stdin=None, stdout=out)))
        return [json.loads(line) for line in out.getvalue().splitlines() if line[:1] in "[{"]

    def exec_raw_no_follow(self, code):
        self._thread = threading.Thread(target=self._run, args=(code, self.wire))
        self._thread.start()

    def follow(self, timeout):
        self.join()
        if self.died:
            raise OSError(5, "gone")

    def read_until(self, _minimum, ending, timeout):
        heard = b""
        while not heard.endswith(ending) and (byte := self.wire.read(1)):
            heard += byte
        return heard

    def join(self):
        if self._thread is not None:
            self.wire.input.put(None)
            self._thread.join()
            self._thread = None

    # --- the board's ------------------------------------------------------------------------------------

    def _run(self, code, wire):
        console = SimpleNamespace(
            stdin=SimpleNamespace(buffer=wire.input), stdout=SimpleNamespace(write=wire.say)
        )
        try:
            exec(code, self._names(console))
        except (Reset, PowerCut) as end:
            self.died = end
        except OSError as error:  # the prompt tells it, and waits
            self.died = error
            wire.say(f"\x04Traceback\r\nOSError: {error}\r\n\x04>")
        wire.hang_up()

    def _names(self, console):
        stand_ins = {
            "sys": console,
            "machine": SimpleNamespace(reset=_reset),
            "micropython": SimpleNamespace(kbd_intr=lambda char: None),
            "esp32": _esp32(self.flash),
            "deflate": SimpleNamespace(DeflateIO=_Inflated, RAW=1),
            "select": SimpleNamespace(poll=_Poll, POLLIN=1),
        }

        def importer(name, *rest):
            return stand_ins[name] if name in stand_ins else builtins.__import__(name, *rest)

        return {"__builtins__": {**vars(builtins), "__import__": importer}}


class _Inflated(io.BytesIO):
    def __init__(self, stream, kind, window_bits):
        super().__init__(zlib.decompress(stream.read() or b"\x03\0", -window_bits))


class _Poll:
    def register(self, stream, mask):
        """The only stream there is."""

    def ipoll(self, timeout_ms):
        return (True,)


def _reset():
    raise Reset


@contextlib.contextmanager
def _modules(**stand_ins):
    """These modules in the place of real ones, and ``sys.path`` for ``slotfs``, until the end."""
    real = {name: sys.modules.get(name) for name in (*stand_ins, "slotfs")}
    path = list(sys.path)
    sys.modules.pop("slotfs", None)
    sys.modules.update(stand_ins)
    sys.path.insert(0, str(firmware_dir()))
    try:
        yield
    finally:
        sys.path[:] = path
        for name, module in real.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def boot(flash, kind, **modules):
    """``firmware/boot.py`` on this flash and an image of this kind: ``((slot, generation), file system)``.

    The file system is None while no slot is whole, the image's bytes on an interpreter with ROMFS.
    ``modules``: others in the place of real ones, None for one that is not there.
    """
    mounted = []
    fake_vfs = types.ModuleType("vfs")
    fake_vfs.mount = lambda image, place: mounted.append(image)
    if kind == "romfs":
        # As the port's Partition: it has the buffer protocol, and neither length nor slices.
        fake_vfs.rom_ioctl = lambda op, segment: pickle.PickleBuffer(flash.data)
        fake_vfs.VfsRom = bytes
    micropython = SimpleNamespace(kbd_intr=lambda char: None, const=lambda value: value)
    memory = SimpleNamespace(mem_free=lambda: 2 << 20, collect=lambda: None)
    with _modules(vfs=fake_vfs, micropython=micropython, gc=memory, esp32=_esp32(flash), **modules):
        names = runpy.run_path(str(firmware_dir() / "boot.py"))
    return names["consigne"][2:], mounted[0] if mounted else None


def _esp32(flash):
    """``esp32`` whose one partition is ``romfs`` in this flash."""
    flash.info = lambda: (1, 0x8F, 0, ROM_BYTES, "romfs", False)
    return SimpleNamespace(Partition=SimpleNamespace(TYPE_DATA=1, find=lambda kind, label: [flash]))


def booted(board):
    """What ``boot.py`` itself makes of this flash, the same under every image: ``(slot, generation)``."""
    found, mounted = boot(board.flash, "official-psram")
    in_place, image = boot(board.flash, "romfs")
    assert in_place == found and (image is None) == (mounted is None)
    return found
