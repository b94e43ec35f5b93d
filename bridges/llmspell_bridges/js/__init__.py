"""JavaScript behind the sandbox protocol."""
