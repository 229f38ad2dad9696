"""The order of the host's packages: imports that go upwards, circles, and values without a type."""

from lab import house

GOALS = {"house.imports_up": "== 0", "house.circles": "== 0", "types.any_dicts": "<= 20"}


def run() -> dict[str, float]:
    """Count; each upward import and each circle is printed."""
    edges = house.imports()
    up, circles = house.upwards(edges), house.circles(edges)
    for edge in up:
        print(edge)
    for circle in circles:
        print("a circle:", ", ".join(circle))
    return {
        "house.imports_up": len(up),
        "house.circles": len(circles),
        "types.any_dicts": len(house.any_dicts()),
    }
