"""``INPUT``: the value a run was given, where one was.

Unlike ``ARGS``, which is text, it is a value as ``State`` holds them: what a program passes with
``Runtime.run(..., input=...)``, and each of the inputs of ``Runtime.map``. A run without an input
has no such global, so a script can test for it.
"""

from __future__ import annotations

from typing import Final

from llmspell_bridges.api import Global
from llmspell_bridges.values import Value
from llmspell_stdlib.preludes import Preludes

__all__ = ["INPUT"]

#: Without a name of its own: advice about functions of a global is not for a plain value.
INPUT: Final = Global("", "The value the run was given.", preludes=Preludes("input"))


@INPUT.function(internal=True, result="value")
def script_input(value: Value) -> Value:
    """Return what the preludes make INPUT of."""
    return value
