"""What differs between two canonical values, place by place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

from llmspell_bridges.values import Value, member_path

__all__ = ["Difference", "differences"]

Kind: TypeAlias = Literal["added", "removed", "changed"]


class Difference(NamedTuple):
    """One place in which two values differ: ``path`` as in errors, ``$.user.tags[3]``.

    ``old`` is None for what was added, ``new`` for what was removed.
    """

    path: str
    kind: Kind
    old: Value
    new: Value

    def to_dict(self) -> dict[str, Any]:
        """Return the difference under the names scripts see; an absent side is left out."""
        told: dict[str, Any] = {"path": self.path, "kind": self.kind}
        if self.kind != "added":
            told["old"] = self.old
        if self.kind != "removed":
            told["new"] = self.new
        return told


def differences(old: Value, new: Value, path: str = "$") -> Iterator[Difference]:
    """Yield where two values differ, members sorted by name: a Lua table has no order to keep.

    Maps are compared by member, lists by position: what was inserted in front shows as changes of
    all that follow. An integer and a float are different values even when they are equal.
    """
    if type(old) is dict and type(new) is dict:
        for name in sorted(old.keys() | new.keys()):
            at = member_path(path, name)
            if name not in new:
                yield Difference(at, "removed", old[name], None)
            elif name not in old:
                yield Difference(at, "added", None, new[name])
            else:
                yield from differences(old[name], new[name], at)
    elif type(old) is list and type(new) is list:
        for index in range(max(len(old), len(new))):
            at = f"{path}[{index}]"
            if index >= len(new):
                yield Difference(at, "removed", old[index], None)
            elif index >= len(old):
                yield Difference(at, "added", None, new[index])
            else:
                yield from differences(old[index], new[index], at)
    elif type(old) is not type(new) or old != new:
        yield Difference(path, "changed", old, new)
