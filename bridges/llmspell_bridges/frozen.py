"""A canonical value that never changes, with the texts it crosses into each VM as."""

from __future__ import annotations

from abc import abstractmethod
from typing import Final

from llmspell_bridges.values import Value
from llmspell_bridges.wire import encode_js

__all__ = ["KEPT_BYTES", "KEPT_FACTOR", "FrozenValue"]

KEPT_BYTES: Final = 500
KEPT_FACTOR: Final = 2
"""A wire text is kept when it is no longer than KEPT_BYTES + KEPT_FACTOR * the stored bytes."""


class FrozenValue:
    """Holds a value as bytes, never as an object somebody could change.

    A subclass says how the bytes are decoded. The wire texts are made at first use and kept, so
    loading the same value again costs no encoding; a text much larger than the bytes (which were
    compressed, or cost Lua four characters each) is made again every time instead.
    """

    __slots__ = ("_js", "_lua", "blob")

    def __init__(self, blob: bytes) -> None:
        self.blob = blob
        self._js: str | None = None
        self._lua: bytes | None = None

    @abstractmethod
    def thaw(self) -> Value:
        """Return a fresh copy of the value."""

    def is_current(self) -> bool:
        """Return whether asking for the value again would give this very one."""
        return False

    @property
    def js(self) -> str:
        """The value as wire text for JavaScript."""
        text = self._js
        if text is None:
            text = encode_js(self.thaw())
            if len(text) <= self._most():
                self._js = text
        return text

    @property
    def lua(self) -> bytes:
        """The value as a Lua chunk that returns it."""
        text = self._lua
        if text is None:
            from llmspell_bridges.lua.literal import lua_chunk

            text = lua_chunk(self.thaw())
            if len(text) <= self._most():
                self._lua = text
        return text

    def _most(self) -> int:
        return KEPT_BYTES + KEPT_FACTOR * len(self.blob)
