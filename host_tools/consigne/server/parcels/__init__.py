"""Parcels: announced, followed, handed over at a counter."""
