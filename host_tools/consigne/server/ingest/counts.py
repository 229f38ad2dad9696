"""What an ingest counts; each worker process has its own, the leader adds them up."""

from dataclasses import dataclass


@dataclass
class Counts:
    """What the ingest did since it started."""

    messages: int = 0
    stored: int = 0
    repeated: int = 0
    deferred: int = 0
    conflicts: int = 0  # repeated with different content, see ingest.copies
    commits: int = 0
    commit_s: float = 0.0  # seconds that the commits took, decoding included
    failed_commits: int = 0
    met: int = 0  # transactions tried again because they met another one, see Database.transact
    shed: int = 0  # messages of a host that was behind: repetitions, answered without the database
    overflow: int = 0  # messages not queued: the lockers send them again
    failed_listeners: int = 0  # each logged with its traceback
    acknowledgements: int = 0
    asked_again: int = 0
