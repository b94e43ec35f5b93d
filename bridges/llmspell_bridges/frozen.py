"""A canonical value that never changes, with the texts it crosses into each VM as."""

from __future__ import annotations

from abc import abstractmethod

from llmspell_bridges.values import Value
from llmspell_bridges.wire import encode_js

__all__ = ["FrozenValue"]


class FrozenValue:
    """Holds a value as bytes, never as an object somebody could change.

    A subclass says how the bytes are decoded. The wire texts are made at first use and kept, so
    loading the same value again costs no encoding.
    """

    __slots__ = ("_js", "_lua", "blob")

    def __init__(self, blob: bytes) -> None:
        self.blob = blob
        self._js: str | None = None
        self._lua: bytes | None = None

    @abstractmethod
    def thaw(self) -> Value:
        """Return a fresh copy of the value."""

    @property
    def js(self) -> str:
        """The value as wire text for JavaScript."""
        text = self._js
        if text is None:
            text = self._js = encode_js(self.thaw())
        return text

    @property
    def lua(self) -> bytes:
        """The value as a Lua chunk that returns it."""
        text = self._lua
        if text is None:
            from llmspell_bridges.lua.literal import lua_chunk

            text = self._lua = lua_chunk(self.thaw())
        return text
