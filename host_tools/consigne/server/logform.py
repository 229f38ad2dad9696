"""The forms in which the host can write its log, see ``logs``; apart, for the command line names them."""

from enum import StrEnum


class LogForm(StrEnum):
    """How each line is written."""

    TEXT = "text"
    JSON = "json"
