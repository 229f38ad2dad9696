"""What measurements and tests both need: a database server; lockers and visitors, simulated."""
