"""Frames: MQTT payloads with a MAC over topic and body, made and opened.

The cryptography itself is ``locker/core/codes.py``, the file the lockers run.
"""

from locker.core import codes

from .codes import key

LABEL_EVENT = codes.LABEL_EVENT  # signs what a locker says
LABEL_COMMAND = codes.LABEL_COMMAND  # signs what the host says
FRAME_BYTES_MAX = 65_536


def frame(device_key: bytes, label: str, topic: str, body: bytes) -> bytes:
    """A signed MQTT payload: 32 hexadecimal digits, a full stop, ``body``."""
    return bytes(codes.frame_head(key(device_key, label), topic, body)) + body


def open_frame(device_key: bytes, label: str, topic: str, payload: bytes) -> bytes | None:
    """The body of an authentic payload on this topic, else ``None``."""
    body: bytes | None = codes.open_frame(key(device_key, label), topic, payload)
    return body
