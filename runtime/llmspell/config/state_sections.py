"""The tables below ``[state]``: performance, other engines' settings, migration, security.

Descriptions are the reference page and the comments of ``config show``: one line, with unit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from llmspell.config import defaults
from llmspell.config.section import Bits, Bytes, Count, Days, Milliseconds, PathOnDisk, Section

__all__ = [
    "Failover",
    "Journal",
    "Migration",
    "Performance",
    "RocksDB",
    "Security",
    "Sled",
]

_KIB = 1024
_MIB = 1024 * 1024


class Performance(Section):
    """Speed against memory."""

    cache_size: Bytes = Field(
        defaults.CACHE_BYTES,
        description="Memory for decoded values one process keeps at hand, in bytes; 0: none.",
    )
    max_stale_ms: Milliseconds = Field(
        0,
        description="How old a cached value may be on a database server; 0: every load asks it.",
    )
    fast_path_enabled: bool = Field(
        True, description="Let trusted values skip the checks that only outside data needs."
    )
    async_hooks: bool = Field(
        False,
        description="Run after-hooks in a queue beside the script, not before the call returns.",
    )


class Sled(Section):
    """Settings of older configurations whose backend is "sled": accepted, without effect."""

    cache_capacity: Bytes = Field(100 * _MIB, description="Page cache, in bytes.")
    use_compression: bool = Field(True, description="Compress stored pages.")

    flush_every_ms: Milliseconds = Field(
        1000, description="Time between two flushes to disk, in milliseconds."
    )


class RocksDB(Section):
    """Settings of the RocksDB backend."""

    max_open_files: Count = Field(1000, description="Files kept open at a time.")
    cache_capacity: Bytes = Field(500 * _MIB, description="Block cache, in bytes.")

    compression: bool = Field(True, description="Compress blocks.")
    bloom_filter_bits: Bits = Field(
        10, description="Bits per key of the Bloom filters; 0 makes none."
    )
    block_size: Bytes = Field(32 * _KIB, description="Size of one block, in bytes.")


class Journal(Section):
    """The record of every change: history, rollback, watching. Kept to a size by itself."""

    enabled: bool = Field(
        True,
        description="Record every change. Off: no history, revert, rollback or watch.",
    )
    retention_days: Days = Field(
        30, description="Age at which a change that was replaced may be removed; 0 keeps all."
    )
    max_changes: Count = Field(
        1_000_000, description="Latest changes that are kept; older ones may go. 0 keeps all."
    )


class Failover(Section):
    """What happens while the database cannot be reached: writes wait in a local file."""

    enabled: bool = Field(False, description="Go on with a local file when the database is away.")
    path: PathOnDisk = Field(
        Path(".llmspell/failover.db"), description="The local file that keeps the writes."
    )
    failures: int = Field(
        3, ge=1, le=1000, description="Failures in a row after which the database counts as away."
    )
    retry_s: float = Field(
        5.0, gt=0, le=3600, description="Time until it is tried again, in seconds; it grows to 60."
    )
    cache_bytes: Bytes = Field(
        64 * _MIB, description="Local copy of what was read and written, in bytes."
    )


class Migration(Section):
    """Schemas and their migrations."""

    enabled: bool = Field(False, description="Switch schema versions and migrations on.")
    schemas_dir: PathOnDisk = Field(
        Path("schemas"), description="Folder of the schema files; relative to the current folder."
    )
    migrations_dir: PathOnDisk = Field(
        Path("migrations"),
        description="Folder of the migration files; relative to the current folder.",
    )
    auto_migrate: bool = Field(
        False, description="Migrate an entry of an older schema when it is loaded."
    )
    validation_level: Literal["off", "warn", "strict"] = Field(
        "strict",
        description="What an ill-fitting value causes: nothing, a warning, an error.",
    )
    batch_size: int = Field(
        1000, ge=1, le=100_000, description="Entries a migration reads and writes at a time."
    )
    rollback_days: Days = Field(
        7,
        description="How long the journal is kept for rolling a migration back, in days, whatever "
        "its retention.",
    )


class Security(Section):
    """Encryption at rest and access control. Keys and passwords never stand in this file."""

    encryption_enabled: bool = Field(False, description="Encrypt stored values.")
    access_control_enabled: bool = Field(
        False, description="Check every access against roles and permissions."
    )
    encryption_algorithm: Literal["aes-256-gcm", "chacha20-poly1305", "aes-256-ctr"] = Field(
        "aes-256-gcm",
        description="Cipher for stored values; aes-256-ctr is paired with HMAC-SHA256.",
    )
    key_file: PathOnDisk | None = Field(
        None,
        description="File with the master key, for its owner's eyes only; LLMSPELL_MASTER_KEY and "
        "LLMSPELL_PASSPHRASE win over it.",
    )
    key_derivation: Literal["argon2id", "pbkdf2"] = Field(
        "argon2id", description="How a passphrase becomes the master key."
    )

    pbkdf2_iterations: int = Field(
        600_000,
        ge=100_000,
        le=10_000_000,
        description="Rounds of PBKDF2, when it is the key derivation.",
    )
    key_rotation_days: Days = Field(
        90, description="Age at which a new data key is made, in days; 0 never makes one by itself."
    )
    hash_keys: bool = Field(
        False,
        description="Keep the names of keys out of the files, too: a store is made with it or "
        "without. Listing a scope then reads all of its keys.",
    )
    compression_before_encryption: bool = Field(
        True, description="Compress large values before they are encrypted."
    )
