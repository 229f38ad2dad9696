"""Drawn and reckoned from a cabinet file: wiring, front, bill of materials, power."""
