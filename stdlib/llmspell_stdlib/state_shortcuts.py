"""Shorter ways to say what ``State`` offers: by the kind of an owner, and the older forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llmspell_bridges.api import Param
from llmspell_bridges.errors import InvalidArgument
from llmspell_bridges.values import Value
from llmspell_stdlib.state import (
    DEFAULT,
    KEY,
    LIST,
    STATE,
    VALUE,
    StateService,
    given,
    list_keys,
    load,
    save,
)

__all__ = ["STATE"]


def _shortcut(kind: str, verb: str) -> None:
    """Declare ``agent_get`` and its like: a scope made of a kind and an id."""
    owner = Param("id", "text", f"Which {kind}.")
    params, result, body = _SHORTCUTS[verb]

    def handler(state: StateService, id: str, *rest: Any) -> Any:  # noqa: A002
        if not id:
            raise InvalidArgument(f"the {kind} has no id", parameter="id")
        return body(state, f"{kind}:{id}", *rest)

    handler.__doc__ = f"Do what `{body.__name__}` does, in the scope `{kind}:<id>`."
    access = ("write",) if verb == "set" else ("read",)
    STATE.function(
        owner,
        *params,
        result=result,
        name=f"{kind}_{verb}",
        reads=verb != "set",
        access=access,
    )(handler)


_SHORTCUTS: Final[dict[str, tuple[tuple[Param, ...], str, Callable[..., Any]]]] = {
    "get": ((KEY, DEFAULT), "value", load),
    "set": ((KEY, VALUE), "Metadata", save),
    "list": ((LIST,), "texts", list_keys),
}
for _kind, _verb in (
    ("workflow", "get"),
    ("workflow", "list"),
    ("agent", "get"),
    ("agent", "set"),
    ("tool", "get"),
    ("tool", "set"),
):
    _shortcut(_kind, _verb)


@STATE.function(
    KEY,
    DEFAULT,
    result="value",
    reads=True,
    access=("read",),
)
def get(state: StateService, key: str, default: Value = None) -> Any:
    """Return a value of the scope `global`; the older form of `load`."""
    return load(state, "global", key, default)


@STATE.function(
    KEY,
    VALUE,
    result="Metadata",
    name="set",
    access=("write",),
)
def set_(state: StateService, key: str, value: Value) -> Any:
    """Store a value in the scope `global`; the older form of `save`."""
    return save(state, "global", key, value)


@STATE.function(
    LIST,
    result="texts",
    reads=True,
    name="list",
    access=("read",),
)
def list_(state: StateService, options: dict[str, Any] | None = None) -> list[str]:
    """Return the keys of the scope `global`; the older form of `list_keys`."""
    return state.list_keys("global", **given(options))
