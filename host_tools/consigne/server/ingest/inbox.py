"""What came from the broker and is not committed yet: a queue with bounds in messages and in bytes.

When it is full the newest is dropped: nothing of it was acknowledged, so its locker sends it again.
"""

from collections import deque

MESSAGES_MAX = 20_000
BYTES_MAX = 64 * 1024 * 1024

Received = tuple[str, bytes, bool]  # topic, payload, retained
LOST: Received = ("", b"", False)  # between two connections to the broker


class Inbox:
    """Messages in the order of their arrival."""

    def __init__(self, messages_max: int = MESSAGES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._queue: deque[Received] = deque()
        self._bytes = 0
        self._messages_max, self._bytes_max = messages_max, bytes_max

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, received: Received) -> bool:
        """Add a message; False, and it is dropped, when there is no room."""
        if len(self._queue) >= self._messages_max or self._bytes >= self._bytes_max:
            return False
        self._queue.append(received)
        self._bytes += len(received[1])
        return True

    def put_lost(self) -> None:
        """Mark that the connection ended here; one mark is enough for several ends in a row."""
        if not self._queue or self._queue[-1] is not LOST:
            self._queue.append(LOST)

    def take(self, count_max: int, bytes_max: int) -> list[Received]:
        """The oldest, at most ``count_max``; no more once they have ``bytes_max`` bytes together."""
        taken: list[Received] = []
        took = 0
        while self._queue and len(taken) < count_max and took < bytes_max:
            taken.append(self._queue.popleft())
            took += len(taken[-1][1])
        self._bytes -= took
        return taken

    def put_back(self, taken: list[Received]) -> None:
        """Undo ``take``: what could not be committed keeps its place, even beyond the bounds."""
        self._queue.extendleft(reversed(taken))
        self._bytes += sum(len(payload) for _, payload, _ in taken)
