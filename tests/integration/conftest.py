"""Fixtures of the integration tests: the databases of the host's own."""

from databases import databases, postgres

__all__ = ["databases", "postgres"]
