"""``make soak``: the long simulations, one after another; every seed is printed and can be replayed.

A simulation (``PARTS``) is a module of this package with ``run(seconds, seed) -> dict[str, float]``; it
raises ``AssertionError`` at the first violation, and the seed printed before it starts replays it.
"""

import importlib
import json
import random
import time
from typing import Annotated

import typer
from rich.console import Console

PARTS = ("locker", "journal", "access", "doors", "sync", "holes", "takeover", "retention")


def main(
    only: Annotated[list[str] | None, typer.Argument(help=f"Simulations: {', '.join(PARTS)}")] = None,
    seconds: Annotated[float, typer.Option(help="How long each may take")] = 600,
    seed: Annotated[int | None, typer.Option(help="Replay this seed")] = None,
) -> None:
    """Run each simulation for about ``seconds`` and print what it counted."""
    console = Console()
    for part in only or PARTS:
        module = importlib.import_module(f"lab.soak.{part}")
        chosen = random.SystemRandom().randrange(1 << 32) if seed is None else seed
        again = f"python -m lab.soak {part} --seconds {seconds:g} --seed {chosen}"
        console.print(f"[bold]{part}[/bold] seed {chosen}  (replay: {again})", soft_wrap=True)
        started = time.monotonic()
        counted = module.run(seconds, chosen)
        console.print(f"{part}: {time.monotonic() - started:.0f} s  {json.dumps(counted, sort_keys=True)}")


if __name__ == "__main__":
    typer.run(main)
