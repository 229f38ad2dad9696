"""One customer after the other, without a pause: nobody waits for the flash to be erased."""

from pathlib import Path

from consigne.protocol import codes
from sim_kit import EPOCH_S, KEY, connected_locker

CODES = (
    "12121212",
    "21212121",
    "13131313",
    "31313131",
)  # one door flapping so fast is a fault
PICK_UPS = 110  # some three sectors of the journal
LATE_MS = 40  # 5 of bounce, 20 of debounce, the records; an erase would add 45


def test_the_relay_follows_the_last_key_although_the_dialog_never_rests(tmp_path: Path) -> None:
    locker, host = connected_locker(tmp_path)
    grants = [
        [1 + door, EPOCH_S - 60, EPOCH_S + 10**6, 4, 0, 0, door, 0, codes.listed_tag(KEY, code).hex(), ""]
        for door, code in enumerate(CODES)
    ]
    host.command("grants", **{"from": 0, "to": 1, "more": 0, "add": grants, "drop": [], "expect": []})
    locker.run_for(5)
    erased = sum(locker.flash.erases)
    for number in range(PICK_UPS):
        door = number % len(CODES)
        locker.run_for(locker.type(CODES[door] + "#", 10))
        locker.wait_for(lambda door=door: locker.doors[door].is_open)
        locker.run_for(1.5)
        locker.push_shut(door)
        locker.run_for(0.2)
    keys = [at for at, what, detail in locker.log if (what, detail) == ("key", "# down")]
    relays = [at for at, what, detail in locker.log if what == "relay" and detail.endswith(" on")]
    assert len(keys) == len(relays) == PICK_UPS
    assert sum(locker.flash.erases) - erased >= 2, "the journal did not even turn a page"
    worst_ms = max(relay - key for key, relay in zip(keys, relays, strict=True)) / 1000
    assert worst_ms < LATE_MS, f"{worst_ms:.1f} ms"
    locker.stop()
