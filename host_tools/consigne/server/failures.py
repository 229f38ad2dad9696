"""What an error of a database means, in words."""


def reason(error: BaseException) -> str:
    """Why, as the database or its driver said it, in one line: without the statement, and without values.

    PostgreSQL's details show the row that it refused, which may hold a key.
    """
    original = getattr(error, "orig", None) or error
    primary = getattr(getattr(original, "diag", None), "message_primary", None)
    return " ".join(str(primary or original).split())
