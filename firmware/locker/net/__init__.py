"""Speaks with the host: link, TLS, MQTT, and the sync of journal and commands."""
