"""The demo: one cabinet with the real firmware, a broker, a host and its database, in one process.

``stage`` puts them up and takes them down; ``page`` shows them in a browser, ``headless`` proves
them without one, ``trial`` tries a few steps by hand (``consigne sim``).
"""
