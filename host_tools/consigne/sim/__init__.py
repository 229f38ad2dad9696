"""A locker below the ``machine`` API: physics outside, the firmware unchanged inside.

From the outside in:

- ``locker``: ``SimLocker``, one cabinet with hands, power and network; what pages, tests and soaks use.
- ``parts``: what is screwed to a cabinet: doors with strikes and reeds, keypad, scanner, display, expander.
- ``board``, ``gpio``, ``nets``, ``buses``, ``radio``, ``ethernet``, ``flash``: an ESP32 seen from outside.
- ``wire``: the one place where firmware acts on a board; ``shim``: the firmware's side of it,
  ``machine``, ``network`` and ``esp32``, the same files on both grounds.
- ``process``, ``romboot``: the firmware in a MicroPython process, in a time that it shares with the
  board (``pace``, ``pacedclock``), against a real network that ``netcut`` can cut; ``netlossy`` loses
  and repeats single MQTT messages on the way.
- ``pyground``, ``kernel``, ``primitives``, ``kernel_api``, ``modules``: the firmware on CPython under
  virtual time, with MicroPython's asyncio.
- ``netmemory``, ``netbroker``, ``host``: the network it meets there.
- ``clock``: virtual time.
"""
