"""The demo: one cabinet with the real firmware, a broker, a host and its database, in one process.

``stage`` starts and stops them; ``page`` shows them in a browser, ``headless`` tests them without one,
``trial`` carries out a few steps (``consigne sim``).
"""
