"""Fixtures for every folder of tests."""

from postgres_server import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]
