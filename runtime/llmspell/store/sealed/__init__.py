"""Encryption at rest: confidential values are sealed where they are stored."""
