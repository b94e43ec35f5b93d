"""Where backups lie: a folder of this machine, or a place that fsspec reaches."""

from __future__ import annotations

from llmspell.backup.repository.base import Draft, Repository
from llmspell.backup.repository.names import MANIFEST
from llmspell.backup.repository.opening import open_repository

__all__ = ["MANIFEST", "Draft", "Repository", "open_repository"]
