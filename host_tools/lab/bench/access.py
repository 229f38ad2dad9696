"""The cost of deciding a code, the memory of a grant, and the success of guessing."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from pathlib import Path

from consigne import firmware_dir
from consigne.sim.grounds.process import interpreter

from lab import attack

from .machine import undisturbed

GOALS = {
    "access.check_vs_hmac_10": "<= 6",
    "access.check_vs_hmac_1000": "<= 6",
    "access.check_1000_vs_10": "<= 1.3",
    "access.check_hmacs": "<= 6",
    "access.grant_bytes": "<= 160",
    "access.guess_probability_day": "<= 1e-4",
    "access.guess_probability_day_insider": "<= 1e-4",
    "access.free_tries_after_1000_power_cuts": "== 0",
    "access.honest_refused_during_attack": "== 0",
}

SEEDS = (1, 2, 3)
"""Each strategy of the attacker is run with each of these."""

POWER_CUTS = 1000


def run() -> dict[str, float]:
    """Every number, with its key as in ``GOALS``; takes about 20 s."""
    return {**_costs(), **_guessing()}


def _costs() -> dict[str, float]:
    """Time in HMACs of the same interpreter, heap in bytes; see ``probe_access.py``."""
    probe = Path(__file__).with_name("probe_access.py")
    command = [interpreter(), "-X", "heapsize=4m", str(probe), str(firmware_dir())]
    with undisturbed():
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    seen = json.loads(done.stdout)
    return {
        "access.hmac_us": seen["hmac_us"],
        "access.check_vs_hmac_10": seen["check_us_10"] / seen["hmac_us"],
        "access.check_vs_hmac_1000": seen["check_us_1000"] / seen["hmac_us"],
        "access.check_1000_vs_10": seen["check_us_1000"] / seen["check_us_10"],
        "access.check_hmacs": max(seen["macs_10"], seen["macs_1000"]),
        "access.check_hmacs_before_warm": seen["macs_cold"],
        "access.grant_bytes": seen["grant_bytes"],
        "access.grant_bytes_longest": seen["grant_bytes_long"],
    }


def _guessing() -> dict[str, float]:
    """The best of each kind of attacker over all seeds, computed exactly and then converted to a float."""
    most = dict.fromkeys(("outsider", "insider"), 0)
    refused = 0
    for strategy in attack.STRATEGIES:
        for seed in SEEDS:
            guesses, turned_away = attack.day(strategy, seed)
            who = "insider" if strategy == "insider" else "outsider"
            most[who] = max(most[who], guesses)
            refused += turned_away
    free, made = attack.cuts(POWER_CUTS, SEEDS[0])
    if made < POWER_CUTS:
        raise AssertionError(f"only {made} power cuts were made")
    return {
        "access.guesses_day": most["outsider"],
        "access.guesses_day_insider": most["insider"],
        "access.guess_probability_day": _float(attack.expectation(most["outsider"])),
        "access.guess_probability_day_insider": _float(attack.expectation(most["insider"])),
        "access.free_tries_after_1000_power_cuts": free,
        "access.honest_refused_during_attack": refused,
    }


def _float(exact: Fraction) -> float:
    return exact.numerator / exact.denominator
