"""The ``State`` global: one table of functions for Lua and JavaScript.

The service is whatever offers the methods of ``StateService``; in the runtime it is the
``StateManager``. Each declaration below makes the Lua function, the JavaScript function (promised
and under ``State.sync``), the typings and the reference entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from llmspell_bridges.api import Global, Param, Record
from llmspell_bridges.frozen import FrozenValue
from llmspell_bridges.values import Value
from llmspell_stdlib.preludes import Preludes

__all__ = [
    "DEFAULT",
    "KEY",
    "LIST",
    "SAVE_OPTIONS",
    "STATE",
    "VALUE",
    "StateService",
    "given",
    "list_keys",
    "load",
    "save",
    "save_options",
]


class StateService(Protocol):
    """What the ``State`` global needs of the host."""

    def save_canonical(
        self,
        scope: str,
        key: str,
        value: Value,
        *,
        ttl: float | None = None,
        if_version: int | None = None,
        state_class: str = "standard",
        schema_version: int = 1,
    ) -> tuple[Any, ...]: ...
    def load_frozen(self, scope: str, key: str) -> FrozenValue | None: ...
    def load_versioned(
        self, scope: str, key: str
    ) -> tuple[FrozenValue | None, tuple[Any, ...]]: ...
    def load_many(self, scope: str, keys: Iterable[str]) -> dict[str, Value]: ...
    def save_many(self, scope: str, values: Mapping[str, Value]) -> Mapping[str, Any]: ...
    def delete(self, scope: str, key: str) -> bool: ...
    def compare_and_set(
        self, scope: str, key: str, value: Value, seen: Sequence[Any], attempt: int
    ) -> bool: ...
    def increment(self, scope: str, key: str, by: float = 1) -> int | float: ...
    def list_keys(
        self, scope: str, *, prefix: str = "", after: str | None = None, limit: int | None = None
    ) -> list[str]: ...
    def list_scopes(self, prefix: str = "") -> list[str]: ...
    def key_exists(self, scope: str, key: str) -> bool: ...
    def scope_exists(self, scope: str) -> bool: ...
    def clear(self, scope: str) -> int: ...
    def get_metadata(self, scope: str, key: str) -> tuple[Any, ...] | None: ...
    def get_stats(self) -> dict[str, Any]: ...


METADATA: Final = Record(
    "Metadata",
    "Facts about one stored entry.",
    (
        Param("version", "integer", "Counts the writes and deletes of the key, from 1."),
        Param("created_at", "timestamp", "When the entry was first saved."),
        Param("updated_at", "timestamp", "When the entry was last saved."),
        Param("size_bytes", "integer", "Size of the encoded value, before encryption."),
        Param("checksum", "text", "CRC-32 of the encoded value, in hexadecimal."),
        Param("schema_version", "integer", "The version of the value's shape."),
        Param("class", "text", "The state class the entry was saved with."),
        Param("correlation_id", "text", "What the write belongs to.", optional=True),
        Param("expires_at", "timestamp", "When the entry ends by itself.", optional=True),
        Param("encrypted", "boolean", "Whether the stored form is encrypted."),
        Param("sensitive", "text", "What was found in it, such as `email,iban`.", optional=True),
    ),
    usual=(1, "standard", None, None, False, None),
)
SAVE_OPTIONS: Final = Record(
    "SaveOptions",
    "Options of `State.save`.",
    (
        Param("ttl", "number", "Seconds after which the entry is gone by itself."),
        Param("if_version", "integer", "Save only if this is the current version (0: none yet)."),
        Param(
            "class",
            "text",
            'How it is kept: "standard", "trusted", "ephemeral", "external", "sensitive", '
            '"critical", "bulk" or "archive".',
        ),
        Param(
            "schema_version",
            "integer",
            "The version of the value's shape: unless given the latest of the schema that applies, "
            "1 without one.",
        ),
    ),
)
LIST_OPTIONS: Final = Record(
    "ListOptions",
    "Options of `State.list_keys`.",
    (
        Param("prefix", "text", "Only keys that start with this text."),
        Param("after", "text", "Only keys after this one: the last key of the page before."),
        Param("limit", "integer", "At most this many keys."),
    ),
)

STATE: Final = Global(
    "State",
    "Durable values under (scope, key), shared by Lua, JavaScript and Python.",
    records=[METADATA, SAVE_OPTIONS, LIST_OPTIONS],
    preludes=Preludes("state"),
)
_SCOPE: Final = Param("scope", "scope", 'Where the key lives: "global", "agent:gpt-4", "user:42".')
KEY: Final = Param("key", "text", "1 to 1024 bytes of text without control characters.")
VALUE: Final = Param("value", "value", "What to store.")
DEFAULT: Final = Param("default", "value", "What to return when there is no entry.", optional=True)
LIST: Final = Param("options", "ListOptions", "prefix, after, limit", optional=True)


@STATE.function(
    _SCOPE,
    KEY,
    VALUE,
    Param("options", "SaveOptions", "ttl, if_version, class, schema_version", optional=True),
    result="Metadata",
    access=("write",),
)
def save(
    state: StateService,
    scope: str,
    key: str,
    value: Value,
    options: dict[str, Any] | None = None,
) -> Any:
    """Store a value; it is durable when the call returns."""
    if not options:
        return state.save_canonical(scope, key, value)
    return state.save_canonical(scope, key, value, **save_options(options))


_OPTION_NAMES: Final = {"class": "state_class"}


def save_options(options: dict[str, Any] | None) -> dict[str, Any]:
    """Return the options of a save under the host's names, without those that are null."""
    return {_OPTION_NAMES.get(name, name): value for name, value in given(options).items()}


@STATE.function(
    _SCOPE,
    KEY,
    DEFAULT,
    result="value",
    reads=True,
    keeps=True,
    access=("read",),
)
def load(state: StateService, scope: str, key: str, default: Value = None) -> Any:
    """Return the value stored under the key, or the default when there is none."""
    found = state.load_frozen(scope, key)
    return default if found is None else found


@STATE.function(
    _SCOPE,
    Param("keys", "texts", "The keys to load."),
    result="map",
    result_doc="The values there are, by key.",
    reads=True,
    access=("read",),
)
def load_many(state: StateService, scope: str, keys: list[str]) -> Any:
    """Return several values of a scope at once, by key; keys without an entry are left out."""
    return state.load_many(scope, keys)


@STATE.function(
    _SCOPE,
    Param("values", "map", "Values by key."),
    result="map",
    result_doc="Metadata by key.",
    access=("write",),
)
def save_many(state: StateService, scope: str, values: dict[str, Value]) -> Any:
    """Store several values of a scope in one transaction: all of them or none."""
    return {key: known.to_dict() for key, known in state.save_many(scope, values).items()}


@STATE.function(
    _SCOPE,
    KEY,
    VALUE,
    result="Metadata",
    access=("write",),
)
def save_fast(state: StateService, scope: str, key: str, value: Value) -> Any:
    """Store a value the application made itself (class "trusted")."""
    return state.save_canonical(scope, key, value, state_class="trusted")


@STATE.function(
    _SCOPE,
    KEY,
    result="boolean",
    result_doc="Whether there was an entry.",
    access=("delete",),
)
def delete(state: StateService, scope: str, key: str) -> bool:
    """Remove an entry."""
    return state.delete(scope, key)


@STATE.prelude_function(
    _SCOPE,
    KEY,
    Param("fn", "function", "Gets the current value (or the default), returns the new one."),
    DEFAULT,
    result="value",
    result_doc="The new value.",
    access=("read", "write"),
)
def update() -> None:
    """Replace a value by what a function makes of it, losing no other writer's update.

    The function runs again, with the newer value, when somebody else wrote in between: it should
    do nothing but compute.
    """


@STATE.function(
    _SCOPE,
    KEY,
    Param("by", "number", "What to add; 1 if left out.", optional=True),
    result="number",
    result_doc="The new number.",
    access=("read", "write"),
)
def increment(state: StateService, scope: str, key: str, by: float | None = None) -> int | float:
    """Add to a number, which counts as 0 when there is none; no increment is ever lost."""
    return state.increment(scope, key, 1 if by is None else by)


@STATE.function(
    _SCOPE,
    LIST,
    result="texts",
    reads=True,
    access=("read",),
)
def list_keys(state: StateService, scope: str, options: dict[str, Any] | None = None) -> list[str]:
    """Return the keys of a scope in order."""
    return state.list_keys(scope, **given(options))


@STATE.function(
    Param("prefix", "text", "Only scopes that start with this text.", optional=True),
    result="texts",
    reads=True,
    access=("any",),
)
def list_scopes(state: StateService, prefix: str | None = None) -> list[str]:
    """Return the scopes that hold entries, in order."""
    return state.list_scopes(prefix or "")


@STATE.function(
    _SCOPE,
    KEY,
    result="boolean",
    reads=True,
    access=("read",),
)
def key_exists(state: StateService, scope: str, key: str) -> bool:
    """Return whether there is an entry."""
    return state.key_exists(scope, key)


@STATE.function(
    _SCOPE,
    result="boolean",
    reads=True,
    access=("read",),
)
def scope_exists(state: StateService, scope: str) -> bool:
    """Return whether a scope holds any entry."""
    return state.scope_exists(scope)


@STATE.function(
    _SCOPE,
    result="integer",
    result_doc="How many entries there were.",
    access=("delete",),
)
def clear(state: StateService, scope: str) -> int:
    """Remove every entry of a scope."""
    return state.clear(scope)


@STATE.function(
    _SCOPE,
    KEY,
    result="Metadata",
    result_doc="Nothing when there is no entry.",
    access=("read",),
)
def get_metadata(state: StateService, scope: str, key: str) -> Any:
    """Return what is known about an entry besides its value."""
    return state.get_metadata(scope, key)


@STATE.function(
    result="map",
    reads=True,
    access=("any",),
)
def get_stats(state: StateService) -> dict[str, Any]:
    """Return facts about the store and the cache: backend, entries, bytes, hit rate."""
    return state.get_stats()


# What the preludes build `update` on ----------------------------------------------------------


@STATE.function(
    _SCOPE,
    KEY,
    internal=True,
    serves="State.update",
    result="value",
    access=("read", "write"),
)
def read_for_update(state: StateService, scope: str, key: str) -> Any:
    """Return whether there is an entry, its value, and what else was seen of it."""
    found, seen = state.load_versioned(scope, key)
    return [found is not None, None if found is None else found.thaw(), list(seen)]


@STATE.function(
    _SCOPE,
    KEY,
    VALUE,
    Param("seen", "list"),
    Param("attempt", "integer"),
    internal=True,
    serves="State.update",
    result="boolean",
    access=("write",),
)
def compare_and_set(
    state: StateService, scope: str, key: str, value: Value, seen: list[Any], attempt: int
) -> bool:
    """Save if the entry is still as it was seen."""
    return state.compare_and_set(scope, key, value, seen, attempt)


def given(options: dict[str, Any] | None) -> dict[str, Any]:
    """Return the options that are not null."""
    return {name: value for name, value in (options or {}).items() if value is not None}
