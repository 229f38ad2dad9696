"""The locker's only memory; start reading at ``log.py``, and at JOURNAL.md for the reasons."""
