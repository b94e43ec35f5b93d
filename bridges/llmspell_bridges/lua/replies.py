"""What the Lua prelude is answered: chunks for its own ``load``, and packed records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llmspell_bridges.api import Record
from llmspell_bridges.errors import LlmSpellError
from llmspell_bridges.frozen import FrozenValue
from llmspell_bridges.lua.literal import lua_chunk
from llmspell_bridges.lua.records import record_packer

__all__ = ["LuaReplies"]

_CONSTANT_REPLIES: Final = {None: b"return nil", True: b"return true", False: b"return false"}


class LuaReplies:
    """Replies as Lua chunks."""

    def value(self, value: Any) -> bytes:
        if isinstance(value, FrozenValue):
            return value.lua
        if value is None or value is True or value is False:
            return _CONSTANT_REPLIES[value]
        return lua_chunk(value)

    def record(self, record: Record) -> Callable[[tuple[Any, ...] | None], bytes]:
        return record_packer(record)

    def error(self, error: LlmSpellError) -> bytes:
        return b"!" + lua_chunk(error.to_dict())
