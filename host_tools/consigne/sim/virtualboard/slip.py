"""SLIP framing (RFC 1055) as the serial protocol of Espressif's loaders uses it: 0xC0 on both sides."""

FRAME_BYTES_MAX = 0x1_0000
_END = b"\xc0"
_ESCAPE = b"\xdb"
_ESCAPED_END = b"\xdb\xdc"
_ESCAPED_ESCAPE = b"\xdb\xdd"


def pack(payload: bytes) -> bytes:
    """One frame."""
    return _END + payload.replace(_ESCAPE, _ESCAPED_ESCAPE).replace(_END, _ESCAPED_END) + _END


class Reader:
    """Takes bytes as they come, gives whole frames; other bytes are skipped."""

    def __init__(self) -> None:
        self._frame: bytearray | None = None

    def feed(self, data: bytes) -> list[bytes]:
        frames = []
        while data:
            head, found, data = data.partition(_END)
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
        return frame.replace(_ESCAPED_END, _END).replace(_ESCAPED_ESCAPE, _ESCAPE)
