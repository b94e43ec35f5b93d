"""The host's door to a worker: the real one, which believes nothing it is told."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any, Final

from llmspell_bridges.api import Function
from llmspell_bridges.door import BoundGlobal, Door
from llmspell_bridges.process.description import in_building_order
from llmspell_bridges.process.seeds import SEEDS
from llmspell_bridges.sandbox import SandboxOptions
from llmspell_bridges.values import canonical

__all__ = ["REPLIES", "GuardedDoor", "guarded_door"]

#: How each language wants its replies. Neither VM is loaded for that.
REPLIES: Final = {
    "lua": ("llmspell_bridges.lua.replies", "LuaReplies"),
    "js": ("llmspell_bridges.js.replies", "JsReplies"),
}


class GuardedDoor(Door[Any]):
    """The door to a process nobody vouches for: what it says is made canonical anew."""

    @property
    def size(self) -> int:
        """How many functions can be called; index 0 asks whether a kept value is current."""
        return len(self._entries)

    def called(self, function: Function) -> Function:
        """Return the function with a handler that is given canonical arguments only."""
        handler, depth = function.handler, self._max_depth
        if handler is None:
            raise ValueError(f"{function.name} has no handler")

        def exactly(service: Any, *arguments: Any) -> Any:
            return handler(service, *canonical(arguments, max_depth=depth + 1))

        return replace(function, handler=exactly)


def guarded_door(language: str, options: SandboxOptions) -> GuardedDoor:
    """Return the door, with the functions under the indexes that the worker gives them."""
    module, name = REPLIES[language]
    replies = getattr(import_module(module), name)()
    door = GuardedDoor(replies, max_depth=options.max_depth, limits=options.limits)
    # The first is answered by the worker itself; here it only takes its index.
    for bound in (BoundGlobal(SEEDS, None), *in_building_order(options.globals, language)):
        for function in bound.functions(language):
            door.add(bound, function)
    return door
