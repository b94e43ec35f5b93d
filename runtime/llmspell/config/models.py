"""The whole configuration: ``[state]``, ``[limits]`` and the object that holds them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from llmspell.config import defaults
from llmspell.config.access_section import Access
from llmspell.config.audit_section import Audit
from llmspell.config.backup_section import Backup
from llmspell.config.module_section import ModuleFolders
from llmspell.config.permission_sections import Permitted
from llmspell.config.problems import config_error, describe
from llmspell.config.sandbox_section import SandboxSection
from llmspell.config.section import Bytes, Milliseconds, PathOnDisk, Section
from llmspell.config.sensitive_section import Sensitive
from llmspell.config.state_sections import (
    Failover,
    Journal,
    Migration,
    Performance,
    RocksDB,
    Security,
    Sled,
)
from llmspell.config.validation_section import Validation

__all__ = ["Config", "Limits", "State"]

_MIB = 1024 * 1024
_DATABASE_NAME = "state.db"


class State(Section):
    """Where values are stored and how safely."""

    enabled: bool = Field(True, description="Give scripts the State global.")
    backend: Literal["sqlite", "memory", "sled", "postgresql", "rocksdb"] = Field(
        defaults.BACKEND,
        description='Where values live; "memory" forgets at the end, "sled" is read as "sqlite".',
    )
    path: PathOnDisk = Field(
        Path(defaults.DATABASE),
        description="Database file or rocksdb folder; relative paths start at the current folder.",
    )
    url: str | None = Field(
        None,
        min_length=1,
        json_schema_extra={"secret": True},
        description="Address of a database, such as postgresql://host/name, instead of backend "
        "and path.",
    )
    durability: Literal["commit", "fsync", "relaxed"] = Field(
        defaults.DURABILITY,
        description='What save waits for: "commit" survives a killed process, "fsync" also a power '
        'loss, "relaxed" waits for nothing and may lose flush_ms.',
    )
    flush_ms: Milliseconds = Field(
        100, description="Longest wait before a relaxed write is committed, in milliseconds."
    )
    busy_timeout_ms: Milliseconds = Field(
        defaults.BUSY_TIMEOUT_MS,
        description="Longest wait for another process that is writing, in milliseconds.",
    )
    performance: Performance = Performance()
    journal: Journal = Journal()
    failover: Failover = Failover()
    sled: Sled = Sled()
    rocksdb: RocksDB = RocksDB()
    migration: Migration = Migration()
    backup: Backup = Backup()
    security: Security = Security()
    access: Access = Access()
    sensitive: Sensitive = Sensitive()
    validation: Validation = Validation()

    _notices: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _read_sled_as_sqlite(self) -> State:
        if self.backend == "sled":
            path = self.path
            if os.path.isdir(path) or not path.suffix:
                path /= _DATABASE_NAME
            # The model is frozen for its users; this is still its making.
            self.__dict__.update(backend="sqlite", path=path)
            self._notices = (
                f'state.backend = "sled" is read as "sqlite"; the database is {path}. '
                "The table [state.sled] has no effect.",
            )
        return self

    @model_validator(mode="after")
    def _keeps_a_journal_for_backups(self) -> State:
        changes = self.backup.schedule.times.keys() - {"full"}
        if changes and self.backup.enabled and not self.journal.enabled:
            told = {
                "problem": f"has backup.schedule.{max(changes)}, and journal.enabled = false",
                "hint": "what was changed since another backup is read from the journal",
            }
            raise PydanticCustomError("entry", "{problem}", told)
        return self

    def __repr_args__(self) -> Any:
        """Leave the address out of ``repr``: it may hold a password."""
        return [(name, value) for name, value in super().__repr_args__() if name != "url"]


class Limits(Section):
    """What a script may use up. Hitting one is an error with the code limit_exceeded."""

    value_bytes: int = Field(
        defaults.VALUE_BYTES,
        ge=1,
        le=512 * _MIB,
        description="Largest value State stores, encoded, in bytes.",
    )
    depth: int = Field(
        defaults.DEPTH,
        ge=1,
        le=256,
        description="Deepest nesting of lists and maps in a value.",
    )
    key_bytes: int = Field(
        defaults.KEY_BYTES,
        ge=1,
        le=defaults.KEY_BYTES,
        description="Longest key, in bytes of UTF-8.",
    )
    scope_bytes: int = Field(
        defaults.SCOPE_BYTES,
        ge=1,
        le=defaults.SCOPE_BYTES,
        description="Longest scope, in bytes of UTF-8.",
    )
    output_bytes: Bytes = Field(
        defaults.OUTPUT_BYTES,
        description="Output an embedding run keeps, in bytes; output that streams has no limit.",
    )
    timeout_s: float | None = Field(
        None,
        ge=0,
        le=10**9,
        description="Wall clock time of a run, in seconds; 0 sets no limit. Left out: none on the "
        "command line, 300 in a program that embeds a Runtime.",
    )
    memory_bytes: int = Field(
        defaults.MEMORY_BYTES,
        ge=1024 * 1024,
        le=2**40,
        description="Memory of a script's Lua or JavaScript engine, in bytes.",
    )
    process_memory_bytes: Bytes = Field(
        defaults.PROCESS_MEMORY_BYTES,
        description="Memory of the process a command runs a script in, in bytes; 0 sets no limit.",
    )
    stack_bytes: int = Field(
        defaults.STACK_BYTES,
        ge=128 * 1024,
        le=6 * 1024 * 1024,
        description="Stack of the JavaScript engine, in bytes. Lua's is fixed: 200,000 calls.",
    )
    calls: Bytes = Field(
        defaults.CALLS,
        description="Calls of State, print and other host functions in one run; 0 sets no limit.",
    )
    call_bytes: int = Field(
        defaults.CALL_BYTES,
        ge=1024,
        le=2**31 - 1,
        description="Most that one such call may hand over, or a run return, in bytes of text.",
    )


class Config(Section):
    """An effective configuration: what ``load_config`` returns and ``Runtime`` takes.

    Frozen. ``Config()`` holds the defaults; wrong arguments raise ``ConfigError``.
    """

    state: State = State()
    limits: Limits = Limits()
    permissions: Permitted = Permitted()
    modules: ModuleFolders = ModuleFolders()
    sandbox: SandboxSection = SandboxSection()
    audit: Audit = Audit()

    def __init__(self, /, **sections: Any) -> None:
        try:
            super().__init__(**sections)
        except ValidationError as error:
            problems = [describe(detail, type(self)) for detail in error.errors()]
            raise config_error(problems) from error

    @property
    def notices(self) -> tuple[str, ...]:
        """What was understood differently from how it is written; show it to the user."""
        access, security = self.state.access, self.state.security
        if security.access_control_enabled or not (access.roles or access.actors):
            return self.state._notices
        return (
            *self.state._notices,
            "state.access has grants, but access control is off: everybody may do everything"
            " (state.security.access_control_enabled)",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as plain data; passwords are masked."""
        from llmspell.config.writer import to_dict

        return to_dict(self)

    def to_toml(self, comments: bool = True) -> str:
        """Return the configuration as TOML, by default with each key's description above it.

        Passwords are masked, so an address with a password does not survive the round trip.
        """
        from llmspell.config.writer import to_toml

        return to_toml(self, comments=comments)
