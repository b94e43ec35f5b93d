"""``ARGS``: the arguments of a script.

``ARGS[0]`` is the script's base name and ``ARGS[1]`` onwards the positional arguments, in both
languages. ``--key value`` and ``--key=value`` give ``ARGS.key``, a bare ``--flag`` gives
``"true"``, and what follows ``--`` is positional. All of it is text. Lua also has ``arg``,
untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from llmspell_bridges.api import Global
from llmspell_bridges.errors import InvalidArgument
from llmspell_bridges.values import is_unicode
from llmspell_stdlib.preludes import Preludes

__all__ = ["ARGS", "ScriptArguments"]

ARGS: Final = Global("ARGS", "The arguments of the script.", preludes=Preludes("args"))
_FLAG_VALUE: Final = "true"


@dataclass(frozen=True, slots=True)
class ScriptArguments:
    """The arguments of one run: ``raw`` as given, and sorted into positional and named ones."""

    name: str
    raw: tuple[str, ...] = ()
    positional: tuple[str, ...] = ()
    named: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, name: str, arguments: Sequence[str]) -> ScriptArguments:
        """Sort arguments. Raises ``InvalidArgument`` for what no script could read."""
        for number, argument in enumerate(arguments, 1):
            if not isinstance(argument, str):
                raise InvalidArgument(
                    f"script arguments are text, not {type(argument).__name__}",
                    hint="pass str(...) of it",
                    parameter="args",
                )
            if not is_unicode(argument):
                raise InvalidArgument(
                    f"argument {number} of the script is not valid Unicode text",
                    hint="scripts get their arguments as text; pass bytes through a file",
                    parameter=str(number),
                )
        positional: list[str] = []
        named: dict[str, str] = {}
        queue = list(arguments)
        while queue:
            item = queue.pop(0)
            if item == "--":
                positional += queue
                break
            if not item.startswith("--"):
                positional.append(item)
                continue
            key, has_value, value = item[2:].partition("=")
            if not has_value:
                value = queue.pop(0) if queue and not queue[0].startswith("--") else _FLAG_VALUE
            if not key or key.isdigit() or key == "length":
                raise InvalidArgument(
                    f"the argument name '--{key}' cannot be used for a script",
                    hint="ARGS.length and ARGS[1] mean the positional arguments; rename it",
                    parameter=key,
                )
            named[key] = value
        return cls(name, tuple(arguments), tuple(positional), named)


@ARGS.function(internal=True, result="map")
def script_arguments(arguments: ScriptArguments) -> dict[str, Any]:
    """Return what the preludes make ARGS of."""
    return {
        "name": arguments.name,
        "raw": list(arguments.raw),
        "positional": list(arguments.positional),
        "named": arguments.named,
    }
