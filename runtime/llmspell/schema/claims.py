"""Which entries belong to which family of schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from llmspell.errors import SchemaError
from llmspell.schema.models import AppliesTo
from llmspell.security.validation import Where

__all__ = ["Claims"]

_KNOWN_ADDRESSES: Final = 8192
_HINT: Final = (
    "write [[applies_to]] with a scope or a key into the latest version of each; "
    "applies_to = [] makes a schema only a part of others"
)


class Claims:
    """The scopes and keys that families say they are for.

    ``stated`` are the places by family; a family whose places are ``None`` says nothing. It gets
    what no other claims, unless it is one of ``parts``, which other schemas are made of. Raises
    ``SchemaError`` when two families want everything.
    """

    def __init__(
        self, stated: Mapping[str, Iterable[AppliesTo] | None], parts: Iterable[str] = ()
    ) -> None:
        self._places: dict[str, list[Where]] = {}
        silent: list[str] = []
        for name, places in stated.items():
            self._places[name] = [Where(place.scope, place.key) for place in places or ()]
            if places is None and name not in parts:
                silent.append(name)
        self._rest = silent[0] if silent else None
        greedy = [name for name, places in self._places.items() if any(map(_is_all, places))]
        if len(both := [*greedy, *silent]) > 1:
            raise SchemaError(
                f"the schemas {both[0]!r} and {both[1]!r} both apply to every entry",
                hint=_HINT,
                schemas=both,
            )
        self.family_of = lru_cache(_KNOWN_ADDRESSES)(self._family_of)

    def of(self, name: str) -> list[tuple[str, str]]:
        """Return the patterns of scope and key that a family is for."""
        if name == self._rest:
            return [("*", "*")]
        return [(place.scope, place.key) for place in self._places.get(name, ())]

    def _family_of(self, scope: str, key: str) -> str | None:
        found = [
            name
            for name, places in self._places.items()
            if any(place.has_scope(scope) and place.has_key(key) for place in places)
        ]
        if len(found) > 1:
            raise SchemaError(
                f"key {key!r} in scope '{scope}' belongs to two schemas, {found[0]!r} and "
                f"{found[1]!r}",
                hint="change applies_to of one, so that each entry belongs to one schema",
                schemas=found,
                scope=scope,
                key=key,
            )
        return found[0] if found else self._rest


def _is_all(place: Where) -> bool:
    return place.scope == place.key == "*"
