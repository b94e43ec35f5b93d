"""Migrating stored entries: one, many, back again, and at load."""
