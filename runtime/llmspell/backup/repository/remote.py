"""Backups in any place that fsspec reaches. One without a manifest does not exist."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from threading import Lock
from typing import Any, Final

from llmspell.backup.model import check_id
from llmspell.backup.repository.base import Draft
from llmspell.backup.repository.lease import Lease
from llmspell.backup.repository.names import MANIFEST, OPERATIONS, check_name, is_id
from llmspell.backup.repository.operations import MAX_LOG_BYTES, added, parse
from llmspell.backup.repository.problems import (
    already_there,
    linked,
    missing,
    not_found,
    translated,
)
from llmspell.backup.repository.remote_draft import RemoteDraft
from llmspell.backup.repository.remote_files import RemoteFiles
from llmspell.errors import ConfigError, FeatureUnavailable

__all__ = ["RemoteRepository", "open_remote"]

#: A password may hold what should have been quoted in it; rather too much is left out.
_CREDENTIALS: Final = re.compile(r"(?<=://)([^/@:]*:.*|[^/]*)@")
_QUERY: Final = re.compile(r"[?#].*")
_NO_FILE: Final = (errno.ELOOP, errno.EISDIR)


class RemoteRepository:
    """See Repository. Operations noted by two processes at the very same time may get lost."""

    def __init__(self, files: RemoteFiles, location: str) -> None:
        self._files = files
        self._location = location
        self._lease: Lease | None = None
        self._noting = Lock()

    @property
    def location(self) -> str:
        return self._location

    def ids(self) -> list[str]:
        with translated(self._location):
            return sorted(found for found in self._folders() if self._names(found) is not None)

    def names(self, backup_id: str) -> list[str]:
        with translated(self._location):
            return self._existing(backup_id)

    def read(self, backup_id: str, name: str) -> bytes:
        with self._file(backup_id, name) as path:
            return self._files.read(path)

    def manifest(self, backup_id: str) -> bytes:
        return self.read(backup_id, MANIFEST)

    def size(self, backup_id: str, name: str) -> int:
        with self._file(backup_id, name) as path:
            return self._files.size(path)

    @contextmanager
    def creating(self, backup_id: str) -> Iterator[Draft]:
        check_id(backup_id)
        with translated(self._location):
            if self._names(backup_id) is not None:
                raise already_there(backup_id, self._location)
            self._files.remove_folder(backup_id)  # of a process that was killed
            self._files.make(backup_id)
        draft = RemoteDraft(
            self._files, backup_id, check_lock=self._check_lock, location=self._location
        )
        try:
            yield draft
        finally:
            draft.close()

    def delete(self, backup_id: str) -> None:
        with translated(self._location):
            self._existing(backup_id)
            self._files.remove(f"{backup_id}/{MANIFEST}")
            self._files.remove_folder(backup_id)

    def tidy(self) -> None:
        with translated(self._location):
            for found in self._folders():
                if self._names(found) is None:
                    self._files.remove_folder(found)

    @contextmanager
    def lock(self, purpose: str) -> Iterator[None]:
        lease = Lease(self._files, purpose, location=self._location)
        with ExitStack() as stack:
            with translated(self._location):
                self._files.make()
                stack.enter_context(lease.held())
            self._lease = lease
            try:
                yield
            finally:
                self._lease = None

    def free_bytes(self) -> int | None:
        return None

    def log(self) -> list[dict[str, Any]]:
        try:
            if self._files.size(OPERATIONS) > MAX_LOG_BYTES:
                return []
            return parse(self._files.read(OPERATIONS))
        except Exception:  # drivers have errors of their own
            return []

    def note(self, entry: dict[str, Any]) -> None:
        with self._noting:
            data = added(self.log(), entry)
            with suppress(Exception):
                self._files.replace(OPERATIONS, data)

    def _check_lock(self) -> None:
        if self._lease is not None:
            self._lease.check()

    def _folders(self) -> list[str]:
        entries = self._files.entries()
        return [entry.name for entry in entries if entry.is_folder and is_id(entry.name)]

    def _names(self, backup_id: str) -> list[str] | None:
        """Return the names of what is there; None if that is no backup, or none yet."""
        names = sorted(entry.name for entry in self._files.entries(check_id(backup_id)))
        return names if MANIFEST in names else None

    def _existing(self, backup_id: str) -> list[str]:
        names = self._names(backup_id)
        if names is None:
            raise not_found(backup_id, self._location)
        return names

    @contextmanager
    def _file(self, backup_id: str, name: str) -> Iterator[str]:
        """Hand out where a file is, and say of what backup it is if it cannot be read."""
        with translated(self._location):
            try:
                yield f"{check_id(backup_id)}/{check_name(name)}"
            except FileNotFoundError as error:
                self._existing(backup_id)
                raise missing(backup_id, name) from error
            except OSError as error:
                if error.errno in _NO_FILE:
                    raise linked(backup_id, name) from error
                raise


def open_remote(url: str, storage_options: Mapping[str, Any]) -> RemoteRepository:
    """Return the place of a URL. See ``open_repository``."""
    location = _QUERY.sub("", _CREDENTIALS.sub("***@", url))
    try:
        from fsspec.core import url_to_fs
        from fsspec.implementations.cached import CachingFileSystem
    except ImportError as error:
        raise FeatureUnavailable(
            f"the place for backups {location} needs the package fsspec",
            hint="pip install 'llmspell[remote]'",
        ) from error
    with translated(location):
        try:
            system, root = url_to_fs(url, **storage_options)
        except ImportError as error:
            raise FeatureUnavailable(
                f"the place for backups {location} needs a driver that is not installed",
                hint=f"fsspec says: {error}",
            ) from error
        except (ValueError, TypeError) as error:
            raise ConfigError(
                f"the place for backups {location} cannot be opened: no driver of fsspec knows"
                f" such a URL, or it does not take the storage_options ({type(error).__name__})",
                hint="give a folder, or a URL such as s3://bucket/backups",
            ) from error
    while isinstance(system, CachingFileSystem):
        system = system.fs  # a cache tells what was: locks and manifests have to be what is
    return RemoteRepository(RemoteFiles(system, root), location)
