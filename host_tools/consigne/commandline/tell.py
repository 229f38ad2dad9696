"""What commands print: sentences of one line each, in which nothing steers the terminal.

Names come from command lines, files and boards: escape sequences in them would change the terminal's title or
its colours, a line end would forge a second sentence.
"""

import typer

from consigne.protocol.untrusted import one_line


def echo(text: str, *, err: bool = False, fg: str | None = None) -> None:
    """Print a line of text."""
    typer.secho(one_line(text), err=err, fg=fg)


def confirm(question: str, *, default: bool = False, abort: bool = False) -> bool:
    """Ask for yes or no; ``abort`` ends the command at a no."""
    return typer.confirm(one_line(question), default=default, abort=abort)


def ask(question: str, default: str | None = None) -> str:
    """Ask for a line of text."""
    return str(typer.prompt(one_line(question), default=default))
