"""Brokers for small sites, demo and tests; mosquitto's configuration; certificates."""
