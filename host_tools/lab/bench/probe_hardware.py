"""On MicroPython: how long ``locker.config`` takes for a ``config.json``.

    micropython -X heapsize=256k probe_hardware.py <firmware> <config.json> <rounds>

Prints ``[doors, [microseconds of each round]]``; a round reads the file and checks all of it.
"""

import gc
import json
import sys
import time

sys.path.insert(0, sys.argv[1])

from locker import config

doors = 0
times = []
for _ in range(int(sys.argv[3])):
    gc.collect()
    started_us = time.ticks_us()
    doors = len(config.checked(config.load(sys.argv[2]))["doors"])
    times.append(time.ticks_diff(time.ticks_us(), started_us))
print(json.dumps([doors, times]))
