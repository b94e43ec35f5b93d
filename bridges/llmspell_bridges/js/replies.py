"""What the JavaScript prelude is answered: JSON text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from orjson import dumps

from llmspell_bridges.api import Record
from llmspell_bridges.errors import LlmSpellError
from llmspell_bridges.frozen import FrozenValue
from llmspell_bridges.wire import encode_js

__all__ = ["JsReplies"]

_CONSTANT_REPLIES: Final = {None: "null", True: "true", False: "false"}


class JsReplies:
    """Replies as JSON text."""

    def value(self, value: Any) -> str:
        if isinstance(value, FrozenValue):
            return value.js
        if value is None or value is True or value is False:
            return _CONSTANT_REPLIES[value]
        return encode_js(value)

    def record(self, record: Record) -> Callable[[tuple[Any, ...] | None], str]:
        usual, first = record.usual, len(record.fields) - len(record.usual)

        def encode(members: tuple[Any, ...] | None) -> str:
            if members is None:
                return "null"
            if members[first:] == usual:
                return dumps(members[:first]).decode()
            return dumps(tuple(members)).decode()

        return encode

    def error(self, error: LlmSpellError) -> str:
        return "!" + encode_js(error.to_dict())
