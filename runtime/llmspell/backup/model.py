"""What is known of a backup: its manifest, and the names everything about backups uses.

Times are integers: microseconds since the Unix epoch, UTC. Sizes are in bytes.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Collection
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field

from llmspell.errors import InvalidArgument

__all__ = [
    "BACKUP_TYPES",
    "BEFORE_RESTORE",
    "FORMAT_VERSION",
    "BackupEvent",
    "BackupType",
    "ChunkInfo",
    "Compression",
    "Encryption",
    "JournalPosition",
    "Manifest",
    "ScopeInfo",
    "check_id",
    "check_type",
    "is_before_restore",
    "is_pinned",
    "new_id",
    "time_of",
    "with_entries",
]

#: Raised with every change that an older version could not read.
FORMAT_VERSION: Final = 1

BackupType: TypeAlias = Literal["full", "incremental", "differential", "scope"]
BACKUP_TYPES: Final[tuple[str, ...]] = get_args(BackupType)

#: What the label of a backup begins with that a restore made of what there was before it.
BEFORE_RESTORE: Final = "before the restore "
_PIN: Final = "keep"

_ID: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")
#: No chunk has another name, so that none can lie outside the folder of its backup.
_CHUNK_NAME: Final = r"^chunk-[0-9]{6}\.(msgpack|jsonl)(\.zst)?(\.sealed)?$"
_SHA256: Final = r"^[0-9a-f]{64}$"
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_Id: TypeAlias = Annotated[str, Field(pattern=f"^{_ID.pattern}$")]
#: Stores count no further than this.
_Size: TypeAlias = Annotated[int, Field(ge=0, le=2**63 - 1)]
#: The years 1970 to 9998, which every time zone can tell. A manifest may claim anything.
_Time: TypeAlias = Annotated[int, Field(ge=0, le=253_370_764_799_999_999)]
_Sha256: TypeAlias = Annotated[str, Field(pattern=_SHA256)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class ChunkInfo(_Model):
    """One file of a backup: ``sha256`` is of the file as it lies there."""

    name: str = Field(pattern=_CHUNK_NAME)
    records: _Size
    size_bytes: _Size  # before compression
    stored_bytes: _Size  # of the file
    sha256: _Sha256


class ScopeInfo(_Model):
    """How much of a scope is in a backup."""

    scope: str
    records: _Size


class Compression(_Model):
    """How chunks are compressed; ``level`` is zstd's, 0 without compression."""

    algorithm: Literal["none", "zstd"]
    level: int = Field(ge=0, le=22)


class Encryption(_Model):
    """What opens a backup: ``ring`` is the key ring in base64, wrapped with the master key.

    ``generation`` is the id of the ring's key that the chunks are sealed with; ``signature`` is
    the HMAC-SHA256 of the manifest.
    """

    cipher: str
    ring_id: str
    generation: str
    ring: str
    signature: str = ""


class JournalPosition(_Model):
    """The moment a backup shows: all changes of the store up to ``seq``, and none after it.

    ``store_id`` tells stores apart. ``mark`` is a hash of the change at ``seq``, empty where the
    journal had none any more.
    """

    store_id: str
    seq: _Size
    mark: str = ""


class Manifest(_Model):
    """All that is known of one backup.

    ``base`` is the backup it holds the changes since, ``chain`` all it needs, the full one
    first, without itself; ``base_checksum`` is the base's. ``journal`` is None when the store
    kept none. ``snapshot_us`` is when its snapshot was taken. ``scopes`` are the first thousand,
    ``scope_count`` is how many there are.
    """

    format_version: Literal[1] = FORMAT_VERSION
    id: _Id
    type: BackupType
    label: str | None = None
    llmspell_version: str
    backend: str
    created_us: _Time
    snapshot_us: _Time
    completed_us: _Time

    base: _Id | None = None
    base_checksum: _Sha256 | None = None
    chain: tuple[_Id, ...] = ()
    scope: str | None = None
    journal: JournalPosition | None = None

    format: Literal["msgpack", "jsonl"]
    compression: Compression
    encryption: Encryption | None = None

    entries: _Size  # entries that are there; of changes: puts
    deletions: _Size = 0
    unreadable: _Size = 0  # left out, since they could not be opened
    records: _Size
    size_bytes: _Size
    stored_bytes: _Size
    scopes: tuple[ScopeInfo, ...] = ()
    scope_count: _Size = 0
    #: The stored grants in base64; sealed like a chunk where the backup is encrypted.
    grants: str | None = None
    chunks: tuple[ChunkInfo, ...]
    #: SHA-256 of the names and checksums of all chunks, in their order.
    checksum: _Sha256
    #: When everything was read again and compared, before the backup got its name.
    verified_us: _Time | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what people and scripts see of it, under the names they know."""
        told: dict[str, Any] = {
            "id": self.id,
            "type": self.type,
            "created_at": time_of(self.created_us),
            "completed_at": time_of(self.completed_us),
            "duration_ms": (self.completed_us - self.created_us) / 1000,
            "entries": self.entries,
            "deletions": self.deletions,
            "size_bytes": self.size_bytes,
            "compressed_size_bytes": self.stored_bytes,
            "compression": self.compression.algorithm,
            "format": self.format,
            "encrypted": self.encryption is not None,
            "backend": self.backend,
            "checksum": self.checksum,
            "verified": self.verified_us is not None,
        }
        optional = {"label": self.label, "base": self.base, "scope": self.scope}
        return told | {name: value for name, value in optional.items() if value is not None}


class BackupEvent(NamedTuple):
    """What a callback is told: ``kind`` is started, progress or finished.

    ``action`` is create, verify, restore, prune, export or import; ``done`` and ``total`` count
    records, for prune backups.
    """

    kind: str
    action: str
    id: str
    done: int
    total: int


def new_id(now_us: int) -> str:
    """Return a new backup's id, which has its time to the microsecond: ids sort by it.

    Six digits follow the second: the first five are the microseconds, the last is random.
    """
    digits = now_us % 1_000_000 << 4 | secrets.randbits(4)
    return f"{time_of(now_us):%Y%m%dT%H%M%SZ}-{digits:06x}"


def is_pinned(label: object) -> bool:
    """Tell whether a label keeps a backup from being removed: ``keep``, or ``keep: ...``."""
    return isinstance(label, str) and label.partition(":")[0] == _PIN


def with_entries(manifests: Collection[Manifest]) -> set[str]:
    """Return the ids of the backups that have any entries, or are made from one that has."""
    entries = {each.id: each.entries for each in manifests}
    return {
        each.id for each in manifests if any(entries.get(id_) for id_ in (each.id, *each.chain))
    }


def is_before_restore(manifest: Manifest) -> bool:
    """Tell whether a restore made this backup, of what there was before it."""
    return (manifest.label or "").startswith(BEFORE_RESTORE)


def check_id(backup_id: object) -> str:
    """Return the id. Raises InvalidArgument for what cannot be one."""
    if isinstance(backup_id, str) and _ID.fullmatch(backup_id):
        return backup_id
    if isinstance(backup_id, Manifest):
        raise InvalidArgument(
            "a backup is named by its id, not by what is known of it",
            hint="give its .id",
            parameter="id",
        )
    raise InvalidArgument(
        "that is no id of a backup: expected one such as 20260131T120000Z-0a1b2c",
        hint="`llmspell backup list` shows them",
        parameter="id",
    )


def check_type(backup_type: object) -> str:
    """Return the type. Raises InvalidArgument that says which there are."""
    if isinstance(backup_type, str) and backup_type in BACKUP_TYPES:
        return backup_type
    raise InvalidArgument(
        f"there is no such type of backup; there are: {', '.join(BACKUP_TYPES)}", parameter="type"
    )


def time_of(us: int) -> dt.datetime:
    """Return a time in microseconds as a datetime in UTC."""
    return _EPOCH + dt.timedelta(microseconds=us)
