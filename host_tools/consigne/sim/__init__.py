"""A locker below the ``machine`` API: physics outside, the firmware unchanged inside.

From the outside in:

- ``locker``: ``SimLocker``, one cabinet with hands, power and network; what pages, tests and soaks use.
- ``parts``: the parts of a cabinet: doors with strikes and reeds, keypad, scanner, display, expander.
- ``board``: an ESP32 seen from outside; ``board.wire``: the only place where firmware acts on it.
- ``shim``: the firmware's side of that, ``machine``, ``network`` and ``esp32``, the same on both grounds.
- ``grounds.process``, ``grounds.romboot``: the firmware in a MicroPython process, in a time that it shares
  with the board (``grounds.pace``), against a real network that ``network.cut`` can cut; ``network.lossy``
  loses and repeats single MQTT messages on the way.
- ``grounds.pyground``, ``grounds.kernel``: the firmware on CPython under virtual time, with MicroPython's
  asyncio.
- ``network.memory``, ``network.broker``, ``network.host``: the network for ``pyground``.
- ``virtualboard``: a board to practise on, behind a serial line.
- ``clock``: virtual time.
"""
