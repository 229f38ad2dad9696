"""A simulated locker behind a serial port: everything the firmware runs on lies in one flash image.

with VirtualBoard(Path("flash.bin"), config) as board:
    subprocess.run(["mpremote", "connect", board.port, "fs", "ls"])
    board.type("90210417#")
"""

from pathlib import Path
from types import TracebackType
from typing import Self

from consigne.cabinet.chips import CHIPS as BOARDS
from consigne.cabinet.deviceconfig import Identity, Wiring
from consigne.firmware import layout

from ..board.flash import NorFlash
from ..grounds.process import MicroPythonGround
from ..locker import SimLocker
from ..network.memory import CUT, UP
from . import image
from .cable import Cable, SerialCable, UsbCable
from .chips import CHIPS
from .flash import Region, open_flash
from .ground import SerialGround
from .netcable import NetCable
from .psram import Psram, usual

_ENUMERATED_S = 10.0
BARE: Wiring = {"doors": []}


class VirtualBoard(SimLocker):
    """An ESP32 with a serial port, and the cabinet of ``config`` round it.

    Parameters
    ----------
    flash_file
        The chip's flash; made as erased flash if it is missing.
    config
        The cabinet that is wired to the board, as ``config.json`` describes it; None for a board on a desk.
        The firmware sees only what lies in its own flash.
    chip
        ``esp32``, ``esp32s3`` or ``esp8266``.
    link
        A path that always leads to the current port, also after the cable was out.
    lines
        Serve the port as ``rfc2217://...``, with the modem lines that reset the chip; not as a terminal.
    usb
        The port is the chip's native USB: it vanishes with each reset and comes back under another name.
        None: native on an ESP32-S3, an adapter on an ESP32.
    psram
        None for what such a board usually has (``psram.usual``); ``Psram()`` for none.
    paced
        Bytes take the time of the baud rate, flash operations that of the data sheet; otherwise both are as
        fast as possible.
    heap_kb
        Python's heap; 0: as much as such a board has with its image.
    """

    def __init__(
        self,
        flash_file: Path,
        config: Wiring | None = None,
        *,
        chip: str = "esp32",
        link: Path | None = None,
        lines: bool = False,
        paced: bool = False,
        usb: bool | None = None,
        psram: Psram | None = None,
        unique_id: bytes = b"\x24\x0a\xc4\x00\x00\x01",
        flash_bytes: int = layout.FLASH_BYTES,
        heap_kb: int = 0,
        seed: int = 0,
    ) -> None:
        self._flash_file = flash_file
        self._flash_bytes = flash_bytes
        self._chip = CHIPS[chip]
        kind = UsbCable if (chip == "esp32s3" if usb is None else usb) else Cable
        self._cable: SerialCable = NetCable() if lines else kind(link)
        self._paced = paced
        self._psram = usual(chip) if psram is None else psram
        self._unique_id = unique_id
        bare = {**BARE, "board": chip} if chip in BOARDS else BARE
        super().__init__(
            config or bare, None, flash_file.parent, heap_kb=heap_kb, seed=seed, psram=self._psram.kind
        )

    def _write_files(self, config: Wiring, identity: Identity | None, real_network: bool) -> None:
        """Writes nothing: the firmware's files come over the wire into the flash."""

    def _open_flash(self) -> NorFlash:
        return open_flash(self._flash_file, self._flash_bytes)

    def _interpreter(self, firmware: Path | None, heap_kb: int) -> MicroPythonGround:
        self.board.unique_id = self._unique_id
        self.serial = SerialGround(
            self.board, self.directory, heap_kb, self.flash, self._chip, self._psram, self._cable, self._paced
        )
        return self.serial

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Plug the cable in and give the cabinet its supply."""
        self.plug_cable()
        super().start()
        if isinstance(self._cable, UsbCable):
            # Asked on the board's thread, so not while the USB device changes from the ROM's to the
            # program's.
            self.wait_for(lambda: self.plugged, _ENUMERATED_S)

    def stop(self) -> None:
        super().stop()
        self._cable.close()

    def _cut(self) -> None:
        super()._cut()
        self.serial.line.clear()

    # --- the cable --------------------------------------------------------------------------------------
    @property
    def port(self) -> str:
        """The name for ``mpremote connect`` and ``esptool --port``."""
        return self._cable.port

    @property
    def plugged(self) -> bool:
        """Whether there is a port."""
        return self.call(lambda: self._cable.plugged)

    def pull_cable(self) -> None:
        """A program that has the port open loses it; the board runs on."""
        self.call(self._pull)

    def _pull(self) -> None:
        self._cable.pull()
        self.serial.line.clear()

    def plug_cable(self) -> None:
        """Make the port again, under a new name unless there is a link."""
        self.call(self._cable.plug)

    def pull_cable_after(self, count: int) -> None:
        """Pull it when ``count`` more bytes have gone from laptop to board, before the next one does."""
        self.call(lambda: self.serial.line.cut_after(count, self._pull))

    def cut_power_after(self, count: int) -> None:
        """Cut the power after ``count`` more bytes, in the same way."""
        self.call(lambda: self.serial.line.cut_after(count, self._cut))

    def reset_after(self, count: int) -> None:
        """Press reset after ``count`` more bytes, in the same way."""
        self.call(lambda: self.serial.line.cut_after(count, self._press_reset))

    def network(self, mode: str) -> None:
        """``up`` or ``cut``, of the radio; for more provision the board with the port of a ``NetCut``."""
        if mode not in (UP, CUT):
            raise ValueError(f"a virtual board's network is {UP} or {CUT}, not {mode}")
        super().network(mode)

    # --- buttons ----------------------------------------------------------------------------------------
    def reset(self) -> None:
        """Press EN."""
        self.call(self._press_reset)

    def _press_reset(self) -> None:
        self.board.press_reset()

    def enter_loader(self) -> None:
        """Press EN while BOOT is held: the ROM's loader waits."""

        def act() -> None:
            self.serial.download = True
            self.board.press_reset()

        self.call(act)

    @property
    def slot_reads(self) -> int:
        """How often the application's partition was read since the chip started."""
        region = self.call(lambda: self.board.flash["romfs"])
        assert isinstance(region, Region)
        return region.reads

    @property
    def in_loader(self) -> bool:
        return self.call(lambda: self.serial.in_loader)


def install(
    flash_file: Path, version: str = "v1.28.0", chip: str = "esp32", kind: str = image.OFFICIAL_PSRAM
) -> None:
    """Write into ``flash_file`` what ``device flash`` leaves: MicroPython, the partition table, no files.

    ``kind``: which build of MicroPython, of those in ``image.VARIANTS``.
    """
    flash = open_flash(flash_file)
    flash.overwrite(CHIPS[chip].boot_offset, image.release(version, CHIPS[chip].image_id, kind=kind))
    flash.overwrite(layout.TABLE_OFFSET, layout.binary())
    flash.close()
