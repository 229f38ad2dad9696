"""The demo in a browser: the cabinet and, beside it, the operator's view."""

import asyncio
import contextlib
import socket
import sys
import webbrowser
from pathlib import Path
from typing import TextIO

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from consigne.commandline.tell import echo
from consigne.server.api import create_app
from consigne.server.complaints import restrain
from consigne.server.pages.desk import Desk
from consigne.server.pages.operator import OperatorView
from consigne.server.pages.ticket import Hands
from consigne.server.pages.work import RESPONSE_S, Work
from consigne.sim import reference
from consigne.sim.locker import Line, SimLocker
from consigne.ui.components import box, dress

from .front import LockerFront
from .pages.cabinet import CabinetView, keep_drawn
from .pages.tray import Thing, Tray
from .stage import Stage

THINGS_MAX = 6
SWITCH_S = 0.0005
"""How long a thread may keep the interpreter (switch interval).  The board's thread answers the firmware some
hundred times per key, while another thread serves the page.  Measured from a key's contact to its tone, with
somebody clicking, on two busy cores: 23 ms (90 %: 30 ms, worst 59 ms), of which 20 ms debounce; with the
usual 5 ms 90 %: 34 ms, worst 75 ms.  So the cabinet needs no separate process."""
RECONNECT_S = 10.0
"""How long a page may be without its connection before it is loaded anew.  With NiceGUI's 3 s, and 2 s for
the answer to a ping, a computer busy with cabinet, host and browser would do so amid an errand."""
ABOUT = "a parcel locker on your desk: real firmware, simulated steel"


def things_at_hand(desk: Desk) -> list[Thing]:
    """The things in the tray: labels of expected parcels, QR codes of those inside."""
    things = []
    for ticket in desk.tickets():
        if ticket.state == "announced":
            things.append(Thing("label", ticket.parcel, ticket.parcel))
        elif ticket.digits:
            things.append(Thing("pick-up QR", ticket.parcel, ticket.digits))
    return things[:THINGS_MAX]


def add_pages(app: FastAPI, stage: Stage) -> None:
    """Put the demo's page at ``/`` of the host's application."""
    front = LockerFront(stage.locker)
    desk = Desk(stage.host, reference.LOCKER, reference.COURIER_HOLDER)
    hands = Hands(front.type_code, front.scan)

    async def demo() -> None:
        work = Work(stage.host.page_threads)
        dress(ABOUT, (("HTTP API", "/docs"),))
        with box("stage"):
            with box("grow"):
                keep_drawn(front, (CabinetView(front), Tray(work, front, desk, things_at_hand)))
            view = OperatorView(work, desk, hands)
        await work.look(view.refresh)()

    ui.page("/", title="Consigne", response_timeout=RESPONSE_S)(demo)
    ui.run_with(
        app, title="Consigne", tailwind=False, show_welcome_message=False, reconnect_timeout=RECONNECT_S
    )


async def serve(
    listening: socket.socket, open_browser: bool, keep: Path | None, log: TextIO | None, always_open: bool
) -> None:
    """Start the demo, show it until interrupted, stop it."""
    async with Stage(keep, log, always_open) as stage:
        stage.locker.listeners.append(lambda line: _complain(stage.locker, line))
        app = create_app(stage.host)
        add_pages(app, stage)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        print(f"Consigne: {address}   (Ctrl+C ends it)", flush=True)
        if open_browser:
            webbrowser.open(address)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        restrain()
        await server.serve([listening])


def _complain(locker: SimLocker, line: Line) -> None:
    """Print it in the terminal too when the firmware ends."""
    if line[1] in ("ended", "failure"):
        echo(f"consigne: the firmware ended: {locker.last_words[-1]}", err=True)


def run(
    listening: socket.socket,
    *,
    open_browser: bool,
    keep: Path | None,
    log: Path | None,
    always_open: bool = False,
) -> None:
    """The body of ``consigne demo``; its page is served on the listening socket."""
    sys.setswitchinterval(SWITCH_S)
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        stack.enter_context(listening)
        lines = stack.enter_context(log.open("w", buffering=1, encoding="utf-8")) if log is not None else None
        asyncio.run(serve(listening, open_browser, keep, lines, always_open))
