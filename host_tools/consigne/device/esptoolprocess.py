"""A job of esptool carried out in a process of its own.

esptool has one logger per process, and a driver can block a port in the kernel: with a process for each board
several boards can be done at once, and one that hangs does not disturb the others.
"""

import multiprocessing
import os
import tempfile
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from .esptooljob import Cause, Failure, Job, Outcome, Progress

_SPAWN = multiprocessing.get_context("spawn")  # a fork would share ports and threads of its parent


def carry_out(job: Job, progress: Progress) -> Outcome:
    """Do it in a process of its own; ``progress(done, total)`` counts the bytes to write."""
    ours, theirs = _SPAWN.Pipe()
    with tempfile.NamedTemporaryFile() as printed:
        process = _SPAWN.Process(target=_process, args=(theirs, job, printed.name), daemon=True)
        process.start()
        theirs.close()
        try:
            while True:
                said = ours.recv()
                if isinstance(said, Outcome):
                    return said
                progress(*said)
        except EOFError:
            process.join()
            lines = Path(printed.name).read_text(errors="replace").split("\n")
            last = next((line for line in reversed(lines) if line.strip()), f"exit code {process.exitcode}")
            return Outcome(failure=Failure(Cause.REFUSED, f"its process ended: {last}"))
        finally:
            process.terminate()
            process.join()
            ours.close()


def _process(pipe: Connection, job: Job, printed: str) -> None:
    """``printed`` takes the remaining output: esptool's resets print warnings that bypass the logger."""
    with open(printed, "wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    from .esptoolwork import Work  # only here: other commands start without esptool

    with suppress(BrokenPipeError, KeyboardInterrupt):  # the parent process has ended
        pipe.send(Work(job, lambda done, total: pipe.send((done, total))).outcome())
