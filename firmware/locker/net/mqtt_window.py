"""The packet ids of QoS 1 packets in flight: which wait for an acknowledgement, and which are free."""

import asyncio


class Window:
    """At most ``size`` (1 to 1,000) packets in flight; their ids are 1 to ``size``.

    Acknowledgements may come in any order; an id is used again as soon as its acknowledgement has come.
    """

    def __init__(self, size: int):
        self._size = size
        self._waiting = bytearray(size + 1)  # [packet id] is 1 while unacknowledged
        self._free = [0] * size  # the free ids: a stack
        self._room = asyncio.Event()
        self.free_count = 0
        self.reset()

    def reset(self) -> None:
        """A new connection: nothing is in flight.  Wakes the tasks that wait for room."""
        for i in range(self._size):
            self._free[i] = i + 1
            self._waiting[i + 1] = 0
        self.free_count = self._size
        self._room.set()

    def in_flight(self) -> int:
        return self._size - self.free_count

    async def wait_room(self) -> None:
        """Wait until an id may be free; another task may be faster, so check again."""
        self._room.clear()
        await self._room.wait()

    def peek(self) -> int:
        """The id that ``take`` will take.  There must be one free."""
        return self._free[self.free_count - 1]

    def take(self) -> None:
        self.free_count -= 1
        self._waiting[self._free[self.free_count]] = 1

    def acknowledge(self, packet_id: int) -> None:
        """The server has it.  An id not in flight is ignored: a PUBACK may come twice."""
        if packet_id > self._size or not self._waiting[packet_id]:
            return
        self._waiting[packet_id] = 0
        self._free[self.free_count] = packet_id
        self.free_count += 1
        self._room.set()
