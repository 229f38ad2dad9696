"""Modules that give the firmware a ``machine``, ``network`` and ``esp32`` of the simulated board.

This directory is put on MicroPython's path, and the CPython ground loads the same files, so both
grounds see one machine API.  Only ``_link.py`` differs: on MicroPython it talks over an inherited
socket, on CPython the ground supplies an object that calls the board directly.
"""
