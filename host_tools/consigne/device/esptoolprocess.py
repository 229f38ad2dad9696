"""The jobs of one board, carried out by esptool in a process of its own.

esptool keeps its logger for the whole process, and a driver can hold a port in the kernel: with a process
for each board several go at once, and one that hangs harms no other.
"""

import multiprocessing
import os
import tempfile
import weakref
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, NamedTuple

from .esptooljob import Cause, Failure, Job, Outcome, Progress

_SPAWN = multiprocessing.get_context("spawn")  # a fork would share ports and threads of its parent


class _Started(NamedTuple):
    """A process that waits for jobs, and the file that takes what it prints."""

    process: SpawnProcess
    pipe: "Connection[Any, Any]"
    printed: Any

    def end(self) -> None:
        self.process.terminate()
        self.process.join()
        self.pipe.close()
        self.printed.close()


class EsptoolProcess:
    """Started with the first job, ended when nobody holds this any more: to import esptool takes a while."""

    def __init__(self) -> None:
        self._started: _Started | None = None
        self._end: weakref.finalize[..., EsptoolProcess] | None = None

    def __call__(self, job: Job, progress: Progress) -> Outcome:
        """Do it; ``progress(done, total)`` counts the bytes to write."""
        started = self._started or self._start()
        try:
            started.pipe.send(job)
            while True:
                said = started.pipe.recv()
                if isinstance(said, Outcome):
                    return said
                progress(*said)
        except (EOFError, BrokenPipeError):
            started.process.join()
            lines = Path(started.printed.name).read_text(errors="replace").split("\n")
            status = f"exit code {started.process.exitcode}"
            last = next((line for line in reversed(lines) if line.strip()), status)
            self._close()
            return Outcome(failure=Failure(Cause.REFUSED, f"its process ended: {last}"))
        except BaseException:  # nobody waits for the rest of the job
            self._close()
            raise

    def _start(self) -> _Started:
        ours, theirs = _SPAWN.Pipe()
        printed = tempfile.NamedTemporaryFile()  # noqa: SIM115 - for as long as the process
        process = _SPAWN.Process(target=_process, args=(theirs, printed.name), daemon=True)
        process.start()
        theirs.close()
        self._started = _Started(process, ours, printed)
        self._end = weakref.finalize(self, self._started.end)
        return self._started

    def _close(self) -> None:
        if self._end is not None:
            self._end()
        self._started = self._end = None


def _process(pipe: "Connection[Any, Any]", printed: str) -> None:
    """``printed`` takes what is printed all the same: esptool's resets warn past the logger that is set."""
    with open(printed, "wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    from .esptoolwork import Work  # in this process alone: every other command starts without esptool

    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):  # the command has ended, or was broken off
        while True:
            job: Job = pipe.recv()
            pipe.send(Work(job, lambda done, total: pipe.send((done, total))).outcome())
