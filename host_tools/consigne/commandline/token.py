"""An API token as a program is given it: what a header of HTTP can carry."""

import re

_TOKEN = re.compile(r"[!-~]([ -~]*[!-~])?")


class TokenError(ValueError):
    """A token that no request could show; the text is one sentence, without the token."""


def check(token: str, where: str) -> None:
    """Raises ``TokenError``; ``where`` says how the token was given."""
    if not _TOKEN.fullmatch(token):
        raise TokenError(
            f"what is in {where} cannot be sent in a header: take ASCII letters, digits and signs, "
            "with no blank or line's end before or behind them"
        )
