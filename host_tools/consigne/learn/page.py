"""A page on which a person is the technician: simulated doors open, and the person clicks on them.

The wizard runs in a thread of its own and waits there for answers; meanwhile the simulated cabinet's time
stops.
"""

import queue
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from consigne.cabinet.compiler import open_cabinet
from consigne.cabinet.draw.front import Cell, cells
from consigne.cabinet.schema import HEIGHTS_CM
from consigne.commandline.listening import listen
from consigne.server.complaints import restrain
from consigne.ui.components import Text, box, button, dress, set_class
from consigne.words import counted

from .ground import UnknownCabinet
from .learned import Progress
from .run import Learning, NoHardwareFound, simulated
from .wizard import AGAIN, BACK, NONE, STOP, TWO, Stopped

_CM_PX = 3.4
_COLUMN_PX = 96
_LOOK_S = 0.1
YES, NO = "yes", "no"
_SAID_MAX = 8

STYLE = """
.learn-front { position: relative; background: #c9ced1; border-radius: 10px; margin: 0 auto; }
.learn-door { position: absolute; border-radius: 5px; background: #f6f4ee; border: 1px solid #97a3a8;
  font-weight: 600; cursor: pointer; transition: transform .25s, box-shadow .25s; transform-origin: left; }
.learn-door.open { background: #fdf0e1; border-color: #c96c1c; transform: perspective(260px) rotateY(-32deg);
  box-shadow: 10px 4px 12px rgba(13, 42, 50, .35); }
.learn-door.named { color: #2f9e73; }
.learn-said { color: var(--ink-soft); margin-top: 14px; }
.learn-words { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 14px; }
"""


@dataclass(frozen=True)
class Question:
    """``answers`` are (value, text of its button); with ``wants_door`` a click on a door is an answer too."""

    text: str
    answers: tuple[tuple[str, str], ...]
    wants_door: bool = False


class PageTechnician:
    """Asks the person at the page (``wizard.Technician``); called from the wizard's thread."""

    def __init__(self, site: UnknownCabinet) -> None:
        self.question: Question | None = None
        self.said: list[str] = []
        self._site = site
        self._answers: queue.Queue[str] = queue.Queue()

    def answer(self, value: str) -> None:
        """Called by the page; an answer without a question is dropped, not kept for the next one."""
        question, self.question = self.question, None
        if question is not None:
            self._answers.put(value)

    def _ask(self, text: str, *answers: tuple[str, str], wants_door: bool = False) -> str:
        self.question = Question(text, answers, wants_door)
        return self._answers.get()

    def which_opened(self, place: str, note: str) -> str:
        words = (
            (NONE, "no door opened"), (TWO, "several did"), (AGAIN, "open it again"),
            (BACK, "my answer before was wrong"), (STOP, "stop"),
        )  # fmt: skip
        text = f"{place}: click the door that just opened." + (f" ({note})" if note else "")
        return self._ask(text, *words, wants_door=True)

    def number_before(self, place: str, number: str) -> str:
        text = f"{place}: you clicked {number}. Click the right door."
        return self._ask(text, ("", "open it again later"), wants_door=True)

    def is_earlier_wrong(self, number: str, place: str) -> bool:
        text = f"{number} was the door of {place} already. Was that wrong?"
        return self._ask(text, (YES, "yes"), (NO, "no, this one is")) == YES

    def unnamed(self, where: str) -> str:
        text = f"{where}: does a door stand open that you were not asked for? Click it."
        return self._ask(text, ("", "no"), wants_door=True)

    def please(self, text: str) -> bool:
        if self._ask(text, (YES, "shut the doors"), (STOP, "stop")) == STOP:
            return False
        self._site.shut_doors()
        return True

    def tell(self, text: str) -> None:
        self.said = [*self.said, text][-_SAID_MAX:]


class LearnPage:
    """One simulated cabinet, its wizard, and the page on which it asks."""

    def __init__(self, sim: Path, out: Path, progress: Progress, addresses_max: int, with_pins: bool) -> None:
        self.cells = cells(open_cabinet(sim).compartments)
        self.site = UnknownCabinet(simulated(sim), psram=open_cabinet(sim).psram)
        self.technician = PageTechnician(self.site)
        self.progress = progress
        self.done = False
        self._out = out
        self._settings = addresses_max, with_pins
        self._thread = threading.Thread(target=self._learn, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Stop asking; the learned data is kept."""
        while self._thread.is_alive():
            self.technician.answer(STOP)
            self._thread.join(_LOOK_S)

    def _learn(self) -> None:
        tell = self.technician.tell
        learning = Learning.over_console(self.progress, self.site.console, tell)
        try:
            learning.find(self.technician, *self._settings)
            learning.ask(self.technician)
            wrong = learning.prove(self.technician)
            for text in [*self.progress.troubles(), *wrong]:
                tell(text)
            learning.write(self._out)
        except Stopped:
            learned = counted(len(self.progress.numbered), "door")
            tell(f"{learned} learned so far, kept in {self.progress.file}")
        except (OSError, ValueError, NoHardwareFound) as error:
            tell(str(error))
        else:
            tell(f"{self._out} is written: {counted(len(self.progress.doors()), 'door')}")
        self.done = True

    # --- the page ------------------------------------------------------------------------------------
    def build(self) -> None:
        ui.add_css(STYLE)
        dress("the wizard, before a cabinet that it does not know")
        with box("stage"):
            doors = self._front()
            with box("card"):
                Text("What is asked", "card-title", "h2")
                panel = box()
        shown: list[object] = []

        def look() -> None:
            """Draw again what has changed."""
            open_doors = self.site.open_doors()
            named = {entry.number for entry in self.progress.numbered}
            for cell in self.cells:
                set_class(doors[cell.number], "open", cell.number in open_doors)
                set_class(doors[cell.number], "named", cell.number in named)
            now = [self.technician.question, self.technician.said, self.progress.opens, self.done]
            if now != shown:
                shown[:] = now
                panel.clear()
                with panel:
                    self._panel()

        ui.timer(_LOOK_S, look)

    def _front(self) -> dict[str, ui.element]:
        """The doors by number."""
        high = max(cell.top for cell in self.cells)
        low = min(cell.bottom for cell in self.cells)
        width = max(cell.column for cell in self.cells) * _COLUMN_PX
        front = box("learn-front").style(f"width: {width}px; height: {(high - low) * _CM_PX:g}px")
        with front:
            return {cell.number: self._door(cell, high) for cell in self.cells}

    def _door(self, cell: Cell, high: float) -> ui.element:
        place = (
            f"left: {(cell.column - 1) * _COLUMN_PX}px; top: {(high - cell.top) * _CM_PX:g}px; "
            f"width: {_COLUMN_PX}px; height: {HEIGHTS_CM[cell.size] * _CM_PX:g}px"
        )
        door = button(cell.number, lambda: self._clicked(cell.number), "learn-door", f"door {cell.number}")
        return door.style(place)

    def _clicked(self, number: str) -> None:
        question = self.technician.question
        if question is not None and question.wants_door:
            self.technician.answer(number)

    def _panel(self) -> None:
        question = self.technician.question
        if question is not None:
            Text(question.text, tag="p")
            with box("learn-words"):
                for value, words in question.answers:
                    button(words, lambda value=value: self.technician.answer(value))
        learned = counted(len(self.progress.numbered), "door")
        Text(f"{learned} learned, {counted(self.progress.opens, 'opening')}", "learn-said", "p")
        for text in self.technician.said:
            Text(text, "learn-said", "p")


def serve(sim: Path, out: Path, progress: Progress, addresses_max: int, with_pins: bool, port: int) -> None:
    """Show the page until it is interrupted."""
    page = LearnPage(sim, out, progress, addresses_max, with_pins)
    app = FastAPI()
    ui.page("/", title="Consigne: learning")(page.build)
    ui.run_with(app, title="Consigne", tailwind=False, show_welcome_message=False)
    with suppress(KeyboardInterrupt), listen(port, "--web-port") as listening:
        print(f"Consigne: http://127.0.0.1:{listening.getsockname()[1]}/   (Ctrl+C ends it)", flush=True)
        page.start()
        try:
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
            restrain()
            server.run([listening])
        finally:
            page.end()
