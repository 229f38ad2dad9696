"""Fixtures of the host's tests; those of databases are shared with the integration tests."""

from databases import databases, postgres

__all__ = ["databases", "postgres"]
