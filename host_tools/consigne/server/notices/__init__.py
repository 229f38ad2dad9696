"""Messages to people: when one is due, its text in three languages, and its delivery."""
