"""The tables ``[state.backup]``: how backups are made, when, and how long they are kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from llmspell.config.backup_retention_section import BackupRetention
from llmspell.config.backup_schedule_section import BackupSchedule
from llmspell.config.section import Count, Days, PathOnDisk, Section

__all__ = ["Backup", "BackupRetention", "BackupSchedule"]

_KIB = 1024
_MIB = 1024 * 1024
#: What fsspec takes; "simplecache::s3://bucket" is one place behind another.
_URL: Final = re.compile(r"([a-z][a-z0-9+.-]*::)*[a-z][a-z0-9+.-]*://.+", re.IGNORECASE)


class Backup(Section):
    """Backups: where they lie, how they are made, how long they are kept."""

    enabled: bool = Field(False, description="Switch backups on.")
    backup_dir: PathOnDisk = Field(
        Path(".llmspell/backups"),
        description="Folder of the backups; a relative path starts at the current folder.",
    )
    backup_url: str | None = Field(
        None,
        json_schema_extra={"secret": True},
        description='Place in the words of fsspec, such as "s3://bucket/folder"; wins over '
        "backup_dir.",
    )
    retention_days: Days = Field(
        30, description="Age at which a backup may be removed, in days; 0 keeps all."
    )
    min_backups: Count = Field(5, description="Backups kept whatever their age.")

    max_backups: Count = Field(
        0, description="Backups kept at most, also of min_backups; 0 sets no limit."
    )
    format: Literal["msgpack", "jsonl"] = Field(
        "msgpack",
        description='Form of the chunks: "jsonl" can be read by people, and takes longer.',
    )
    compression_algorithm: Literal["none", "zstd"] = Field(
        "zstd", description="Compression of the chunks."
    )
    compression_level: int = Field(
        3, ge=1, le=22, description="Compression level: 1 is fast, 22 is small."
    )
    encryption: Literal["auto", "on", "off"] = Field(
        "auto",
        description='Encrypt with the key ring of the store: "auto" does where there is one.',
    )
    chunk_size: int = Field(
        4 * _MIB,
        ge=64 * _KIB,
        le=1024 * _MIB,
        description="Size of one chunk before compression, in bytes.",
    )
    verification_enabled: bool = Field(
        True, description="Read every backup again after it was written and compare its checksums."
    )
    parallel_backup_streams: int = Field(
        1, ge=1, le=64, description="Chunks written at the same time."
    )
    max_load: float = Field(
        1.0,
        ge=0.01,
        le=1,
        description="Share of the time a backup may spend reading; below 1 it pauses for others.",
    )
    journal_days: Days = Field(
        7,
        description="How long the journal is kept for the next incremental backup, in days, "
        "whatever its retention.",
    )
    schedule: BackupSchedule = BackupSchedule()
    retention: BackupRetention = BackupRetention()

    @field_validator("backup_dir", mode="before")
    @classmethod
    def _is_no_url(cls, folder: object) -> object:
        if isinstance(folder, str) and _URL.fullmatch(folder):
            told = {"problem": "must be a folder of this machine", "hint": "a URL is a backup_url"}
            raise PydanticCustomError("entry", "{problem}", told)
        return folder

    @field_validator("backup_url")
    @classmethod
    def _has_a_scheme(cls, url: str | None) -> str | None:
        if url is not None and not _URL.fullmatch(url):
            told = {
                "problem": 'must be a URL such as "s3://bucket/folder"',
                "hint": "a folder of this machine goes into backup_dir",
            }
            raise PydanticCustomError("entry", "{problem}", told)
        return url

    @model_validator(mode="after")
    def _keeps_some(self) -> Backup:
        kept = self.retention
        counts = (self.max_backups, kept.keep_daily, kept.keep_weekly, kept.keep_monthly)
        if kept.kind == "count" and not any(counts):
            told = {
                "problem": 'has retention.kind = "count", and does not say how many are kept',
                "hint": "set max_backups, or retention.keep_daily, keep_weekly or keep_monthly",
            }
            raise PydanticCustomError("entry", "{problem}", told)
        return self

    def __repr_args__(self) -> Any:
        """Leave the URL out of ``repr``: it may hold a password."""
        return [(name, value) for name, value in super().__repr_args__() if name != "backup_url"]
