"""Pages that only the demo shows: the cabinet's front and the hands before it."""
