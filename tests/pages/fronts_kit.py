"""Pages that show the fronts of cabinet files and nothing behind: ``python fronts_kit.py PORT FILE ..``."""

import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from consigne.cabinet.compiler import compile_cabinet, open_cabinet
from consigne.cabinet.draw.front import places
from consigne.demo.front import plates, terminal
from consigne.demo.pages.cabinet import CabinetView, keep_drawn
from consigne.demo.pages.front import DoorView, FrontView
from consigne.demo.pages.tray import Tray
from consigne.server.pages.work import Work
from consigne.server.threads import Threads
from consigne.ui.components import box, dress
from fastapi import FastAPI
from nicegui import ui

LINES = ("Type your code, then", "#  or scan it       ")
WORDS = ("Traceback (most recent call last):", "MemoryError: memory allocation failed, allocating 1280 bytes")


class StillFront:
    """A front that hands can act on: doors open and shut, and the power goes; no firmware."""

    def __init__(self, file: Path, last_words: tuple[str, ...] = ()) -> None:
        cabinet = open_cabinet(file)
        config, _ = compile_cabinet(cabinet)
        where = places(cabinet)
        self.plates = plates(where, [door["size"] for door in config["doors"]])
        self.terminal = terminal(where)
        self.keys = config["keypad"].get("keys", "123456789*0#")
        self.columns, self.rows, self.key_period_s = 20, 4, 0.2
        self._last_words = last_words
        self._open = [False] * len(self.plates)
        self._powered = True
        self._pressed = ""

    def view(self) -> FrontView:
        lines = (*LINES, self._pressed[-20:].ljust(20), " " * 20)
        doors = tuple(DoorView(is_open, False, False) for is_open in self._open)
        return FrontView(
            self._powered, True, True, lines, (), True, False, 0, doors, self._last_words * self._powered
        )

    def press(self, key: str) -> None:
        self._pressed += key

    def type_code(self, digits: str) -> None:
        pass

    def scan(self, text: str) -> None:
        pass

    def push_shut(self, door: int) -> None:
        self._open[door] = False

    def pry(self, door: int) -> None:
        self._open[door] = True

    def move_parcel(self, door: int) -> None:
        pass

    def set_power(self, on: bool) -> None:
        self._powered = on

    def set_network(self, on: bool) -> None:
        pass


class NoNews:
    """A desk on which nothing happens."""

    revision = 0


def add_page(path: str, front: StillFront) -> None:
    """The left half of the demo's page, at a path."""

    def page() -> None:
        dress("")
        with box("stage"):
            with box("grow"):
                desk: Any = NoNews()
                work = Work(Threads("pages", 1, 1))
                keep_drawn(front, (CabinetView(front), Tray(work, front, desk, lambda _: [])))
            box("card")

    ui.page(path)(page)


def main(port: int, files: list[Path]) -> None:
    """A page for each file at ``/NAME``; at ``/ended`` the first one with a firmware that has ended."""
    app = FastAPI()
    for file in files:
        add_page(f"/{file.stem}", StillFront(file))
    add_page("/ended", StillFront(files[0], WORDS))
    ui.run_with(app, tailwind=False, show_welcome_message=False)
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen()
    print("listening", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run([listening])


if __name__ == "__main__":
    main(int(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
