"""Encryption at rest, from the bytes in the files up to the command line."""
