"""Open the place that a configuration names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from llmspell.backup.repository.base import Repository
from llmspell.backup.repository.folder import FolderRepository
from llmspell.errors import ConfigError

__all__ = ["open_repository"]

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]*://")
#: One slash too few: taken for a folder, backups would lie where nobody looks for them.
_ALMOST_URL: Final = re.compile(r"[a-z][a-z0-9+.-]+:/(?!/)|://")
_HINT: Final = "give a folder, or a URL such as s3://bucket/backups"


def open_repository(
    location: Path | str, *, storage_options: Mapping[str, Any] | None = None
) -> Repository:
    """Return the place of a path, or of a URL for which fsspec has a driver. Makes nothing yet.

    ``storage_options`` are that driver's. Raises ``ConfigError`` for what names no place, and
    ``FeatureUnavailable`` when a package is missing.
    """
    if not isinstance(location, Path | str) or not str(location).strip():
        raise ConfigError("the place for backups is empty", hint=_HINT)
    if "\0" in str(location):
        raise ConfigError("the place for backups has a zero byte in its name", hint=_HINT)
    if isinstance(location, str) and _ALMOST_URL.match(location):
        raise ConfigError("the place for backups is neither a folder nor a URL", hint=_HINT)
    if isinstance(location, str) and _URL.match(location):
        from llmspell.backup.repository.remote import open_remote

        return open_remote(location, dict(storage_options or {}))
    if storage_options:
        raise ConfigError("a folder for backups takes no storage_options", hint=_HINT)
    return FolderRepository(Path(location))
