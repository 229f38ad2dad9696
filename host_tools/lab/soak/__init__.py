"""Long simulations: each module has ``run(seconds, seed) -> dict[str, float]`` and prints its seed."""
