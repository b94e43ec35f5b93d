"""Every error llmspell raises: the shared ones and the host's own, one tree, stable codes."""

from __future__ import annotations

from llmspell_bridges.errors import (
    Frame,
    InvalidArgument,
    InvalidValue,
    LimitExceeded,
    LlmSpellError,
    ModuleError,
    ModuleNotFound,
    SandboxClosed,
    SandboxCrashed,
    SandboxUnavailable,
    ScriptError,
    ScriptLimitExceeded,
    ScriptSyntaxError,
)

__all__ = [
    "AccessDenied",
    "AuditError",
    "BackupBaseMissing",
    "BackupDamaged",
    "BackupError",
    "BackupInUse",
    "BackupNotFound",
    "BackupRunning",
    "CheckpointNotFound",
    "ConfigError",
    "DecryptionFailed",
    "EncryptionError",
    "FeatureUnavailable",
    "FileError",
    "FileNotFound",
    "Frame",
    "HttpError",
    "IncompatibleSchema",
    "IntegrityFailed",
    "InvalidArgument",
    "InvalidKey",
    "InvalidScope",
    "InvalidValue",
    "KeyMissing",
    "KeyNotFound",
    "LimitExceeded",
    "LlmSpellError",
    "LockLost",
    "LockUnavailable",
    "MigrationError",
    "MigrationFailed",
    "MigrationNotFound",
    "MigrationPathMissing",
    "MigrationRunning",
    "ModuleError",
    "ModuleNotFound",
    "PermissionDenied",
    "PointUnreachable",
    "RestoreFailed",
    "RuntimeClosed",
    "SandboxClosed",
    "SandboxCrashed",
    "SandboxUnavailable",
    "SchemaError",
    "ScriptError",
    "ScriptLimitExceeded",
    "ScriptNotFound",
    "ScriptSyntaxError",
    "SensitiveData",
    "StateError",
    "StorageError",
    "UnsafeMigration",
    "UnsupportedBackup",
    "UnsupportedVersion",
    "ValidationFailed",
    "VersionConflict",
    "VersionNotFound",
    "WrongKey",
]


class StateError(LlmSpellError):
    """Base of the errors of the state: scopes, keys, versions, storage."""

    code = "state_error"


class InvalidScope(StateError, ValueError):
    """A scope that does not follow the grammar; the message says which part and how to mend it."""

    code = "invalid_scope"


class InvalidKey(StateError, ValueError):
    """A key that is empty, too long, not text, or holds control characters."""

    code = "invalid_key"


class AccessDenied(StateError, PermissionError):
    """The actor has no grant for what was tried; nothing was looked at, let alone changed.

    ``details`` name the ``actor``, the ``scope`` and the missing ``permission``; ``grant`` is
    one that would permit it if its conditions held. None of it tells whether there is an entry.
    """

    code = "access_denied"


class VersionConflict(StateError, RuntimeError):
    """``if_version`` did not match; ``details`` hold the ``expected`` and ``actual`` version."""

    code = "version_conflict"


class VersionNotFound(StateError, LookupError):
    """The journal does not have that version of a key, or the version is a deletion."""

    code = "version_not_found"


class CheckpointNotFound(StateError, LookupError):
    """There is no such checkpoint, or the journal no longer reaches back to it."""

    code = "checkpoint_not_found"


class LockUnavailable(StateError, TimeoutError):
    """Somebody else held a lock for as long as the caller was willing to wait."""

    code = "lock_unavailable"


class LockLost(StateError, RuntimeError):
    """A lock expired before its holder was done: somebody else may have held it since."""

    code = "lock_lost"


class ValidationFailed(StateError, ValueError):
    """A value breaks a rule of its scope and key; nothing was written.

    ``details["problems"]`` lists what is wrong: the ``path`` in the value, a ``message`` and the
    ``rule``. None of them ever holds the value.
    """

    code = "validation_failed"


class KeyNotFound(StateError, LookupError):
    """There is no entry, and what was asked for needs one."""

    code = "key_not_found"


class SchemaError(StateError, ValueError):
    """The definition of a schema or a migration is wrong; ``details`` name file and field."""

    code = "schema_error"


class IncompatibleSchema(SchemaError):
    """A schema says it is compatible with the version before it, and is not."""

    code = "incompatible_schema"


class MigrationError(StateError):
    """Base of the errors of migrations. What could not be migrated is as it was."""

    code = "migration_error"


class MigrationFailed(MigrationError, ValueError):
    """A step of a migration cannot be done with a value; nothing of the entry was changed.

    ``details`` name ``scope``, ``key``, ``step``, ``transform``, the ``path`` in the value,
    ``from_version`` and ``to_version``.
    """

    code = "migration_failed"


class UnsafeMigration(MigrationError):
    """The way there would lose data or lead to what does not fit; ``details["issues"]`` why."""

    code = "unsafe_migration"


class UnsupportedVersion(MigrationError, LookupError):
    """There is no such version of a schema, or an entry is of one that is not known here."""

    code = "unsupported_version"


class MigrationPathMissing(MigrationError, LookupError):
    """No chain of migration steps leads from one version to another."""

    code = "migration_path_missing"


class MigrationRunning(MigrationError):
    """Another migration is under way in this store."""

    code = "migration_running"


class MigrationNotFound(MigrationError, LookupError):
    """There is no such migration, or it can no longer be rolled back."""

    code = "migration_not_found"


class BackupError(StateError):
    """A backup could not be made, read, restored or removed; all others are what they were."""

    code = "backup_error"


class BackupNotFound(BackupError, LookupError):
    """There is no backup of that id."""

    code = "backup_not_found"


class BackupDamaged(BackupError, ValueError):
    """A backup is not what was written; ``problems`` in the details names every file."""

    code = "backup_damaged"


class BackupBaseMissing(BackupError, LookupError):
    """A backup that another one is made from is not there, or not fit for it."""

    code = "backup_base_missing"


class BackupInUse(BackupError):
    """A backup cannot go while others need it; ``needed_by`` in the details names them."""

    code = "backup_in_use"


class BackupRunning(BackupError):
    """Somebody else is making, removing or restoring a backup in the same place."""

    code = "backup_running"


class UnsupportedBackup(BackupError, ValueError):
    """A backup has a format of a later version of llmspell."""

    code = "unsupported_backup"


class PointUnreachable(BackupError, LookupError):
    """Neither backups nor journal reach the point in time that was asked for."""

    code = "point_unreachable"


class RestoreFailed(BackupError, ValueError):
    """An entry could not be restored, so nothing was."""

    code = "restore_failed"


class SensitiveData(StateError, ValueError):
    """A value holds what must not be stored; nothing was. ``details`` name path and detector."""

    code = "sensitive_data"


class StorageError(StateError, OSError):
    """The store could not be opened, read or written. Nothing was half-written.

    ``details["reason"]`` is one of ``newer_version``, ``not_a_database``, ``read_only``,
    ``disk_full``, ``locked``, ``corrupt``, ``unavailable``, ``timeout``, ``io``,
    ``authentication``, ``unknown_outcome``, ``missing``.
    """

    code = "storage_error"


class EncryptionError(StateError):
    """Base of the errors of encryption: the keys, and what is stored encrypted."""

    code = "encryption_error"


class KeyMissing(EncryptionError, LookupError):
    """No key is configured, and one is needed to open what is encrypted, or to encrypt."""

    code = "key_missing"


class WrongKey(EncryptionError, ValueError):
    """The master key or passphrase is not the one that the key ring was made with."""

    code = "wrong_key"


class DecryptionFailed(EncryptionError, ValueError):
    """An encrypted value was changed, moved to another row, or sealed with an unknown key.

    ``details`` name ``scope``, ``key`` and ``version``; ``reason`` is ``unknown_key`` when the
    key ring lacks the key.
    """

    code = "decryption_failed"


class IntegrityFailed(EncryptionError, ValueError):
    """An encrypted value or a key ring is damaged: no bytes that llmspell ever wrote."""

    code = "integrity_failed"


class AuditError(LlmSpellError, OSError):
    """The audit log could not be opened, read or written, or is not what it should be.

    What waits to be recorded stays and is tried again. ``details["reason"]`` is one of
    ``read_only``, ``disk_full``, ``locked``, ``damaged``, ``not_a_log``, ``not_found``,
    ``newer_version``, ``unavailable``, ``io``, ``closed``, ``unknown_key``, ``no_key``,
    ``tampered``.
    """

    code = "audit_error"


class ConfigError(LlmSpellError, ValueError):
    """The configuration is wrong; ``details`` name the file, the key and its line if known."""

    code = "config_error"
    exit_code = 2


class FeatureUnavailable(ConfigError):
    """What was asked for is switched off, or needs a package that is not installed."""

    code = "feature_unavailable"


class ScriptNotFound(LlmSpellError, FileNotFoundError):
    """The script file does not exist, is not a readable text file, or has no known extension."""

    code = "script_not_found"
    exit_code = 2


class RuntimeClosed(LlmSpellError, RuntimeError):
    """A Runtime or StateManager was used after ``close()``."""

    code = "runtime_closed"


class PermissionDenied(LlmSpellError, PermissionError):
    """A script tried what it has no permission for; nothing was looked at, let alone changed.

    ``details`` hold the ``permission`` (``read``, ``write``, ``net``, ``env``) and the ``target``,
    as the script named it. The hint tells what would allow exactly this.
    """

    code = "permission_denied"


class FileError(LlmSpellError, OSError):
    """A file that a script may use could not be read or written. Nothing was half-written.

    ``details["reason"]`` is one of ``is_directory``, ``not_a_directory``, ``not_a_file``,
    ``access``, ``read_only``, ``disk_full``, ``name_too_long``, ``too_many_links``, ``too_large``,
    ``unsupported``, ``io``.
    """

    code = "file_error"


class FileNotFound(FileError, FileNotFoundError):
    """There is no file, or no folder, of that name."""

    code = "file_not_found"


class HttpError(LlmSpellError, OSError):
    """A web request got no usable answer; an answer with status 404 or 500 is one.

    ``details["reason"]`` is one of ``timeout``, ``dns``, ``refused``, ``unreachable``,
    ``disconnected``, ``tls``, ``protocol``, ``too_large``, ``too_many_redirects``,
    ``insecure_redirect``, ``bad_redirect``.
    """

    code = "http_error"
