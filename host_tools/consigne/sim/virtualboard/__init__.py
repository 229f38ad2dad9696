"""A board on the other side of a serial port: the real ``mpremote`` and ``esptool`` work on it.

``VirtualBoard`` in ``board.py`` is a simulated locker whose interpreter, programs and files come from a
flash image, and whose console is a pseudo-terminal.  README.md says how it differs from a board.
"""
