"""Drawings and calculations from a cabinet file: wiring, front, bill of materials, power."""
