"""The state: scopes, entries with metadata, and the manager in front of the store."""
