"""The host's pages (NiceGUI): what operators, clerks and senders see and do.

``operator``, ``ticket``, ``compartments`` and ``feed`` show what the host knows of one locker.  No page here
depends on the simulator: the demo has pages of its own.
"""
