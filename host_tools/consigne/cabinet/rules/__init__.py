"""The rules for a cabinet file beyond its form: a table of named rules."""
