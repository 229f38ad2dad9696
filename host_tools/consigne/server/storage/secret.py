"""Values that no log line, traceback or response may show, wrapped as they come out of the database."""

from sqlalchemy import LargeBinary
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Secret:
    """Bytes whose ``repr`` hides them.  Call ``reveal()`` only where they are used."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes themselves."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(..)"

    __str__ = __repr__


class SecretBytes(TypeDecorator[Secret]):
    """A column of ``Secret``."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Secret | None, dialect: Dialect) -> bytes | None:
        return None if value is None else value.reveal()

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Secret | None:
        return None if value is None else Secret(bytes(value))
