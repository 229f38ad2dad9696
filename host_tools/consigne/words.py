"""Words that pages and commands have in common."""


def counted(count: int, one: str, more: str = "") -> str:
    """``1 door``, ``2 doors``, ``3,000 doors``; ``more`` is a plural that is not made with an s."""
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"


def shortened(text: str, most: int) -> str:
    """The text, or the ``most`` characters that it begins with and two dots."""
    return text if len(text) <= most else f"{text[:most]}.."
