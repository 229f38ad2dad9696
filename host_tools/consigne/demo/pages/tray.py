"""The tray before the cabinet: power and network switches, and things to hold to the scanner."""

from collections.abc import Callable
from typing import NamedTuple

from nicegui import ui
from nicegui.events import UploadEventArguments

from consigne.server.pages.desk import Desk
from consigne.server.pages.pictures import PICTURE_BYTES_MAX, PictureError, qr_svg, read_picture
from consigne.server.pages.work import Work
from consigne.ui.components import Text, box, set_toggle, toggle
from consigne.ui.fields import Fields

from .front import Front, FrontView

SCAN_CHARACTERS_MAX = 256
STOCK_EVERY_S = 0.2


class Thing(NamedTuple):
    """A thing with a code on it: a parcel's label, a customer's QR code."""

    what: str  # "label", "pick-up QR", ..
    which: str  # for people
    code: str  # what a scanner reads


class Tray:
    """Switches and scanner tray of one cabinet.

    ``things(desk)`` gives the things in the tray, newest first; it is called when the desk has news.
    """

    def __init__(self, work: Work, front: Front, desk: Desk, things: Callable[[Desk], list[Thing]]) -> None:
        self._work, self._front, self._desk, self._things = work, front, desk, things
        self._seen_revision = -1
        self._shown: list[Thing] = []
        with box("card bench"):
            with box("switches"):
                self._power = toggle("Power", True, front.set_power)
                self._network = toggle("Network", True, front.set_network)
            with box("grow"):
                self._tray()
        ui.timer(STOCK_EVERY_S, work.look(self._stock), immediate=True)

    def _tray(self) -> None:
        fields = Fields("tray")
        with box("row-line"):
            with box("grow"):
                self._input = fields.line(
                    "text for the scanner", placeholder="What a barcode says, e.g. RR123456785FR"
                )
                self._input.props(f"maxlength={SCAN_CHARACTERS_MAX}")
                fields.on_enter(self._input, self._scan_typed)
            fields.button("Scan", self._scan_typed)
            upload = ui.upload(
                on_upload=self._uploaded,
                on_rejected=lambda: self._complain("The picture is too large."),
                max_file_size=PICTURE_BYTES_MAX,
                auto_upload=True,
            )
            upload.props("accept=image/*").style("display: none")
            picture = Text("Picture…", "plain press", "button").props("type=button")
            picture.on("click", js_handler=f"() => getElement({upload.id}).$refs.qRef.pickFiles()")
            picture.tooltip("Hold a picture of a barcode or QR code to the scanner")
        self._error = Text("", "error-line", "div")
        self._shelf = box("shelf")

    def _complain(self, sentence: str) -> None:
        self._error.set_text(sentence)

    def _scan_typed(self) -> None:
        self._scan(self._input.value.strip())

    def _scan(self, code: str) -> None:
        if not code:
            self._complain("There is nothing to scan yet: type what the barcode says.")
        elif len(code) > SCAN_CHARACTERS_MAX or not (code.isascii() and code.isprintable()):
            self._complain(f"A scanner reads at most {SCAN_CHARACTERS_MAX} printable ASCII characters.")
        else:
            self._complain("")
            self._front.scan(code)

    async def _uploaded(self, event: UploadEventArguments) -> None:
        event.sender.reset()
        try:
            code = read_picture(await event.file.read())
        except PictureError as error:
            self._complain(str(error))
            return
        self._input.set_value(code)
        self._scan(code)

    async def _stock(self) -> None:
        """Draw the things to hold to the scanner, when they changed."""
        if self._desk.revision == self._seen_revision:
            return
        revision = self._desk.revision
        things = await self._work.call(self._things, self._desk)
        self._seen_revision = revision
        if things == self._shown:
            return
        self._shown = things
        self._shelf.clear()
        with self._shelf:
            for thing in things:
                tag = box("plain tag", "button").props("type=button")
                tag.props["aria-label"] = f"scan {thing.what} {thing.which}"
                tag.on("click", lambda _, code=thing.code: self._scan(code))
                with tag:
                    ui.html(qr_svg(thing.code), sanitize=False, tag="span")
                    with box("", "span"):
                        Text(thing.what, "what")
                        Text(thing.which, "which")

    def show(self, view: FrontView) -> None:
        """Update the switches, since another page may have changed them."""
        set_toggle(self._power, view.powered)
        set_toggle(self._network, view.networked)
