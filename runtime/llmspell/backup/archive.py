"""One file that holds a backup and all it is made from: an ordinary tar, to carry it elsewhere.

``<id>/manifest.json`` of every backup comes first, then the chunks as they lie in their folders.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmspell.backup.model import BackupEvent, ChunkInfo, Manifest
from llmspell.backup.repository.names import MANIFEST
from llmspell.errors import BackupDamaged, BackupError

if TYPE_CHECKING:
    from llmspell.backup.repository.base import Repository

__all__ = ["ExportResult", "export_archive", "file_failure"]

_FOR_THE_OWNER: Final = 0o600


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was exported to ``file``: ``backups`` are their ids, the full one first."""

    id: str
    file: str
    backups: tuple[str, ...]
    chunks: int
    size_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as programs see it."""
        return {
            "id": self.id,
            "file": self.file,
            "backups": list(self.backups),
            "chunks": self.chunks,
            "size_bytes": self.size_bytes,
        }


def export_archive(
    repository: Repository,
    chain: Sequence[Manifest],
    file: Path,
    *,
    on_event: Callable[[BackupEvent], None] | None = None,
) -> ExportResult:
    """Write the backups of ``chain``, whose last one is meant, to a file.

    It is written aside, for its owner's eyes only, and takes the place of an older one when it is
    complete. What does not match its checksum ends the export. Raises ``BackupDamaged``, and
    ``BackupError`` when the file cannot be written.
    """
    if file.is_dir() or not file.name:
        raise BackupError(
            f"cannot write {file}: it is a folder", hint="name a file in it", reason="not_a_file"
        )
    aside = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        handle = _create(aside)
        with open(handle, "wb") as out:
            _write(_Writer(out, aside), repository, chain, on_event)
            _checked(aside, out.flush)
            _checked(aside, lambda: os.fsync(out.fileno()))
        size_bytes = aside.stat().st_size
        _checked(file, lambda: aside.replace(file))
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
    chunks = sum(len(manifest.chunks) for manifest in chain)
    ids = tuple(manifest.id for manifest in chain)
    return ExportResult(chain[-1].id, str(file), ids, chunks, size_bytes)


def file_failure(error: OSError, file: Path, doing: str) -> BackupError:
    """Return what the system refused to do with an archive in words."""
    return BackupError(
        f"cannot {doing} {file}: {error.strerror or error}",
        hint="check the path, its permissions and the space there",
        reason="io",
        file=str(file),
    )


class _Writer:
    """A tar under way; each failure of its file is told as one of the file."""

    def __init__(self, out: io.BufferedWriter, path: Path) -> None:
        self._path = path
        self._tar = tarfile.open(fileobj=out, mode="w:", format=tarfile.PAX_FORMAT)  # noqa: SIM115

    def add(self, manifest: Manifest, name: str, data: bytes) -> None:
        """Add a file of a backup, dated when the backup was made."""
        member = tarfile.TarInfo(f"{manifest.id}/{name}")
        member.size, member.mode = len(data), _FOR_THE_OWNER
        member.mtime = manifest.created_us // 1_000_000
        _checked(self._path, lambda: self._tar.addfile(member, io.BytesIO(data)))

    def close(self) -> None:
        """Write the end of the tar."""
        _checked(self._path, self._tar.close)


def _write(
    tar: _Writer,
    repository: Repository,
    chain: Sequence[Manifest],
    on_event: Callable[[BackupEvent], None] | None,
) -> None:
    total, done = sum(manifest.records for manifest in chain), 0
    for manifest in chain:
        tar.add(manifest, MANIFEST, repository.manifest(manifest.id))
    for manifest in chain:
        for chunk in manifest.chunks:
            tar.add(manifest, chunk.name, _read(repository, manifest, chunk))
            done += chunk.records
            if on_event is not None:
                on_event(BackupEvent("progress", "export", chain[-1].id, done, total))
    tar.close()


def _read(repository: Repository, manifest: Manifest, chunk: ChunkInfo) -> bytes:
    data = repository.read(manifest.id, chunk.name)
    if sha256(data).hexdigest() == chunk.sha256:
        return data
    raise BackupDamaged(
        f"backup {manifest.id} is damaged, so it was not exported: {chunk.name} does not match its"
        " checksum",
        hint="export another one; `llmspell backup verify --all` tells which are whole",
        backup=manifest.id,
        problems=[f"{chunk.name}: its checksum does not match"],
    )


def _create(aside: Path) -> int:
    # Whoever could not read the backups should not read what they hold.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(aside, flags | getattr(os, "O_BINARY", 0), _FOR_THE_OWNER)
    except OSError as error:
        raise file_failure(error, aside.parent, "write to") from error


def _checked(path: Path, work: Callable[[], object]) -> None:
    try:
        work()
    except OSError as error:
        raise file_failure(error, path, "write") from error
