"""Time: callbacks run when and in the order they should, on both clocks."""

import threading
import time

from consigne.sim.clock import VirtualClock
from consigne.sim.grounds.pacedclock import PacedClock


def test_callbacks_of_one_instant_run_in_the_order_they_were_asked_for() -> None:
    clock, ran = VirtualClock(), []
    for name in "abc":
        clock.call_at(500, ran.append, name)
    clock.call_at(100, ran.append, "first")
    clock.run_until(500)
    assert ran == ["first", "a", "b", "c"]


def test_a_cancelled_callback_never_runs_and_does_not_keep_the_clock_awake() -> None:
    clock, ran = VirtualClock(), []
    timer = clock.call_at(100, ran.append, "x")
    timer.cancel()
    assert clock.next_due_us() is None
    clock.run_for(1)
    assert ran == [] and not timer.pending


def test_time_stands_where_a_callback_was_due_while_it_runs() -> None:
    clock, seen = VirtualClock(), []
    clock.call_at(250, lambda: seen.append(clock.now_us()))
    clock.run_until(1000)
    assert seen == [250] and clock.now_us() == 1000


def test_work_that_takes_time_makes_what_falls_due_meanwhile_late_but_not_lost() -> None:
    clock, seen = VirtualClock(), []
    clock.call_at(100, lambda: clock.spend(300))
    clock.call_at(200, lambda: seen.append(clock.now_us()))
    clock.run_until(1000)
    assert seen == [400]


def test_a_call_posted_from_another_thread_wakes_the_paced_clock() -> None:
    clock = PacedClock()
    ran: list[str] = []
    thread = threading.Thread(target=lambda: clock.post(lambda: ran.append(threading.current_thread().name)))
    thread.start()
    thread.join()
    assert clock.run_due() is None
    assert ran == [threading.current_thread().name]
    clock.close()


def test_the_paced_clock_runs_everything_when_it_was_due_however_late_it_is_asked() -> None:
    clock, ran = PacedClock(), []
    asked_us = clock.now_us()
    for after_us in (20_000, 21_000, 40_000):
        clock.call_at(asked_us + after_us, lambda: ran.append(clock.now_us() - asked_us))
    while (wait_us := clock.run_due()) is not None:
        time.sleep(wait_us / 1e6 + 0.005)
    assert ran == [20_000, 21_000, 40_000]
    clock.close()
