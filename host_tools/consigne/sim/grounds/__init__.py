"""Ways to run the firmware against a simulated board: CPython under virtual time, or real MicroPython."""
