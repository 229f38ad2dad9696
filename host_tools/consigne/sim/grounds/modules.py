"""The modules a device has, made for one virtual interpreter.

Each function returns a module bound to one ground's clock, directory and seed.  What is not
listed here, and is not in ``SHARED``, a device does not have: importing it raises ImportError.
"""

import builtins
import os
import random
import ssl
import sys
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .heap import Heap

PERIOD = 1 << 30  # of ticks_ms and ticks_us on a 32-bit port
TICKS_START_MS = PERIOD - 20_000  # so that in every run the ticks wrap after 20 s
EPOCH_2000_S = 946_684_800  # an ESP32 without a clock chip wakes up on 2000-01-01

SHARED = "array binascii cmath collections errno hashlib heapq io json math platform re select struct".split()


def module(name: str, **members: Any) -> types.ModuleType:
    made = types.ModuleType(name)
    made.__dict__.update(members)
    return made


def ticks_diff(a: int, b: int) -> int:
    """Signed distance on the ring of ticks."""
    return ((a - b + PERIOD // 2) & (PERIOD - 1)) - PERIOD // 2


def ticks_add(ticks: int, delta: int) -> int:
    if not -PERIOD // 2 < delta < PERIOD // 2:
        raise OverflowError("ticks interval overflow")
    return (ticks + delta) & (PERIOD - 1)


def time_module(
    now_us: Callable[[], int], spend: Callable[[int], None], sleep_us: Callable[[int], None]
) -> types.ModuleType:
    """``time`` since this start of the chip.  Reading it takes a microsecond, so that no loop hangs."""
    start_us = now_us()

    def since_us() -> int:
        spend(1)
        return now_us() - start_us

    def gmtime(seconds: int | None = None) -> tuple[int, ...]:
        at_s = seconds if seconds is not None else since_us() // 1_000_000
        parts = time.gmtime(at_s + EPOCH_2000_S)
        return (*parts[:6], parts.tm_wday, parts.tm_yday)

    def mktime(parts: tuple[int, ...]) -> int:
        import calendar

        return calendar.timegm((*parts[:6], 0, 0, 0)) - EPOCH_2000_S

    return module(
        "time",
        ticks_ms=lambda: (since_us() // 1000 + TICKS_START_MS) & (PERIOD - 1),
        ticks_us=lambda: (since_us() + TICKS_START_MS * 1000) & (PERIOD - 1),
        ticks_cpu=lambda: since_us() & (PERIOD - 1),
        ticks_diff=ticks_diff,
        ticks_add=ticks_add,
        time=lambda: since_us() // 1_000_000,
        time_ns=lambda: since_us() * 1000,
        sleep=lambda seconds: sleep_us(round(seconds * 1_000_000)),
        sleep_ms=lambda duration_ms: sleep_us(duration_ms * 1000),
        sleep_us=sleep_us,
        gmtime=gmtime,
        localtime=gmtime,
        mktime=mktime,
    )


class TlsContext:
    """``tls.SSLContext`` where no network speaks TLS: certificates can be loaded, connections not be made."""

    verify_mode = 2  # CERT_REQUIRED
    verify_callback: Callable[[memoryview, int], int] | None = None

    def __init__(self, protocol: int) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def load_verify_locations(self, cadata: bytes) -> None:
        try:
            self._context.load_verify_locations(cadata=cadata)
        except (ssl.SSLError, ValueError):
            raise ValueError("invalid cert") from None


def tls_module() -> types.ModuleType:
    return module("tls", SSLContext=TlsContext, PROTOCOL_TLS_CLIENT=0, CERT_REQUIRED=2)


def random_module(generator: random.Random) -> types.ModuleType:
    return module(
        "random",
        getrandbits=generator.getrandbits,
        randrange=generator.randrange,
        randint=generator.randint,
        choice=generator.choice,
        random=generator.random,
        uniform=generator.uniform,
        seed=generator.seed,
    )


def rooted_open(directory: Path) -> Callable[..., Any]:
    """``open`` that sees the device's directory as the root of the file system."""

    def open_file(name: str, mode: str = "r", encoding: str = "utf-8") -> Any:
        binary = "b" in mode
        return builtins.open(_inside(directory, name), mode, encoding=None if binary else encoding)

    return open_file


def _inside(directory: Path, name: str) -> Path:
    path = (directory / name.lstrip("/")).resolve()
    if not path.is_relative_to(directory.resolve()):
        raise OSError(2, name)
    return path


def os_module(directory: Path, generator: random.Random) -> types.ModuleType:
    """``os`` on the device's directory; ``urandom`` draws from the run's seed."""
    return module(
        "os",
        urandom=generator.randbytes,
        stat=lambda name: tuple(os.stat(_inside(directory, name))),
        listdir=lambda name="": os.listdir(_inside(directory, name)),
        remove=lambda name: os.remove(_inside(directory, name)),
        rename=lambda old, new: os.replace(_inside(directory, old), _inside(directory, new)),
        mkdir=lambda name: os.mkdir(_inside(directory, name)),
        rmdir=lambda name: os.rmdir(_inside(directory, name)),
        statvfs=lambda name: tuple(os.statvfs(_inside(directory, name)))[:10],
        getcwd=lambda: "/",
        sep="/",
    )


def sys_module(
    modules: dict[str, types.ModuleType], write: Callable[[str], None], stdin: Any
) -> types.ModuleType:
    """``sys``; it says truly that this is CPython.  ``stdin`` is for ``asyncio`` to read from."""

    def print_exception(error: BaseException, file: Any = None) -> None:
        text = "".join(traceback.format_exception(error))
        if file is None:
            write(text)
        else:
            file.write(text)

    def leave(status: Any = 0) -> None:
        raise SystemExit(status)

    return module(
        "sys",
        modules=modules,
        path=[""],
        platform=sys.platform,
        implementation=sys.implementation,
        version=sys.version,
        byteorder=sys.byteorder,
        maxsize=sys.maxsize,
        print_exception=print_exception,
        stdin=stdin,
        stdout=types.SimpleNamespace(write=write),
        exit=leave,
    )


def gc_module(heap: Heap) -> types.ModuleType:
    """``gc`` of the estimated heap."""
    return module(
        "gc",
        collect=heap.collect,
        mem_alloc=heap.mem_alloc,
        mem_free=heap.mem_free,
        enable=lambda: None,
        disable=lambda: None,
        threshold=lambda *_: -1,
    )


def socket_module() -> types.ModuleType:
    """Addresses only: connections come from ``asyncio.open_connection``, datagrams go nowhere."""

    def getaddrinfo(host: str, port: int, *_: Any) -> list[Any]:
        return [(2, 1, 0, "", (host, port))]

    class Socket:
        """A datagram socket on a network that has no name server: what is sent is lost."""

        def __init__(self, family: int = 2, kind: int = 1) -> None:
            if kind != 2:
                raise OSError(97, "streams come from asyncio.open_connection")

        def setblocking(self, flag: bool) -> None:
            if flag:
                raise OSError(95, "a blocking socket would stop the virtual clock")

        def connect(self, address: tuple[str, int]) -> None:
            """Accepts any address: nobody is there."""

        def send(self, data: bytes) -> int:
            return len(data)

        def recv(self, count: int) -> bytes:
            raise OSError(11, "nothing has come")

        def close(self) -> None:
            """Nothing to close."""

    return module("socket", socket=Socket, getaddrinfo=getaddrinfo, AF_INET=2, SOCK_STREAM=1, SOCK_DGRAM=2)


def micropython_module(schedule: Callable[[Callable[[Any], Any], Any], None]) -> types.ModuleType:
    return module(
        "micropython",
        const=lambda value: value,
        native=lambda function: function,
        viper=lambda function: function,
        schedule=schedule,
        alloc_emergency_exception_buf=lambda size: None,
        opt_level=lambda level=0: 0,
    )
