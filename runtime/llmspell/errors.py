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
    "CheckpointNotFound",
    "ConfigError",
    "FeatureUnavailable",
    "FileError",
    "FileNotFound",
    "Frame",
    "HttpError",
    "InvalidArgument",
    "InvalidKey",
    "InvalidScope",
    "InvalidValue",
    "LimitExceeded",
    "LlmSpellError",
    "LockLost",
    "LockUnavailable",
    "ModuleError",
    "ModuleNotFound",
    "PermissionDenied",
    "RuntimeClosed",
    "SandboxClosed",
    "SandboxCrashed",
    "SandboxUnavailable",
    "ScriptError",
    "ScriptLimitExceeded",
    "ScriptNotFound",
    "ScriptSyntaxError",
    "StateError",
    "StorageError",
    "VersionConflict",
    "VersionNotFound",
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


class StorageError(StateError, OSError):
    """The store could not be opened, read or written. Nothing was half-written.

    ``details["reason"]`` is one of ``newer_version``, ``not_a_database``, ``read_only``,
    ``disk_full``, ``locked``, ``corrupt``, ``unavailable``, ``timeout``, ``io``,
    ``authentication``, ``unknown_outcome``.
    """

    code = "storage_error"


class ConfigError(LlmSpellError, ValueError):
    """The configuration is wrong; ``details`` name the file, the key and its line if known."""

    code = "config_error"
    exit_code = 2


class FeatureUnavailable(ConfigError):
    """The configuration switches on a feature this version does not have."""

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
