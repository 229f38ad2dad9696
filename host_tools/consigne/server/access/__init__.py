"""Codes and grants: what a locker is told to honour, and the digits people are shown."""
