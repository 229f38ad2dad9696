"""Measures and long simulations for developers; not part of the wheel."""
