"""The virtual ground's asyncio does what MicroPython's does: the same programs print the same."""

from pathlib import Path

import pytest
from sim_kit import play

PROGRAMS = {
    "tasks take turns and sleepers wake in order": """
async def worker(name, ms):
    for n in range(3):
        print(name, n)
        await asyncio.sleep_ms(ms)
    return name
async def main():
    tasks = [asyncio.create_task(worker(name, ms)) for name, ms in (("a", 30), ("b", 70), ("c", 0))]
    for task in tasks:
        print(await task, task.done())
""",
    "a cancelled task sees it where it waits, and its finally runs": """
async def inner():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        print("inner cancelled")
        raise
    finally:
        print("inner cleaned up")
async def outer():
    try:
        await asyncio.create_task(inner())
    finally:
        print("outer cleaned up")
async def main():
    task = asyncio.create_task(outer())
    await asyncio.sleep_ms(20)
    print(task.cancel(), task.done())
    try:
        await task
    except asyncio.CancelledError:
        print("seen", task.done(), task.cancel())
    print(isinstance(asyncio.CancelledError(), Exception))
""",
    "a task may refuse to be cancelled": """
async def stubborn():
    for _ in range(2):
        try:
            await asyncio.sleep_ms(100)
        except asyncio.CancelledError:
            print("no")
    return "finished"
async def main():
    task = asyncio.create_task(stubborn())
    await asyncio.sleep_ms(10)
    task.cancel()
    print(await task)
    try:
        asyncio.current_task().cancel()
    except RuntimeError:
        print("cannot cancel itself")
""",
    "timeouts": """
async def slow(ms, value):
    try:
        await asyncio.sleep_ms(ms)
        return value
    except asyncio.CancelledError:
        print("gave up", value)
        raise
async def main():
    print(await asyncio.wait_for(slow(10, "quick"), 1))
    print(await asyncio.wait_for(slow(10, "no limit"), None))
    for limited in (asyncio.wait_for(slow(500, "a"), 0.05), asyncio.wait_for_ms(slow(500, "b"), 50)):
        try:
            await limited
        except asyncio.TimeoutError:
            print("time is up")
    task = asyncio.create_task(asyncio.wait_for(slow(500, "c"), 5))
    await asyncio.sleep_ms(20)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("the waiter was cancelled")
    await asyncio.sleep_ms(20)
    event = asyncio.Event()
    try:
        await asyncio.wait_for_ms(event.wait(), 20)
    except asyncio.TimeoutError:
        print("no event")
    event.set()
    print(await asyncio.wait_for_ms(event.wait(), 20))
""",
    "whoever waits wakes once, also when it is woken and its time is up": """
turns = []
async def waiter(event):
    try:
        await asyncio.wait_for_ms(event.wait(), 40)
        turns.append("event")
    except asyncio.TimeoutError:
        turns.append("timeout")
    for turn in range(4):
        await asyncio.sleep_ms(30)
        turns.append(turn)
async def main():
    event = asyncio.Event()
    task = asyncio.create_task(waiter(event))
    await asyncio.sleep_ms(20)
    event.set()
    time.sleep_ms(60)
    await asyncio.sleep_ms(0)
    before = time.ticks_ms()
    await task
    print(turns, time.ticks_diff(time.ticks_ms(), before) >= 115)
""",
    "an error comes out where the task is awaited": """
async def fails():
    await asyncio.sleep_ms(5)
    raise ValueError("broken")
async def main():
    task = asyncio.create_task(fails())
    try:
        await task
    except ValueError as error:
        print("awaited", error)
    try:
        await asyncio.wait_for(fails(), 1)
    except ValueError as error:
        print("in time", error)
    def handler(loop, context):
        print("handler", context["exception"])
    asyncio.get_event_loop().set_exception_handler(handler)
    lost = asyncio.create_task(fails())
    await asyncio.sleep_ms(50)
    print(lost.done())
""",
    "gather": """
async def job(ms, value):
    await asyncio.sleep_ms(ms)
    if value < 0:
        raise ValueError(value)
    print("job", value)
    return value
async def main():
    print(await asyncio.gather(job(30, 1), job(10, 2)))
    print([type(x).__name__ for x in await asyncio.gather(job(10, -1), job(20, 3), return_exceptions=True)])
    try:
        await asyncio.gather(job(10, -2), job(40, 4))
    except ValueError as error:
        print("failed", error)
    await asyncio.sleep_ms(60)
    task = asyncio.create_task(asyncio.gather(job(30, 5), job(30, 6)))
    await asyncio.sleep_ms(5)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("gathering cancelled")
    await asyncio.sleep_ms(60)
""",
    "events wake everybody, flags one, locks in turn": """
async def waiter(name, thing):
    await thing.wait()
    print(name, "woke")
async def holder(name, lock):
    async with lock:
        print(name, "holds")
        await asyncio.sleep_ms(10)
async def main():
    event, flag, lock = asyncio.Event(), asyncio.ThreadSafeFlag(), asyncio.Lock()
    tasks = [asyncio.create_task(waiter(name, event)) for name in "ab"]
    await asyncio.sleep_ms(5)
    print(event.is_set()); event.set(); event.clear()
    await asyncio.sleep_ms(5)
    flag.set(); flag.set()
    await flag.wait()
    task = asyncio.create_task(waiter("flag", flag))
    await asyncio.sleep_ms(20)
    print(task.done()); flag.set()
    await asyncio.sleep_ms(20)
    print(task.done()); flag.set(); flag.clear()
    tasks = [asyncio.create_task(holder(name, lock)) for name in "xyz"]
    await asyncio.sleep_ms(5)
    print(lock.locked()); tasks[1].cancel()
    await asyncio.sleep_ms(60)
    print(lock.locked(), [task.done() for task in tasks])
    try:
        lock.release()
    except RuntimeError:
        print("nobody holds it")
""",
    "a new event loop forgets everything": """
async def forgotten():
    await asyncio.sleep_ms(1)
    print("must not run")
async def main():
    print(asyncio.current_task() is not None)
asyncio.create_task(forgotten())
asyncio.new_event_loop()
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_asyncio_on_both_grounds(tmp_path: Path, name: str) -> None:
    text = "import asyncio, time\n" + PROGRAMS[name] + 'asyncio.run(main())\nprint("done")\n'
    virtual, real = (play(tmp_path, ground, text) for ground in ("virtual", "micropython"))
    assert virtual == real
    assert len(real) >= 1


def test_what_asyncio_has_not_on_a_device_it_has_not_under_virtual_time(tmp_path: Path) -> None:
    text = "import asyncio\nprint(sorted(n for n in dir(asyncio) if n[0] != '_'))\nprint('done')"
    virtual = set(eval(play(tmp_path, "virtual", text)[0]))
    real = set(eval(play(tmp_path, "micropython", text)[0]))
    lazily_imported = {"Event", "Lock", "ThreadSafeFlag", "wait_for", "wait_for_ms", "gather", "StreamReader"}
    lazily_imported |= {"StreamWriter", "open_connection", "Loop"}
    assert virtual - real <= lazily_imported
