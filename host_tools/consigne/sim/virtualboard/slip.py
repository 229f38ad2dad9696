"""SLIP framing (RFC 1055) as the serial protocol of Espressif's loaders uses it: 0xC0 on both sides."""

END, ESCAPE = 0xC0, 0xDB
FRAME_BYTES_MAX = 0x1_0000


def pack(payload: bytes) -> bytes:
    """One frame."""
    escaped = payload.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
    return b"\xc0" + escaped + b"\xc0"


class Reader:
    """Takes bytes as they come, gives whole frames; what is no frame is skipped."""

    def __init__(self) -> None:
        self._frame: bytearray | None = None

    def feed(self, data: bytes) -> list[bytes]:
        frames = []
        while data:
            head, found, data = data.partition(b"\xc0")
            if self._frame is not None:
                self._frame += head
            if not found:
                break
            if self._frame:
                frames.append(self._unescaped(bytes(self._frame)))
                self._frame = None
            else:
                self._frame = bytearray()
        if self._frame is not None and len(self._frame) > FRAME_BYTES_MAX:
            self._frame = None
        return frames

    @staticmethod
    def _unescaped(frame: bytes) -> bytes:
        return frame.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
