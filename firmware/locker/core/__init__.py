"""Decides and touches nothing: doors, codes and the dialog, as functions of events and time."""
