"""Runs on MicroPython in place of ``main.py``: the heap of each module, and the heap held while serving.

Started by ``bench/heap.py`` with the application's own ``main.py`` beside it as ``application.py``.  Prints
lines of JSON: ``["module", name, bytes]`` for the heap that stays after an import, ``["held", path, bytes]``
for the heap freed by dropping a part of the serving locker, ``["served", "", bytes]`` for the whole idle
locker.
"""
# mypy: ignore-errors
# (a program for MicroPython, where annotations would need modules that are not there)

import asyncio
import builtins
import gc
import json

SERVED_S = 3  # every task has begun, the display has been written
NAMES = 2_600  # interned first, so that no import has to enlarge the table of interned names
# Each name a text of its own: what is looked up by a text keeps its name (``firmware/names.py``).
HELD = (
    ("access", "_grants"), ("access", "_live"), ("access", "_windows"), ("access", "_parcels"),
    ("access", "_tokens"), ("access", "_folds"), ("access",), ("cabinet", "doors"), ("cabinet", "health"),
    ("cabinet",), ("session",), ("orders",), ("names",),
)  # fmt: skip


def taken():
    gc.collect()
    return gc.mem_alloc()


class Imports:
    """Measures every import: its heap without that of the imports inside it."""

    def __init__(self):
        self._import = builtins.__import__
        self._within = [0]

    def __call__(self, name, *rest):
        before = taken()
        self._within.append(0)
        module = self._import(name, *rest)
        grown = taken() - before
        own = grown - self._within.pop()
        self._within[-1] += grown
        if own > 100:  # smaller values are only the entry in the importing module
            print(json.dumps(["module", name, own]))
        return module


class Names:
    pass


def intern(count):
    names = Names()
    for i in range(count):
        setattr(names, "name{}".format(i), 0)


def drop(thing, path):
    """The bytes that are freed by dropping this."""
    for name in path[:-1]:
        thing = getattr(thing, name)
    getattr(thing, path[-1])  # AttributeError: no such attribute now, so this table is outdated
    before = taken()
    setattr(thing, path[-1], None)
    print(json.dumps(["held", ".".join(path), before - taken()]))


async def weigh(core):
    await asyncio.sleep(SERVED_S)
    print(json.dumps(["served", "", taken()]))
    for path in HELD:
        drop(core, path)
    print(json.dumps(["end", "", 0]))


def watch():
    """Measure the core of the locker once it serves."""
    from locker.core.core import Core

    make = Core.__init__

    def made(core, *args):
        make(core, *args)
        core.weighing = asyncio.create_task(weigh(core))

    Core.__init__ = made


intern(NAMES)
print(json.dumps(["begin", "", taken()]))
builtins.__import__ = Imports()
watch()
__import__("application")
