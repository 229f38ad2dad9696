"""Orders and codes of the host at a real locker: the firmware on its own interpreter carries them out."""

import time

from consigne.demo.headless import HAND_S
from consigne.demo.stage import Stage
from consigne.sim import reference
from server_kit import go, until

LOCKER = reference.LOCKER
ORDERS = {
    "block": lambda orders: orders.block(LOCKER, 3, "Ada"),
    "release": lambda orders: orders.release(LOCKER, 3, "Ada"),
    "reserve": lambda orders: orders.reserve(LOCKER, 4, "RR123456785FR", 24, "Ada"),
    "configure": lambda orders: orders.configure(LOCKER, {"language": "fr", "name": "Gare"}, "Ada"),
    "message": lambda orders: orders.message(LOCKER, {"fr": "Fermé lundi|réparation"}, 24, "Ada"),
    "identify": lambda orders: orders.identify(LOCKER, 1, "Ada"),
    "again": lambda orders: orders.again(LOCKER, 1, "Ada"),
    "revoke": lambda orders: orders.revoke_holder(LOCKER, 1, 1, reference.COURIER_HOLDER, "Ada"),
    "open": lambda orders: orders.open(LOCKER, 2, "Ada"),
    "reboot": lambda orders: orders.reboot(LOCKER, "Ada"),
}


def told(host, kind):
    return [row.data for row in host.fleet.events(LOCKER, limit=1_000) if row.kind == kind]


async def knows_the_time(host):
    await until(lambda: host.fleet.locker(LOCKER).trust == 1)


async def type_code(stage, digits):
    """Type a code and wait until the locker has told what it makes of it."""
    before = len(told(stage.host, "attempt"))
    stage.locker.type(digits + "#")
    await until(lambda: len(told(stage.host, "attempt")) > before)


def test_every_order_a_person_can_give_is_carried_out_and_answered():
    async def run():
        async with Stage() as stage:
            host = stage.host
            await knows_the_time(host)
            for name, order in ORDERS.items():
                command = order(host.orders)
                host.kick()
                began_s = time.monotonic()
                await until(lambda id_=command: host.orders.get(LOCKER, id_).answered_at)
                took_s = time.monotonic() - began_s
                print(f"{name}: {host.orders.get(LOCKER, command).answer} after {took_s:.2f} s")
                assert host.orders.get(LOCKER, command).answer == "done", name
            await until(lambda: len(told(host, "boot")) == 2)
            assert [one["door"] for one in told(host, "opened")] == [2]

    go(run)


def test_a_residents_standing_code_opens_and_a_couriers_new_one_once_the_old_one_leaked():
    async def run():
        async with Stage() as stage:
            host = stage.host
            await knows_the_time(host)
            courier = {"role": 1, "action": 1, "holder": reference.COURIER_HOLDER}
            old = host.passes.window_code(LOCKER, **courier).code
            command = host.orders.revoke_holder(LOCKER, by="Ada", **courier)
            host.kick()
            await until(lambda: host.orders.get(LOCKER, command).state == "done")
            await type_code(stage, old)
            await until(lambda: told(host, "refused"))
            resident = {"role": 4, "action": 0, "holder": 0, "door": 1, "uses": 0, "days": 9}
            made = host.passes.standing(LOCKER, by="Ada", **resident)
            host.kick()
            await until(
                lambda: host.fleet.locker(LOCKER).grants.are_there,
            )
            await type_code(stage, made.code)
            await until(lambda: [one["door"] for one in told(host, "opened")] == [1])
            clock = stage.locker.clock
            enough_us = clock.now_us() + HAND_S * 1e6
            await until(lambda: clock.now_us() >= enough_us)
            stage.locker.push_shut(1)
            await until(lambda: told(host, "closed"))
            await type_code(stage, host.passes.window_code(LOCKER, **courier).code)
            await until(lambda: [one["role"] for one in told(host, "accepted")] == [4, 1])

    go(run)
