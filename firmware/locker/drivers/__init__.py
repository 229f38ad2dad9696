"""The parts of a cabinet: locks, sensors, keypads, scanners, displays, each above ``machine`` alone."""
