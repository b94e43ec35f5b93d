"""Where schemas that others refer to are found."""

from __future__ import annotations

from typing import Protocol

from llmspell.schema.models import StateSchema

__all__ = ["Schemas"]


class Schemas(Protocol):
    """Finds a schema by name and version; the registry is one."""

    def get(self, name: str, version: int) -> StateSchema:
        """Return the schema. Raises ``UnsupportedVersion``."""
