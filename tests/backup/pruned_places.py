"""Folders with backups of a given shape: real files, and manifests that nobody had to make."""

from collections.abc import Iterable
from pathlib import Path

from llmspell.backup.manifest_file import pack
from llmspell.backup.model import Manifest
from llmspell.backup.repository.base import Repository
from llmspell.backup.repository.opening import open_repository

__all__ = ["CHUNK", "place_with"]

CHUNK = "chunk-000001.msgpack"


def place_with(folder: Path, manifests: Iterable[Manifest]) -> Repository:
    """A place with these backups, each with one file of as many bytes as its manifest says."""
    repository = open_repository(folder)
    with repository.lock("test"):
        for manifest in manifests:
            with repository.creating(manifest.id) as draft:
                draft.put(CHUNK, b"x" * manifest.stored_bytes)
                draft.commit(pack(manifest))
    return repository
