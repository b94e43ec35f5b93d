"""Entries that are never written, over a store for the others."""
