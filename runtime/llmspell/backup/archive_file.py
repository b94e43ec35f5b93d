"""Reading an archive of backups that anybody may have made: nothing in it is believed.

Nothing is ever extracted by its name. What can be no file of a backup, links and devices, files
that are named twice, and sizes beyond what was promised end it with an error.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import BufferedReader, FileIO
from pathlib import Path
from typing import IO, Final, cast

from llmspell.backup.archive import file_failure
from llmspell.backup.manifest_file import unpack
from llmspell.backup.model import ChunkInfo, Manifest
from llmspell.backup.repository.names import MANIFEST, check_name, is_id
from llmspell.errors import BackupDamaged, BackupError, LlmSpellError, UnsupportedBackup

__all__ = ["Archive", "damaged_archive", "open_archive"]

_PIECE_BYTES: Final = 1 << 20
_MOST_MANIFEST_BYTES: Final = 512 << 20
_MOST_FILES: Final = 1_000_000
_PLAIN: Final = (tarfile.REGTYPE, tarfile.AREGTYPE)
#: What tarfile raises besides its own errors for headers that nobody wrote in good faith.
_ODD_HEADERS: Final = (ArithmeticError, EOFError, LookupError, RecursionError, ValueError)
_NOT_OURS: Final = "`llmspell backup export` makes archives that can be imported"


class Archive:
    """The files in an archive, whose names and kinds have been checked."""

    def __init__(self, tar: tarfile.TarFile, path: Path) -> None:
        self._tar, self.path = tar, path
        self._members: dict[str, dict[str, tarfile.TarInfo]] = {}
        for member in _members(tar, path):
            backup_id, name = _place(member, path)
            files = self._members.setdefault(backup_id, {})
            if name in files:
                raise damaged_archive(path, f"{member.name} is in it twice")
            files[name] = member
        if not self._members:
            raise damaged_archive(path, "there is no backup in it")

    def ids(self) -> list[str]:
        """Return the ids of the backups in it, sorted, so the oldest first."""
        return sorted(self._members)

    def manifest_bytes(self, backup_id: str) -> bytes:
        """Return the manifest of a backup as it is."""
        member = self._member(backup_id, MANIFEST)
        if member.size > _MOST_MANIFEST_BYTES:
            raise damaged_archive(self.path, f"{member.name} is too large for a manifest")
        return b"".join(self._pieces(member))

    def manifest(self, backup_id: str) -> Manifest:
        """Return what a manifest says. Its chunks are there, each of the size that it tells."""
        try:
            manifest = unpack(self.manifest_bytes(backup_id), backup_id)
        except UnsupportedBackup:
            raise
        except BackupDamaged as error:
            raise damaged_archive(self.path, error.message) from error
        for chunk in manifest.chunks:
            size = self._member(backup_id, chunk.name).size
            if size != chunk.stored_bytes:
                raise damaged_archive(
                    self.path,
                    f"{backup_id}/{chunk.name} has {size} bytes instead of {chunk.stored_bytes}",
                )
        known = {MANIFEST, *(chunk.name for chunk in manifest.chunks)}
        for name in sorted(self._members[backup_id].keys() - known):
            raise damaged_archive(self.path, f"{backup_id}/{name} belongs to no backup")
        return manifest

    def check_chunk(self, backup_id: str, chunk: ChunkInfo) -> None:
        """Compare a chunk with its checksum, a piece at a time."""
        digest = sha256()
        for piece in self._pieces(self._member(backup_id, chunk.name)):
            digest.update(piece)
        self._check_digest(backup_id, chunk, digest.hexdigest())

    def chunk_bytes(self, backup_id: str, chunk: ChunkInfo) -> bytes:
        """Return a chunk, compared with its checksum."""
        data = b"".join(self._pieces(self._member(backup_id, chunk.name)))
        self._check_digest(backup_id, chunk, sha256(data).hexdigest())
        return data

    def _check_digest(self, backup_id: str, chunk: ChunkInfo, digest: str) -> None:
        if digest != chunk.sha256:
            raise damaged_archive(
                self.path, f"{backup_id}/{chunk.name} does not match its checksum"
            )

    def _member(self, backup_id: str, name: str) -> tarfile.TarInfo:
        member = self._members[backup_id].get(name)
        if member is None:
            raise damaged_archive(self.path, f"{backup_id}/{name} is missing")
        return member

    def _pieces(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        source, left = self._tar.extractfile(member), member.size
        while left:
            piece = source.read(min(left, _PIECE_BYTES)) if source is not None else b""
            if not piece:
                raise damaged_archive(self.path, f"{member.name} is cut off")
            left -= len(piece)
            yield piece


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive and check the names of all there is in it.

    Raises ``BackupDamaged`` for what is no archive of backups, or one that was changed or cut
    off, and ``BackupError`` for a file that cannot be read.
    """
    try:
        with _Careful(path) as file, _opened(file, path) as tar:
            yield Archive(tar, path)
    except LlmSpellError:
        raise
    except (tarfile.TarError, *_ODD_HEADERS) as error:
        raise damaged_archive(path, "it is no whole tar file") from error
    except OSError as error:
        raise file_failure(error, path, "read") from error


def damaged_archive(path: Path, problem: str) -> BackupDamaged:
    """Return the error of an archive that nothing is imported of."""
    return BackupDamaged(
        f"nothing was imported from {path}: {problem}",
        hint=f"copy the file again, or export it again; {_NOT_OURS}",
        file=str(path),
        problems=[problem],
    )


class _Careful(FileIO):
    """A file of which no more is read at a time than a piece: headers tell sizes, and may lie."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            what = "it is no file" if path.exists() else "there is no such file"
            raise BackupError(
                f"cannot read {path}: {what}", hint=_NOT_OURS, reason="io", file=str(path)
            )
        super().__init__(path, "rb")

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _PIECE_BYTES:
            raise tarfile.ReadError("a header of it promises too much")
        return super().read(size) or b""


def _opened(file: FileIO, path: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=cast("IO[bytes]", file), mode="r:")
    except tarfile.ReadError as error:
        with open(path, "rb") as again:
            packed = _is_packed(again)
        what = "it is compressed: unpack it first (gunzip)" if packed else "it is no tar file"
        raise damaged_archive(path, what) from error


def _is_packed(file: BufferedReader) -> bool:
    starts = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"PK")
    return file.read(6).startswith(starts)


def _members(tar: tarfile.TarFile, path: Path) -> Iterator[tarfile.TarInfo]:
    for number, member in enumerate(tar):
        if number >= _MOST_FILES:
            raise damaged_archive(path, "it has too many files")
        if member.isdir() and is_id(member.name.rstrip("/")):
            continue  # of somebody who packed the folders of backups with tar itself
        yield member


def _place(member: tarfile.TarInfo, path: Path) -> tuple[str, str]:
    """Return which file of which backup a member is."""
    backup_id, _, name = member.name.partition("/")
    if member.type not in _PLAIN or member.issparse():
        raise damaged_archive(path, f"{member.name!r} is a link or no ordinary file")
    try:
        if is_id(backup_id):
            return backup_id, check_name(name)
    except BackupError:
        pass
    raise damaged_archive(path, f"{member.name!r} can be no file of a backup")
