"""A terminal for tables and styled lines."""

from typing import Any

from rich.console import Console
from rich.text import Text

from consigne.protocol.untrusted import one_line


class Screen(Console):
    """Prints as ``Console`` does, but nothing in a text, also in a table's, steers the terminal.

    A line end in a text begins a new line here: ``one_line`` a sentence first.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str("\n".join(one_line(line) for line in text.split("\n")), **options)
