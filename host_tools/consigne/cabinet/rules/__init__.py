"""What a cabinet file must fulfil beyond its form: a table of named rules."""
