"""The topics of lockers and host: ``consigne/1/<locker>/<branch>``."""

import re

from locker.core.limits import LOCKER_CHARS_MAX

from .untrusted import ProtocolError

PORT = 1883  # of a broker without TLS, as assigned by IANA
ROOT = "consigne/1"
STATUS, OCCUPANCY, EVENTS, ACK, COMMANDS, REPLIES = (
    "status",
    "occupancy",
    "events",
    "ack",
    "commands",
    "replies",
)
FROM_LOCKER = (EVENTS, STATUS, OCCUPANCY, REPLIES)
LOCKER_PATTERN = rf"^[A-Za-z0-9_-]{{1,{LOCKER_CHARS_MAX}}}$"
_LOCKER = re.compile(LOCKER_PATTERN)


def topic(locker: str, branch: str) -> str:
    """The topic of one branch of one locker.  Raises ``ProtocolError`` for an impossible name."""
    if not _LOCKER.fullmatch(locker):
        raise ProtocolError(f"a locker's name is 1 to {LOCKER_CHARS_MAX} of A-Z a-z 0-9 _ -")
    return f"{ROOT}/{locker}/{branch}"


def split_topic(name: str) -> tuple[str, str]:
    """``(locker, branch)`` of a topic on which lockers send."""
    parts = name.split("/")
    if len(parts) != 4 or parts[0] + "/" + parts[1] != ROOT or parts[3] not in FROM_LOCKER:
        raise ProtocolError("not a topic on which lockers speak")
    if not _LOCKER.fullmatch(parts[2]):
        raise ProtocolError("not the name of a locker")
    return parts[2], parts[3]
