"""The database: its tables, its migrations, and how a session with it is begun."""
