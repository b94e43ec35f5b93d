"""Bounds on the structure of values that come from outside: class external."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from llmspell.security.validation.candidate import Problem
from llmspell_bridges.values import Value, member_path

__all__ = ["ExternalBounds"]

#: What would change the prototype of an object that careless JavaScript merges a value into.
_FORBIDDEN_NAMES: Final = frozenset({"__proto__", "constructor", "prototype"})
_CONTROL: Final = frozenset({*map(chr, range(32)), "\x7f", *map(chr, range(0x80, 0xA0))})
_CONTROL_IN_TEXT: Final = _CONTROL - frozenset("\t\n\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalBounds:
    """How large each part of a value may be. Size and depth of the whole are the class's own.

    Control characters are refused except tab, newline and carriage return in texts; so are the
    member names ``__proto__``, ``constructor`` and ``prototype``, and numbers that are not finite.
    ``max_total_nodes`` counts the value and every member and item in it.
    """

    max_string_bytes: int = 64 * 1024
    max_items: int = 10_000
    max_members: int = 1_000
    max_name_bytes: int = 256
    max_total_nodes: int = 100_000
    allow_bytes: bool = False

    def problems(self, value: Value) -> Iterator[Problem]:
        """Yield what is out of bounds, in the order of the value."""
        pending: list[tuple[str, Any]] = [("$", value)]
        nodes = 1
        while pending:
            path, part = pending.pop()
            kind = type(part)
            if kind is str:
                yield from self._text(path, part)
            elif kind is dict or kind is list:
                if problem := self._size(path, part):
                    yield problem
                    continue
                nodes += len(part)
                if nodes > self.max_total_nodes:
                    yield _bound("$", "max_total_nodes", "must have at most {} parts", self)
                    return
                yield from self._names(path, part)
                pending += reversed(_members(path, part))
            elif kind is float:
                if part - part != 0.0:
                    yield Problem(path, "must be a finite number", "external.finite")
            elif kind is bytes:
                yield from self._bytes(path, part)

    def _text(self, path: str, text: str) -> Iterator[Problem]:
        if _bytes_of(text) > self.max_string_bytes:
            yield _bound(path, "max_string_bytes", "must be at most {} bytes long", self)
        elif not text.isprintable() and not _CONTROL_IN_TEXT.isdisjoint(text):
            yield Problem(path, "must hold no control characters", "external.control_character")

    def _bytes(self, path: str, data: bytes) -> Iterator[Problem]:
        if not self.allow_bytes:
            yield Problem(path, "must be text, not bytes", "external.allow_bytes")
        elif len(data) > self.max_string_bytes:
            yield _bound(path, "max_string_bytes", "must be at most {} bytes long", self)

    def _size(self, path: str, part: dict[str, Any] | list[Any]) -> Problem | None:
        if type(part) is list:
            if len(part) > self.max_items:
                return _bound(path, "max_items", "must have at most {} items", self)
        elif len(part) > self.max_members:
            return _bound(path, "max_members", "must have at most {} members", self)
        return None

    def _names(self, path: str, part: dict[str, Any] | list[Any]) -> Iterator[Problem]:
        if type(part) is list:
            return
        for name in part:
            if name in _FORBIDDEN_NAMES:
                problem = Problem("", "must not have this name", "external.forbidden_name")
            elif _bytes_of(name) > self.max_name_bytes:
                said = "must have a name of at most {} bytes"
                problem = _bound("", "max_name_bytes", said, self)
            elif not name.isprintable() and not _CONTROL.isdisjoint(name):
                said = "must have no control characters in its name"
                problem = Problem("", said, "external.control_character")
            else:
                continue
            yield problem._replace(path=member_path(path, name))


def _members(path: str, part: dict[str, Any] | list[Any]) -> list[tuple[str, Any]]:
    if type(part) is dict:
        return [(member_path(path, name), member) for name, member in part.items()]
    return [(f"{path}[{at}]", item) for at, item in enumerate(part)]


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _bound(path: str, name: str, said: str, bounds: ExternalBounds) -> Problem:
    return Problem(path, said.format(f"{getattr(bounds, name):,}"), f"external.{name}")
