"""Lua behind the sandbox protocol."""
