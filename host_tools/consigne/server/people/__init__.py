"""Accounts, roles, sessions and the audit trail: who asks the host for something."""
