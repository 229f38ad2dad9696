"""The lockers of one operator: registered, seen, ordered about, retired."""
